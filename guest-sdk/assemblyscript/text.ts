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
  let at: u32 = 0;
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
