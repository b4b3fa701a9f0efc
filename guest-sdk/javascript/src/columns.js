// Records as they cross the sandbox boundary: byte strings back to back, and where each ends.

import { engine } from "./engine.js";

export const HALF_A_PAIR = "the output has half a surrogate pair: it cannot be written as UTF-8";

export const NO_COLUMN = () => ({ data: new Uint8Array(0), ends: [] });

/** Text to bytes. Throws where the text has half a surrogate pair. */
export const toUtf8 = engine?.encode ?? encoded;

/** Bytes to text, or null. */
export const fromUtf8 = engine?.decode ?? decoded;

/** The texts of a column, with null in the place of one that is not UTF-8. */
export const texts = engine?.texts ?? ((column) => slices(column).map(decoded));

/** A column of texts. Throws where one of them has half a surrogate pair. */
export const ofTexts = engine?.column ?? ((values) => ofBytes(values.map(encoded)));

function encoded(text) {
  if (!text.isWellFormed()) throw new TypeError(HALF_A_PAIR);
  return new Uint8Array(Buffer.from(text, "utf8"));
}

function decoded(bytes) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}

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

/** A column of byte arrays. */
export function ofBytes(values) {
  const ends = new Uint32Array(values.length);
  let end = 0;
  for (let index = 0; index < values.length; index++) ends[index] = end += values[index].length;
  const data = new Uint8Array(end);
  for (let index = 0; index < values.length; index++) data.set(values[index], index === 0 ? 0 : ends[index - 1]);
  return { data, ends };
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
