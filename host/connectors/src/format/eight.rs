//! Looks at eight bytes at a time, and finds those that matter to a format.
//!
//! Plain arithmetic on one word. It beats `memchr` where what is looked for is a few bytes away, as in the fields of a
//! record, and it finds four kinds of bytes in one pass.

const ONES: u64 = 0x0101_0101_0101_0101;
const TOPS: u64 = 0x8080_8080_8080_8080;

/// Up to eight bytes of a text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Eight {
    /// The first byte is the lowest. Those that the text does not have are zeros.
    bytes: u64,
    /// The top bit of each byte that the text has.
    present: u64,
}

/// Marks on those of eight bytes that are looked for, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marks(u64);

impl Eight {
    /// The bytes from `at` on. Fewer than eight at the end of the text.
    #[inline(always)]
    pub(crate) fn load(text: &[u8], at: usize) -> Self {
        match text.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
            Some(chunk) => Self { bytes: u64::from_le_bytes(*chunk), present: TOPS },
            None => Self::load_last(text.get(at..).unwrap_or_default()),
        }
    }

    #[cold]
    fn load_last(rest: &[u8]) -> Self {
        let mut chunk = [0; 8];
        for (slot, byte) in chunk.iter_mut().zip(rest) {
            *slot = *byte;
        }
        let missing = 8 * 8_usize.saturating_sub(rest.len());
        Self { bytes: u64::from_le_bytes(chunk), present: if missing >= 64 { 0 } else { TOPS >> missing } }
    }

    /// Whether a byte is not ASCII.
    #[inline(always)]
    pub(crate) fn beyond_ascii(self) -> bool {
        self.bytes & TOPS != 0
    }

    /// Marks what JSON text has to escape in a string, or what ends the string: quotes, backslashes, control
    /// characters.
    #[inline(always)]
    pub(crate) fn marks_of_json(self) -> Marks {
        self.marks_where_not(self.others_than_json())
    }

    /// Marks the same bytes, and one byte of ASCII more.
    #[inline(always)]
    pub(crate) fn marks_of_json_and(self, other: u8) -> Marks {
        self.marks_where_not(self.others_than_json() & others_than(self.bytes & !TOPS, other))
    }

    /// The top bit of each byte that is not marked, as far as the lower seven bits tell.
    #[inline(always)]
    fn others_than_json(self) -> u64 {
        let sevens = self.bytes & !TOPS;
        // Below 0x20 are the bytes of which neither of these bits is set.
        let others_than_controls = (sevens & (ONES * 0x60)) + !TOPS;
        others_than(sevens, b'"') & others_than(sevens, b'\\') & others_than_controls
    }

    /// What is looked for is ASCII: a byte with its top bit set is something else.
    #[inline(always)]
    fn marks_where_not(self, others: u64) -> Marks {
        Marks(!(others | self.bytes) & self.present)
    }
}

/// The top bit of each byte that is another than this. Of bytes below 0x80 no sum exceeds a byte, so each bit is exact.
#[inline(always)]
fn others_than(sevens: u64, byte: u8) -> u64 {
    (sevens ^ (ONES * u64::from(byte & 0x7f))) + !TOPS
}

impl Marks {
    /// The first one: how many bytes stand before it.
    #[inline(always)]
    pub(crate) fn first(self) -> Option<usize> {
        (self.0 != 0).then_some(self.0.trailing_zeros() as usize / 8)
    }
}

impl Iterator for Marks {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        let first = self.first()?;
        self.0 &= self.0 - 1;
        Some(first)
    }
}

/// Where the first byte stands that JSON has to escape in a string, or that ends it.
#[inline]
pub(crate) fn find_json_mark(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    while at < text.len() {
        if let Some(first) = Eight::load(text, at).marks_of_json().first() {
            return Some(at + first);
        }
        at += 8;
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_marks_are_those_that_are_found_byte_by_byte(
            text in prop::collection::vec(prop_oneof![any::<u8>(), 0_u8..0x24, 0x58_u8..0x60], 0..20),
            at in 0_usize..22,
            other in 0_u8..0x80,
        ) {
            let rest = || text.iter().skip(at).take(8).enumerate();
            let must = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
            let eight = Eight::load(&text, at);
            let json: Vec<_> = rest().filter(|(_, byte)| must(**byte)).map(|(index, _)| index).collect();
            prop_assert_eq!(eight.marks_of_json().collect::<Vec<_>>(), json);
            let more: Vec<_> = rest().filter(|(_, b)| must(**b) || **b == other).map(|(index, _)| index).collect();
            prop_assert_eq!(eight.marks_of_json_and(other).collect::<Vec<_>>(), more);
            prop_assert_eq!(eight.beyond_ascii(), rest().any(|(_, byte)| !byte.is_ascii()));
            prop_assert_eq!(find_json_mark(&text), text.iter().position(|byte| must(*byte)));
        }
    }
}
