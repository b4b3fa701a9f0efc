//! Looks at a queue from outside.

use std::sync::Arc;

use super::{Receiver, Shared};
use crate::record::RecordKey;

/// Looks at a queue. It is neither a sender nor a receiver.
#[derive(Clone, Debug)]
pub struct Probe {
    shared: Arc<Shared>,
}

/// Records that came to a queue without the key by which it deals them.
#[derive(Clone, Copy, Debug)]
pub struct WithoutKey<'a> {
    /// How many they are.
    pub records: u64,
    /// All records that have come.
    pub all: u64,
    /// The key.
    pub key: &'a RecordKey,
    /// Whether batches may go [whole](super::ByKey::or_whole), so that several receivers may have such records at a time.
    pub may_be_whole: bool,
}

/// The fill level of a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// Records in the queue now.
    pub records: usize,
    /// Bytes in the queue now.
    pub bytes: usize,
    /// Largest number of records that were in the queue at one time.
    pub records_high_water: usize,
}

impl Receiver {
    /// A probe for watching the queue, which keeps neither end open.
    #[must_use]
    pub fn probe(&self) -> Probe {
        Probe { shared: Arc::clone(&self.shared) }
    }
}

impl Probe {
    /// The fill level now.
    #[must_use]
    pub fn depth(&self) -> Depth {
        self.shared.line().depth
    }

    /// Whether another receiver would find a batch now.
    pub(crate) fn has_ready(&self) -> bool {
        self.shared.line().lanes.has_ready()
    }

    /// Records that came without a key to a queue with several lanes that deals by it, if there were any.
    #[must_use]
    pub fn without_key(&self) -> Option<WithoutKey<'_>> {
        let by_key = self.shared.by_key.as_ref()?;
        let (records, all) = by_key.without_key();
        (records > 0).then(|| WithoutKey { records, all, key: by_key.key(), may_be_whole: by_key.may_be_whole() })
    }

    /// Largest number of records it holds.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.shared.capacity.records
    }
}
