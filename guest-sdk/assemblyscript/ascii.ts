// The letters of ASCII, sixteen bytes at a time: the compiler does not turn loops into vector instructions.

/** What the letters of upper and lower case differ in. */
const CASE: u8 = 0x20;

/** Bytes of memory that are text. Those beyond ASCII stay as they are. */
export namespace ascii {
  /** Copies bytes with upper-case letters. `to` may be `from`. */
  export function upper(to: usize, from: usize, length: u32): void { flip(to, from, length, 0x61); }

  /** Copies bytes with lower-case letters. `to` may be `from`. */
  export function lower(to: usize, from: usize, length: u32): void { flip(to, from, length, 0x41); }
}

/** Gives the other case to the 26 letters from `first` on. */
// @ts-ignore: decorator
@inline
function flip(to: usize, from: usize, length: u32, first: u8): void {
  if (length < 16) {
    for (let at: u32 = 0; at < length; at++) {
      const byte = load<u8>(from + at);
      store<u8>(to + at, byte ^ (u8(u8(byte - first) < 26) * CASE));
    }
    return;
  }
  const last = length - 16;
  for (let at: u32 = 0; at < last; at += 16) flipBlock(to + at, from + at, first);
  // It may overlap the one before it: what has been changed there is not changed again.
  flipBlock(to + last, from + last, first);
}

// @ts-ignore: decorator
@inline
function flipBlock(to: usize, from: usize, first: u8): void {
  const block = v128.load(from);
  const isLetter = i8x16.lt_u(i8x16.sub(block, i8x16.splat(first)), i8x16.splat(26));
  v128.store(to, v128.xor(block, v128.and(isLetter, i8x16.splat(CASE))));
}
