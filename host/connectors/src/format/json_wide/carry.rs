//! State that one block of a text passes to the next.

/// Whether the first byte of the next block stands where a relation to the bytes before it leads: 1 or 0. One for each
/// relation.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Carry(u64);

impl Carry {
    pub(super) fn is_set(self) -> bool {
        self.0 != 0
    }

    /// Or of two.
    pub(super) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The places directly after these.
    #[inline(always)]
    pub(super) fn next_to(&mut self, marks: u64) -> u64 {
        let next = marks << 1 | self.0;
        self.0 = marks >> 63;
        next
    }

    /// The places after these and whatever of `run` follows them. An addition carries a bit through a run of ones.
    #[inline(always)]
    pub(super) fn after(&mut self, marks: u64, run: u64) -> u64 {
        let next = marks << 1 | self.0;
        let (sum, over) = run.overflowing_add(next & run);
        self.0 = marks >> 63 | u64::from(over);
        (next | sum) & !run
    }

    /// The places directly after those runs that begin at `starts`.
    #[inline(always)]
    pub(super) fn end_of(&mut self, starts: u64, run: u64) -> u64 {
        let (sum, over) = run.overflowing_add(starts | self.0);
        self.0 = u64::from(over);
        sum & !run
    }
}
