//! Numbers, checked without looking at any one of them.

use super::carry::Carry;

/// Where in a block stands what numbers are made of, outside of strings.
#[derive(Clone, Copy, Debug)]
pub(super) struct NumberMarks {
    /// First bytes of numbers and literals.
    pub(super) starts: u64,
    pub(super) digits: u64,
    pub(super) zeros: u64,
}

/// Marks of bytes that not all numbers have.
#[derive(Clone, Copy, Debug)]
pub(super) struct RareMarks {
    pub(super) minus: u64,
    pub(super) plus: u64,
    pub(super) dots: u64,
    pub(super) exponents: u64,
    /// The bytes of a literal.
    pub(super) literals: u64,
    /// All of these, and what belongs to nothing.
    pub(super) all: u64,
}

/// The state that the block before leaves.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Numbers {
    whole: Carry,
    leading_zero: Carry,
    fraction: Carry,
    exponent: Carry,
    dot: Carry,
    sign_or_dot: Carry,
    first_sign: Carry,
    literal: Carry,
}

impl Numbers {
    /// Whether the block before ended in what [`Self::wrong_of_whole`] does not know.
    #[inline(always)]
    pub(super) fn is_pending(&self) -> bool {
        let signs = self.sign_or_dot.or(self.first_sign).or(self.exponent);
        self.fraction.or(self.dot).or(self.literal).or(signs).is_set()
    }

    /// What is wrong in a block that has digits only.
    #[inline(always)]
    pub(super) fn wrong_of_whole(&mut self, marks: NumberMarks) -> u64 {
        let NumberMarks { starts, digits, zeros } = marks;
        self.whole.end_of(starts, digits);
        self.leading_zero.next_to(starts & zeros) & digits
    }

    /// What is wrong in any block.
    #[inline(always)]
    pub(super) fn wrong(&mut self, marks: NumberMarks, rare: RareMarks) -> u64 {
        let NumberMarks { starts, digits, zeros } = marks;
        let RareMarks { minus, plus, dots, exponents, literals, all } = rare;
        let signs = minus | plus;
        let first_signs = minus & starts;
        let behind_exponents = self.exponent.next_to(exponents);
        let behind_dots = self.dot.next_to(dots);
        let whole_starts = (starts | self.first_sign.next_to(first_signs)) & digits;
        let whole_ends = self.whole.end_of(whole_starts, digits);
        let fraction_ends = self.fraction.end_of(behind_dots & digits, digits);
        let strangers = all & !(literals | signs | dots | exponents);
        let misplaced = signs & !(first_signs | behind_exponents)
            | dots & !whole_ends
            | exponents & !(whole_ends | fraction_ends)
            | self.leading_zero.next_to(whole_starts & zeros) & digits
            | self.literal.next_to(literals) & digits;
        let unfinished = self.sign_or_dot.next_to(signs | dots) & !digits | behind_exponents & !(digits | signs);
        strangers | misplaced | unfinished
    }
}
