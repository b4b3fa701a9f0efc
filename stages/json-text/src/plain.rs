//! Where a string's plain bytes end: sixteen bytes at a time.

/// Which bytes are looked at together.
const BLOCK: usize = 16;

/// Where the first byte at or after `from` is that does not stand for itself in a string: a quote, a backslash, a control
/// character. DEL is one where `with_del`: some writers escape it.
#[inline]
pub(crate) fn end(bytes: &[u8], from: usize, with_del: bool) -> usize {
    let mut tail = bytes.get(from..).unwrap_or_default();
    while let Some((block, rest)) = tail.split_first_chunk::<BLOCK>() {
        if let Some(first) = first(block, with_del) {
            return bytes.len() - tail.len() + first;
        }
        tail = rest;
    }
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f) || with_del && *byte == 0x7f;
    bytes.len() - tail.iter().position(is_special).map_or(0, |at| tail.len() - at)
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
#[inline]
fn first(block: &[u8; BLOCK], with_del: bool) -> Option<usize> {
    use std::arch::wasm32::{u8x16_bitmask, u8x16_eq, u8x16_lt, u8x16_splat, u64x2, v128_or};
    let (low, high) = words(block);
    let bytes = u64x2(low, high);
    let is = |byte| u8x16_eq(bytes, u8x16_splat(byte));
    let mut special = v128_or(v128_or(is(b'"'), is(b'\\')), u8x16_lt(bytes, u8x16_splat(0x20)));
    if with_del {
        special = v128_or(special, is(0x7f));
    }
    let mask = u8x16_bitmask(special);
    (mask != 0).then(|| mask.trailing_zeros() as usize)
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
#[inline]
fn first(block: &[u8; BLOCK], with_del: bool) -> Option<usize> {
    const ONES: u64 = u64::MAX / 0xff;
    // The lowest bit that is set is right; those above may come of a borrow.
    let below = |word: u64, bound: u8| word.wrapping_sub(ONES * u64::from(bound)) & !word;
    let is = |word: u64, byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    let special = |word: u64| {
        let special = is(word, b'"') | is(word, b'\\') | below(word, 0x20);
        (if with_del { special | is(word, 0x7f) } else { special }) & (ONES << 7)
    };
    let (low, high) = words(block);
    let (low, high) = (special(low), special(high));
    match (low, high) {
        (0, 0) => None,
        (0, high) => Some(8 + high.trailing_zeros() as usize / 8),
        (low, _) => Some(low.trailing_zeros() as usize / 8),
    }
}

/// The bytes, the first of them lowest.
#[inline]
fn words(block: &[u8; BLOCK]) -> (u64, u64) {
    let block = u128::from_le_bytes(*block);
    #[expect(clippy::cast_possible_truncation, reason = "each is a half")]
    let halves = (block as u64, (block >> 64) as u64);
    halves
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_first_special_byte_is_found_wherever_it_is(
            bytes in vec(prop_oneof![8 => 0x20_u8..=0xff, 1 => 0_u8..=0xff], 0..80), from in 0_usize..80, with_del: bool
        ) {
            let special = |byte: &u8| *byte < 0x20 || matches!(byte, b'"' | b'\\') || with_del && *byte == 0x7f;
            let from = from.min(bytes.len());
            let expected = bytes[from..].iter().position(special).map_or(bytes.len(), |at| from + at);
            prop_assert_eq!(end(&bytes, from, with_del), expected);
        }
    }
}
