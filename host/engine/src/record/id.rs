//! Who a record is, whatever happens to it: what a destination needs to tell a record that is written again from a new one.

use std::fmt;
use std::sync::Arc;

/// The name of a record at a sink. Two records of a sink never have the same name. A record that is written again has the
/// name that it had: after a failed write, and, where its source can say which record it is, in the runs that resume this one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RecordId {
    /// Where the number counts; 0 where it counts for ever.
    pub(super) scope: u64,
    pub(super) source: Arc<str>,
    pub(super) number: u128,
    pub(super) part: u64,
}

impl RecordId {
    /// The source that gave the record.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Which record of that source: what the source itself calls it, or else which one of this run, from 1.
    #[must_use]
    pub fn number(&self) -> u128 {
        self.number
    }

    /// Which of the records that were made of that one: 0 is the first of each stage. Stages that give the same outputs
    /// again give them the same parts.
    #[must_use]
    pub fn part(&self) -> u64 {
        self.part
    }
}

/// All of it in one text, for a key: `logs/17`, with the run before it and the part behind it, where there are any.
impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.scope > 0 {
            write!(f, "{:016x}/", self.scope)?;
        }
        write!(f, "{}/{}", self.source, self.number)?;
        if self.part > 0 {
            write!(f, "/{:016x}", self.part)?;
        }
        Ok(())
    }
}

/// The part of output `k` (from 1: the first keeps its input's) of an input with this part, `depth` stages in.
pub(super) fn part(of: u64, depth: u32, k: u32) -> u64 {
    mix(of ^ mix(u64::from(depth) << 32 | u64::from(k))).max(1)
}

/// Spreads the bits of a number: the finaliser of SplitMix64, which maps no two numbers to the same one.
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
