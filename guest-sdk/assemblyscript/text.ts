// Text that is sound: AssemblyScript's own may have half a surrogate pair, and bytes may be anything.

/** Whether it can be written as UTF-8. */
export function isWellFormed(text: string): bool {
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index) & 0xfc00;
    if (unit == 0xdc00) return false;
    if (unit == 0xd800 && (index + 1 == text.length || (text.charCodeAt(++index) & 0xfc00) != 0xdc00)) return false;
  }
  return true;
}

/** The offset of the first byte that is not part of a UTF-8 character, or -1. */
export function invalidAt(start: usize, length: u32): i32 {
  let at = asciiLength(start, length);
  while (at < length) {
    const first = load<u8>(start + at);
    if (first < 0x80) { at++; continue; }
    const count: u32 = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
    if (count == 0 || at + count > length) return at;
    const second = load<u8>(start + at + 1);
    const least: u8 = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    const most: u8 = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (second < least || second > most) return at;
    for (let next: u32 = 2; next < count; next++) if ((load<u8>(start + at + next) & 0xc0) != 0x80) return at;
    at += count;
  }
  return -1;
}

/** The text of bytes that are UTF-8. Most are ASCII, which needs no decoder. */
export function decoded(start: usize, length: u32): string {
  return asciiLength(start, length) == length ? ofAscii(start, length) : String.UTF8.decodeUnsafe(start, length);
}

/** How many bytes are ASCII before the first that is not. */
function asciiLength(start: usize, length: u32): u32 {
  let at: u32 = 0;
  while (at + 16 <= length && i8x16.bitmask(v128.load(start + at)) == 0) at += 16;
  while (at < length && load<u8>(start + at) < 0x80) at++;
  return at;
}

/** The text of bytes that are ASCII. */
function ofAscii(start: usize, length: u32): string {
  const made = __new(<usize>length << 1, idof<string>());
  let at: usize = 0;
  for (; at + 16 <= length; at += 16) {
    const bytes = v128.load(start + at);
    v128.store(made + (at << 1), i16x8.extend_low_i8x16_u(bytes));
    v128.store(made + (at << 1), i16x8.extend_high_i8x16_u(bytes), 16);
  }
  for (; at < length; at++) store<u16>(made + (at << 1), load<u8>(start + at));
  return changetype<string>(made);
}

/** Writes a text of which every character is one byte, and says whether it is. There must be room for all of it. */
export function writeAscii(text: string, to: usize): bool {
  const length = text.length, from = changetype<usize>(text);
  const wide = i16x8.splat(<i16>0xff80);
  let seen = i64x2.splat(0), index = 0;
  for (; index + 16 <= length; index += 16) {
    const low = v128.load(from + (<usize>index << 1)), high = v128.load(from + (<usize>index << 1), 16);
    seen = v128.or(seen, v128.or(low, high));
    v128.store(to + index, i8x16.narrow_i16x8_u(low, high));
  }
  if (v128.any_true(v128.and(seen, wide))) return false;
  for (; index < length; index++) {
    const unit = load<u16>(from + (<usize>index << 1));
    if (unit >= 0x80) return false;
    store<u8>(to + index, unit);
  }
  return true;
}
