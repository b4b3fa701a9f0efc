//! The key of a record: records of one key keep their order among each other where a stage says `order = "key"`.
//!
//! Only a hash of the key is kept: two keys of one hash (one pair in 2^64) wait for each other, and nothing else happens.

mod pointer;

use std::hash::{DefaultHasher, Hash, Hasher};

pub use pointer::{JsonPointer, PointerError};

use super::Payload;

/// Where a record's key is found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RecordKey {
    /// In the record's own key, beside its value.
    #[default]
    Own,
    /// In its value, which is JSON.
    Json(JsonPointer),
}

/// The hash of a key; by default, that of records without one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyHash(u64);

impl RecordKey {
    /// The hash of a record's key; `None` when the record has no key.
    #[must_use]
    pub fn find(&self, records: &Payload, index: usize) -> Option<KeyHash> {
        match self {
            Self::Own => records.key(index).map(KeyHash::of),
            Self::Json(pointer) => pointer.find(records.value(index)?),
        }
    }

    /// As [`Self::find`]. All records without a key have one key: the order among them is kept, too.
    #[must_use]
    pub fn hash(&self, records: &Payload, index: usize) -> KeyHash {
        self.find(records, index).unwrap_or_default()
    }
}

impl KeyHash {
    fn of(key: impl Hash) -> Self {
        // Its keys are fixed, so the same key has the same hash in the whole run. It need not be the same in the next.
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        Self(hasher.finish())
    }

    /// One of `lanes`.
    pub(crate) fn lane(self, lanes: usize) -> usize {
        // The high half of the product: it divides all hashes evenly, without a division.
        let product = u128::from(self.0) * lanes as u128;
        usize::try_from(product >> 64).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_dealt_over_all_lanes() {
        for lanes in [1, 2, 3, 16, 1024] {
            let mut records = vec![0_usize; lanes];
            (0..lanes * 100).for_each(|key| records[KeyHash::of(key).lane(lanes)] += 1);
            assert!(records.iter().all(|records| (40..=180).contains(records)), "{records:?}");
        }
    }

    #[test]
    fn records_without_a_key_have_one_key() {
        let mut records = Payload::default();
        for (key, value) in [(None, r#"{"a":1}"#), (Some("k"), "no JSON"), (None, r#"{"b":1}"#), (Some("k"), "")] {
            records.push(key.map(str::as_bytes), value.as_bytes());
        }
        let hashes = |key: RecordKey| [0, 1, 2, 3].map(|index| key.hash(&records, index));
        let [a, b, c, d] = hashes(RecordKey::Own);
        assert!(a == c && b == d && a != b);
        let [a, b, c, d] = hashes(RecordKey::Json("/a".parse().unwrap()));
        assert!(a != b && b == c && c == d);
    }
}
