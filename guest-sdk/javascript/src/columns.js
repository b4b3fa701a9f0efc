// Records as they cross the sandbox boundary: byte strings back to back, and where each ends.
//
// QuickJS has no TextDecoder, and a step of JavaScript costs as much as a native function does for 50 bytes. So whole
// columns become "binary strings", with one character per byte, by way of base64, which is native in both directions.

const isQuickJS = typeof Uint8Array.prototype.toBase64 === "function";

/** One character per byte. */
export const binary = isQuickJS
  ? (bytes) => atob(bytes.toBase64())
  : (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");

/** One byte per character, none of which is above U+00FF. */
export const fromBinary = isQuickJS
  ? (text) => Uint8Array.fromBase64(btoa(text))
  : (text) => new Uint8Array(Buffer.from(text, "latin1"));

export const HALF_A_PAIR = "the output has half a surrogate pair: it cannot be written as UTF-8";

export const NO_COLUMN = () => ({ data: new Uint8Array(0), ends: [] });

/** So many bytes are looked at one by one: views that see more at a step cost more than that. */
const FEW = 1024;

/** Whether all bytes are ASCII: 32 at a step, since a step costs more than what it looks at. */
export function isAscii(bytes) {
  const head = bytes.length <= FEW ? bytes.length : (4 - (bytes.byteOffset & 3)) & 3;
  const count = (bytes.length - head) >> 5;
  let seen = 0;
  for (let at = 0; at < head; at++) seen |= bytes[at];
  for (let at = head + count * 32; at < bytes.length; at++) seen |= bytes[at];
  if ((seen & 0x80) !== 0) return false;
  if (count === 0) return true;
  // Eight views, each a word further: an index less to add up. Signed, so that no word is a number with a fraction.
  const view = (word) => new Int32Array(bytes.buffer, bytes.byteOffset + head + word * 4, count * 8 - word);
  const [a, b, c, d, e, f, g, h] = [0, 1, 2, 3, 4, 5, 6, 7].map(view);
  for (let at = count * 8 - 8; at >= 0; at -= 8) {
    seen |= a[at] | b[at] | c[at] | d[at] | e[at] | f[at] | g[at] | h[at];
  }
  return (seen & 0x80808080) === 0;
}

/** The text of a binary string, or null where it is not UTF-8. */
export function decoded(text) {
  try {
    return decodeURIComponent(escape(text));
  } catch {
    return null;
  }
}

/** The binary string of a text. Throws where the text has half a surrogate pair. */
export function encoded(text) {
  if (!text.isWellFormed()) throw new TypeError(HALF_A_PAIR);
  return unescape(encodeURIComponent(text));
}

/** Text to bytes. */
export const toUtf8 = (text) => fromBinary(encoded(text));

/** Bytes to text, or null. */
export const fromUtf8 = (bytes) => decoded(binary(bytes));

/** The offset of the first byte that is not part of a UTF-8 character. */
export function invalidAt(bytes) {
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at];
    const length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
    if (length === 0 || at + length > bytes.length || fromUtf8(bytes.subarray(at, at + length)) === null) return at;
    at += length;
  }
  return -1;
}

/** The values of a column of bytes. */
export function slices({ data, ends }) {
  const values = [];
  let start = 0;
  for (let index = 0; index < ends.length; index++) {
    values.push(data.subarray(start, ends[index]));
    start = ends[index];
  }
  return values;
}

/** A column of texts. Throws where one of them has half a surrogate pair. */
export function ofTexts(texts) {
  const joined = texts.join("");
  const data = latin1(joined);
  if (data !== null && isAscii(data)) return { data, ends: endsOf(texts) };
  return ofBinaries(texts.map(encoded));
}

/** A column of binary strings. */
export function ofBinaries(texts) {
  return { data: fromBinary(texts.join("")), ends: endsOf(texts) };
}

/** A column of byte arrays. */
export function ofBytes(values) {
  const ends = endsOf(values);
  const data = new Uint8Array(ends.length === 0 ? 0 : ends[ends.length - 1]);
  for (let index = 0; index < values.length; index++) data.set(values[index], index === 0 ? 0 : ends[index - 1]);
  return { data, ends };
}

/** Numbers of the width that the boundary has cross it at once, and those of an array one by one. */
function endsOf(values) {
  const ends = new Uint32Array(values.length);
  let end = 0;
  for (let index = 0; index < values.length; index++) ends[index] = end += values[index].length;
  return ends;
}

function latin1(text) {
  if (!isQuickJS) return /^[\x00-\xff]*$/.test(text) ? fromBinary(text) : null;
  try {
    return fromBinary(text);
  } catch {
    return null; // `btoa` takes no character above U+00FF
  }
}

/** The text of bytes, with U+FFFD for each byte that is not part of a UTF-8 character. */
export function replaced(bytes) {
  let text = "";
  for (let from = 0; from < bytes.length; ) {
    const bad = invalidAt(bytes.subarray(from));
    const to = bad < 0 ? bytes.length : from + bad;
    text += fromUtf8(bytes.subarray(from, to)) + (bad < 0 ? "" : "\ufffd");
    from = to + 1;
  }
  return text;
}
