//! Bounds the outputs of one record: bytes and number. Checked once the outcome itself has been, so that
//! every output has an origin that is there.

use sandmill_engine::program::{GuestFailure, Outcome};

/// Bounds of the outputs of one record, or of several together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OutputBounds {
    pub(super) bytes: u64,
    pub(super) records: u64,
}

impl OutputBounds {
    /// What this many records may come to; one at least, so that a `flush` may return something when nothing went
    /// before.
    pub(super) fn times(self, records: usize) -> Self {
        let times = records.max(1) as u64;
        Self { bytes: self.bytes.saturating_mul(times), records: self.records.saturating_mul(times) }
    }

    /// All outputs together.
    pub(super) fn check_sum(&self, outcome: &Outcome) -> Result<(), GuestFailure> {
        self.allow(outcome.emitted.bytes() as u64, outcome.emitted.len() as u64)
    }

    /// The outputs of each record by itself.
    pub(super) fn check(&self, outcome: &Outcome) -> Result<(), GuestFailure> {
        // The common case: all together are within what one record may make.
        if self.check_sum(outcome).is_ok() {
            return Ok(());
        }
        let size = |output: usize| {
            let value = outcome.emitted.value(output).map_or(0, <[u8]>::len);
            (value + outcome.emitted.key(output).map_or(0, <[u8]>::len)) as u64
        };
        let Some(origins) = &outcome.origins else {
            return (0..outcome.emitted.len()).try_for_each(|output| self.allow(size(output), 1));
        };
        let mut first = 0;
        for outputs in origins.chunk_by(|a, b| a == b) {
            let bytes = (first..first + outputs.len()).map(size).sum();
            self.allow(bytes, outputs.len() as u64)?;
            first += outputs.len();
        }
        Ok(())
    }

    pub(super) fn allow(&self, bytes: u64, records: u64) -> Result<(), GuestFailure> {
        if bytes > self.bytes {
            return Err(GuestFailure::OutputLimit { used: bytes, limit: self.bytes });
        }
        if records > self.records {
            return Err(GuestFailure::OutputRecordsLimit { used: records, limit: self.records });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sandmill_engine::record::{Column, Payload};

    fn outcome(values: &[&str], origins: Option<&[u32]>) -> Outcome {
        let emitted = Payload::new(values.iter().collect::<Column>(), Column::default()).unwrap();
        Outcome { emitted, origins: origins.map(<[u32]>::to_vec), ..Outcome::default() }
    }

    #[test]
    fn each_record_is_held_to_its_own_bound_and_not_to_its_neighbours() {
        let bounds = OutputBounds { bytes: 4, records: 2 };
        assert_eq!(bounds.check(&outcome(&["abcd", "efgh", "ijkl"], None)), Ok(()));
        assert_eq!(bounds.check(&outcome(&["ab", "cd", "ef", "gh"], Some(&[0, 0, 3, 3]))), Ok(()));
        let long = bounds.check(&outcome(&["a", "abcde"], None));
        assert_eq!(long, Err(GuestFailure::OutputLimit { used: 5, limit: 4 }));
        let together = bounds.check(&outcome(&["a", "bc", "def"], Some(&[0, 1, 1])));
        assert_eq!(together, Err(GuestFailure::OutputLimit { used: 5, limit: 4 }));
        let many = bounds.check(&outcome(&["a", "", "", ""], Some(&[0, 1, 1, 1])));
        assert_eq!(many, Err(GuestFailure::OutputRecordsLimit { used: 3, limit: 2 }));
    }

    #[test]
    fn what_flush_gives_is_held_to_the_sum() {
        let bounds = OutputBounds { bytes: 4, records: 2 };
        let held = outcome(&["abcde", "f", "g"], None);
        assert_eq!(bounds.times(2).check_sum(&held), Ok(()));
        assert_eq!(bounds.times(0).check_sum(&held), Err(GuestFailure::OutputLimit { used: 7, limit: 4 }));
    }
}
