//! What became of the records of a batch: outputs, failures and dropped records with their claims, or another attempt.

use super::retries::Waiting;
use crate::flow::Failed;
use crate::record::{Lineage, Payload};

/// The sorted results of a whole batch.
#[derive(Debug, Default)]
pub(crate) struct Sorted {
    pub(crate) emitted: Payload,
    pub(crate) claims: Lineage,
    pub(crate) ports: Option<Vec<u16>>,
    pub(crate) failed: Failed,
    pub(crate) dropped: Lineage,
}

/// The results of neighbouring records, or of one.
#[derive(Debug)]
pub(crate) enum Part {
    /// They have their outcomes.
    Done(Sorted),
    /// It is tried again.
    Waiting(Waiting),
}

impl Part {
    /// All its claims.
    pub(crate) fn claims(&self) -> impl Iterator<Item = &Lineage> {
        let [first, second, third] = match self {
            Self::Waiting(record) => [Some(&record.claim), None, None],
            Self::Done(sorted) => [Some(&sorted.claims), Some(&sorted.failed.claims), Some(&sorted.dropped)],
        };
        first.into_iter().chain(second).chain(third)
    }

    /// Bytes of the records that it holds.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Waiting(record) => record.record.bytes(),
            Self::Done(sorted) => sorted.emitted.bytes() + sorted.failed.records.bytes(),
        }
    }
}

impl Sorted {
    /// Adds what became of the records after these.
    pub(crate) fn append(&mut self, other: Self) {
        append_ports(&mut self.ports, self.emitted.len(), other.ports, other.emitted.len());
        self.emitted.append(&other.emitted);
        self.claims.append(other.claims);
        self.failed.append(other.failed);
        self.dropped.append(other.dropped);
    }

    /// The reason of the last failed record; empty when none failed.
    pub(crate) fn last_reason(&self) -> String {
        self.failed.reasons.last().map(|reason| reason.message.clone()).unwrap_or_default()
    }
}

/// Adds the ports of `added` outputs after those of `before`; outputs without a port go to the first.
pub(super) fn append_ports(all: &mut Option<Vec<u16>>, before: usize, ports: Option<Vec<u16>>, added: usize) {
    if ports.is_some() || all.is_some() {
        let all = all.get_or_insert_with(|| vec![0; before]);
        all.extend(ports.unwrap_or_else(|| vec![0; added]));
    }
}
