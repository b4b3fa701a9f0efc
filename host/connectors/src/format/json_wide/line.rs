//! One line, block after block.

use std::mem;

use super::block::{BYTES, Block, odd_up_to};
use super::carry::Carry;
use super::nesting::{Nesting, Structure};
use super::numbers::{NumberMarks, Numbers, RareMarks};

/// Shorter ones are scanned as fast byte by byte: measured.
const SHORT_BYTES: usize = 40;

/// Whether the text is UTF-8, and one JSON value on a line. `None`: that would not be faster here.
#[inline]
#[expect(unsafe_code, reason = "whether the processor has these instructions is known at run time only")]
pub(super) fn is_value(text: &[u8]) -> Option<bool> {
    let is_able = is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("pclmulqdq");
    if !is_able || text.len() < SHORT_BYTES {
        return None;
    }
    // SAFETY: the processor has each of the features that the function is compiled for.
    Some(unsafe { is_value_by_blocks(text) })
}

#[target_feature(enable = "avx2,bmi1,bmi2,pclmulqdq")]
#[expect(unsafe_code, reason = "the check of UTF-8 is compiled for a feature of the processor")]
fn is_value_by_blocks(text: &[u8]) -> bool {
    let mut line = Line { text, ..Line::default() };
    if line.read().is_none() || !line.is_whole() {
        return false;
    }
    // SAFETY: this function is compiled for AVX2, and called only where the processor has it.
    line.beyond_ascii == 0 || unsafe { simdutf8::basic::imp::x86::avx2::validate_utf8(text) }.is_ok()
}

/// How far a line was read. Every step gives `None` where the line is not known to be JSON.
#[derive(Debug, Default)]
struct Line<'a> {
    text: &'a [u8],
    /// Where the block begins.
    at: usize,
    /// Not 0 when a byte is not ASCII.
    beyond_ascii: u64,
    /// All ones when the block begins within a string.
    in_string: u64,
    /// Whether the first byte of the block is escaped: 1 or 0.
    escaped: u64,
    /// Those bytes at the start of the block that belong to a literal that began before.
    literal: u64,
    after_value: Carry,
    after_string: Carry,
    after_colon_or_close: Carry,
    after_scalar: Carry,
    numbers: Numbers,
    nesting: Nesting,
}

/// Bytes that most blocks do not have.
#[derive(Clone, Copy, Default)]
struct Specials {
    backslashes: u64,
    escaped: u64,
    tabs: u64,
}

impl Line<'_> {
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,pclmulqdq")]
    fn read(&mut self) -> Option<()> {
        let (blocks, tail) = self.text.as_chunks::<BYTES>();
        for block in blocks {
            self.block(Block::new(block, 0))?;
            self.at += BYTES;
        }
        match self.text.last_chunk::<BYTES>() {
            // What came before is looked at again, and left out.
            Some(last) if !tail.is_empty() => self.block(Block::new(last, BYTES - tail.len())),
            _ => {
                let mut last = [b' '; BYTES];
                last.get_mut(..tail.len())?.copy_from_slice(tail);
                self.block(Block::new(&last, 0))
            }
        }
    }

    /// White space follows the end of the text, so that all that is open is closed by then.
    fn is_whole(&self) -> bool {
        self.after_value.is_set() && self.nesting.is_closed() && self.in_string == 0
    }

    #[inline(never)]
    #[target_feature(enable = "avx2,bmi1,bmi2,pclmulqdq")]
    fn block(&mut self, block: Block) -> Option<()> {
        self.beyond_ascii |= block.marks(block.bytes);
        let special = block.bytes.equal(b'\\').or(block.bytes.at_most(0x1f));
        let quotes = block.bytes.equal(b'"');
        let is_special = special.any() || self.escaped != 0;
        if self.in_string != 0 && !is_special && !quotes.any() {
            return Some(());
        }
        let specials = if is_special { self.specials(block)? } else { Specials::default() };
        let quotes = block.marks(quotes) & !specials.escaped;
        let in_string = odd_up_to(quotes) ^ self.in_string;
        self.in_string = (in_string.cast_signed() >> 63).cast_unsigned();
        let misplaced = specials.backslashes & !in_string | specials.tabs & in_string;
        let spaces = (block.marks_of(b' ') | specials.tabs | block.beyond()) & !in_string;
        let wrong = misplaced | self.outside_of_strings(block, quotes, in_string, spaces)?;
        (wrong == 0).then_some(())
    }

    /// What is wrong with the order of values and what stands between them, and with numbers and literals.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,pclmulqdq")]
    fn outside_of_strings(&mut self, block: Block, quotes: u64, in_string: u64, spaces: u64) -> Option<u64> {
        let outside = !in_string;
        let (commas, colons) = (block.marks_of(b',') & outside, block.marks_of(b':') & outside);
        let lower = block.bytes.lower();
        let opens = block.marks(lower.equal(b'{')) & outside;
        let closes = block.marks(lower.equal(b'}')) & outside;
        let marks = commas | colons | opens | closes;
        let scalars = outside & !(quotes | spaces | marks);
        let mut wrong = 0;
        let had_scalar = self.after_scalar.is_set();
        let scalar_starts = scalars & !self.after_scalar.next_to(scalars);
        if scalars != 0 || had_scalar {
            wrong = self.wrong_scalars(block, scalars, scalar_starts)?;
        }
        let string_ends = quotes & outside;
        let after_value = self.after_value.after(string_ends | closes | scalars, spaces);
        let after_string = self.after_string.after(string_ends, spaces);
        let after_colon_or_close = self.after_colon_or_close.after(colons | closes, !marks);
        let starts = quotes & in_string | scalar_starts | opens;
        wrong |= starts & after_value | commas & !after_value | colons & (!after_string | after_colon_or_close);
        if closes & !after_value != 0 {
            self.are_empty(closes & !after_value)?;
        }
        let nameless = (commas | opens | closes & after_value) & !after_colon_or_close;
        let structure = Structure { commas, colons, opens, closes, nameless };
        Some(wrong | self.nesting.walk(&structure, || block.marks(block.bytes.curly()))?)
    }

    /// What is wrong with numbers and literals.
    #[inline]
    #[target_feature(enable = "avx2,bmi1,bmi2,pclmulqdq")]
    fn wrong_scalars(&mut self, block: Block, scalars: u64, starts: u64) -> Option<u64> {
        let digits = block.marks(block.bytes.digits()) & scalars;
        let all = scalars & !digits;
        let marks = NumberMarks { starts, digits, zeros: block.marks_of(b'0') };
        if all == 0 && self.literal == 0 && !self.numbers.is_pending() {
            return Some(self.numbers.wrong_of_whole(marks));
        }
        let minus = block.marks_of(b'-') & all;
        let literals = self.literals(starts & all & !minus)?;
        let exponents = block.marks(block.bytes.lower().equal(b'e')) & all & !literals;
        let (plus, dots) = (block.marks_of(b'+') & all, block.marks_of(b'.') & all);
        Some(self.numbers.wrong(marks, RareMarks { minus, plus, dots, exponents, literals, all }))
    }

    /// Marks the literals that begin at these places, and the rest of one that began before.
    #[inline(always)]
    fn literals(&mut self, mut starts: u64) -> Option<u64> {
        let mut marks = mem::take(&mut self.literal);
        while starts != 0 {
            let bit = starts.trailing_zeros();
            let rest = self.text.get(self.at + bit as usize..)?;
            let word: u64 = match rest.first_chunk::<4>()? {
                b"true" | b"null" => 0b1111,
                b"fals" if rest.get(4) == Some(&b'e') => 0b1_1111,
                _ => return None,
            };
            marks |= word << bit;
            self.literal |= word.checked_shr(BYTES as u32 - bit).unwrap_or_default();
            starts &= starts - 1;
        }
        Some(marks)
    }

    /// Arrays and objects that are closed where no value came before: each is empty.
    #[cold]
    fn are_empty(&self, mut closes: u64) -> Option<()> {
        while closes != 0 {
            let before = self.text.get(..self.at + closes.trailing_zeros() as usize)?;
            let last = before.iter().rfind(|byte| !matches!(byte, b' ' | b'\t'))?;
            matches!(last, b'{' | b'[').then_some(())?;
            closes &= closes - 1;
        }
        Some(())
    }

    /// Looks at backslashes and control characters.
    #[inline(never)]
    #[target_feature(enable = "avx2,bmi1,bmi2,pclmulqdq")]
    fn specials(&mut self, block: Block) -> Option<Specials> {
        let tabs = block.marks_of(b'\t');
        if block.marks(block.bytes.at_most(0x1f)) != tabs {
            return None;
        }
        let backslashes = block.marks_of(b'\\');
        let escaped = self.escaped_by(backslashes);
        let bytes = block.bytes;
        let same = bytes.equal(b'"').or(bytes.equal(b'\\')).or(bytes.equal(b'/'));
        let spaces = bytes.equal(b'b').or(bytes.equal(b'f')).or(bytes.equal(b'n'));
        let known = same.or(spaces).or(bytes.equal(b'r')).or(bytes.equal(b't'));
        self.are_code_points(escaped & !block.marks(known))?;
        Some(Specials { backslashes, escaped, tabs })
    }

    /// The places that a backslash stands before which is not escaped itself. Of a row of backslashes every second one
    /// is: a subtraction finds where each row ends, and whether that is an odd place.
    #[inline(always)]
    fn escaped_by(&mut self, backslashes: u64) -> u64 {
        const ODD: u64 = 0xaaaa_aaaa_aaaa_aaaa;
        let escaping = backslashes & !self.escaped;
        let rows = ((escaping << 1 | ODD).wrapping_sub(escaping)) ^ ODD;
        let escaped = rows ^ (backslashes | self.escaped);
        self.escaped = (rows & backslashes) >> 63;
        escaped
    }

    /// Each of these places has a `u` and four hexadecimal digits.
    #[inline(always)]
    fn are_code_points(&self, mut places: u64) -> Option<()> {
        while places != 0 {
            let rest = self.text.get(self.at + places.trailing_zeros() as usize..)?;
            let [b'u', digits @ ..] = rest.first_chunk::<5>()? else { return None };
            digits.iter().all(u8::is_ascii_hexdigit).then_some(())?;
            places &= places - 1;
        }
        Some(())
    }
}
