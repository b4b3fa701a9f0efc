//! The key of a record: records of one key keep their order among each other where a stage says `order = "key"`.
//!
//! Only a hash of the key is kept: two keys of one hash (one pair in 2^64) wait for each other, and nothing else happens.

mod pointer;

use std::fmt;
use std::num::NonZeroU16;

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
    /// A pair of ids in its value, which is JSON: mix-and-batch.
    Pair(Pairing),
}

/// A pair of ids, and the buckets over which ids are dealt: no two batches that share a bucket are worked on at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pairing {
    /// Where the first id is.
    pub left: JsonPointer,
    /// Where the second id is.
    pub right: JsonPointer,
    /// Over this many buckets, each kind of ids is dealt by its hash.
    pub buckets: NonZeroU16,
    /// Both ids are of one kind (the nodes of one graph), so a batch shares a bucket also with one that has it on the other
    /// side.
    pub same_nodes: bool,
}

/// The hash of a key; by default, that of records without one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyHash(u64);

/// What a key is: a number and a string of the same text are two keys.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Bytes = 1,
    Number,
    Other,
}

/// As the pipeline file has it.
impl fmt::Display for Pairing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { left, right, buckets, same_nodes } = self;
        let [left, right] = [left, right].map(ToString::to_string);
        write!(f, "{{ kind = \"mix-and-batch\", left = {left:?}, right = {right:?}, buckets = {buckets}")?;
        f.write_str(if *same_nodes { ", same_nodes = true }" } else { " }" })
    }
}

impl Pairing {
    /// The hash of a pair. `Err`: an id is missing, and this is what there is.
    fn find(&self, record: &[u8]) -> Result<KeyHash, KeyHash> {
        let (left, right) = (self.left.find(record), self.right.find(record));
        let pair = KeyHash::pair(left.unwrap_or_default(), right.unwrap_or_default());
        if left.is_some() && right.is_some() { Ok(pair) } else { Err(pair) }
    }

    /// Most batches that can be worked on at once, unless both ids of many records are in one bucket.
    #[must_use]
    pub fn at_once_max(&self) -> usize {
        let buckets = usize::from(self.buckets.get());
        if self.same_nodes { buckets / 2 } else { buckets }
    }
}

impl RecordKey {
    /// The hash of a record's key; `None` when the record has no key.
    #[must_use]
    pub fn find(&self, records: &Payload, index: usize) -> Option<KeyHash> {
        match self {
            Self::Own => records.key(index).map(|key| KeyHash::of(Kind::Bytes, key)),
            Self::Json(pointer) => pointer.find(records.value(index)?),
            Self::Pair(pairing) => pairing.find(records.value(index)?).ok(),
        }
    }

    /// Calls `each` with the hash of the key of every record, in order, as [`Self::hash`] gives it, and whether it has a key.
    pub(crate) fn hash_all(&self, records: &Payload, mut each: impl FnMut(KeyHash, bool)) {
        let mut found = |key: Option<KeyHash>| each(key.unwrap_or_default(), key.is_some());
        let all = 0..records.len();
        match self {
            Self::Own if records.keys().is_empty() => all.for_each(|_| found(None)),
            Self::Own => {
                records.keys().iter().for_each(|key| found((!key.is_empty()).then(|| KeyHash::of(Kind::Bytes, key))));
            }
            Self::Json(_) => all.for_each(|index| found(self.find(records, index))),
            Self::Pair(pairing) => all.for_each(|index| {
                let pair = pairing.find(records.value(index).unwrap_or_default());
                each(pair.unwrap_or_else(|half| half), pair.is_ok());
            }),
        }
    }

    /// How many records have no key.
    pub(crate) fn missing_in(&self, records: &Payload) -> u64 {
        match self {
            Self::Own if records.keys().is_empty() => records.len() as u64,
            Self::Own => records.keys().iter().filter(|key| key.is_empty()).count() as u64,
            Self::Json(_) | Self::Pair(_) => {
                let mut missing = 0;
                self.hash_all(records, |_, has_key| missing += u64::from(!has_key));
                missing
            }
        }
    }

    /// As [`Self::find`]. All records without a key have one key: the order among them is kept, too. Of a pair, the id that is
    /// there counts.
    #[must_use]
    pub fn hash(&self, records: &Payload, index: usize) -> KeyHash {
        match self {
            Self::Pair(pairing) => pairing.find(records.value(index).unwrap_or_default()).unwrap_or_else(|half| half),
            Self::Own | Self::Json(_) => self.find(records, index).unwrap_or_default(),
        }
    }
}

impl KeyHash {
    /// Folded multiplication, eight bytes at a time: every record is hashed, so it has to be quick. It need not resist chosen
    /// keys: those of one hash only wait for each other.
    fn of(kind: Kind, key: &[u8]) -> Self {
        const FACTORS: [u64; 2] = [0xa076_1d64_78bd_642f, 0xe703_7ed1_a0b4_28db];
        let fold = |hash: u64, word: u64, factor: u64| {
            let product = u128::from(hash ^ word) * u128::from(factor);
            (product as u64) ^ (product >> 64) as u64
        };
        let (words, rest) = key.as_chunks::<8>();
        let length = (key.len() as u64) << 8 | kind as u64;
        let words = words.iter().map(|word| u64::from_le_bytes(*word));
        let hash = words.fold(FACTORS[1], |hash, word| fold(hash, word, FACTORS[0]));
        Self(fold(fold(hash, below_eight(rest), FACTORS[0]), length, FACTORS[1]))
    }

    /// The upper halves of two hashes: the pairs of one hash only wait for each other, too.
    fn pair(left: Self, right: Self) -> Self {
        Self(left.0 >> 32 << 32 | right.0 >> 32)
    }

    /// The buckets of the two ids of a pair.
    pub(crate) fn buckets(self, buckets: usize) -> [usize; 2] {
        // Each half alone: what is left of the other would move an id at the edge of a bucket into the next one.
        [Self(self.0 >> 32 << 32), Self(self.0 << 32)].map(|half| half.lane(buckets))
    }

    /// One of `lanes`.
    pub(crate) fn lane(self, lanes: usize) -> usize {
        // The high half of the product: it divides all hashes evenly, without a division.
        let product = u128::from(self.0) * lanes as u128;
        usize::try_from(product >> 64).unwrap_or(0)
    }
}

/// Fewer than eight bytes as one word: different ones of one length are different words. From four on, two halves that may
/// overlap: a loop over bytes takes longer than the rest of the hash.
fn below_eight(rest: &[u8]) -> u64 {
    match (rest.first_chunk(), rest.last_chunk()) {
        (Some(first), Some(last)) => u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32,
        _ => rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairing(buckets: u16) -> RecordKey {
        let [left, right] = ["/l", "/r"].map(|id| id.parse().expect("a pointer"));
        let buckets = NonZeroU16::new(buckets).expect("positive");
        RecordKey::Pair(Pairing { left, right, buckets, same_nodes: true })
    }

    /// Such ids lie at the edge of a bucket: with what came after it, one was in two buckets.
    #[test]
    fn the_bucket_of_an_id_does_not_depend_on_the_other_one() {
        for id in ["n084663097", "n245491272", "n496633444"] {
            let others = (0..200).map(|other| format!(r#"{{"l":"{id}","r":"p{other}"}}"#));
            let swapped = (0..200).map(|other| format!(r#"{{"r":"{id}","l":"p{other}"}}"#));
            let records = Payload::of_values(others.chain(swapped).collect());
            let bucket = |index| pairing(10).hash(&records, index).buckets(10)[usize::from(index >= 200)];
            let all: std::collections::HashSet<usize> = (0..400).map(bucket).collect();
            assert_eq!(all.len(), 1, "{id}: {all:?}");
        }
    }

    #[test]
    fn of_half_a_pair_the_id_that_is_there_has_its_bucket() {
        let records: Payload = Payload::of_values(
            [r#"{"l":"a","r":"b"}"#, r#"{"l":"a"}"#, r#"{"l":null,"r":"b"}"#, "no JSON"].iter().collect(),
        );
        let key = pairing(64);
        let bucket = |index| key.hash(&records, index).buckets(64);
        assert_eq!((bucket(1)[0], bucket(2)[1]), (bucket(0)[0], bucket(0)[1]));
        let mut found = Vec::new();
        key.hash_all(&records, |hash, is_whole| found.push((hash, is_whole)));
        assert_eq!(found.iter().map(|(_, is_whole)| *is_whole).collect::<Vec<_>>(), [true, false, false, false]);
        assert!((0..4).all(|index| key.hash(&records, index) == found[index].0));
        assert_eq!(key.find(&records, 1), None);
    }

    #[test]
    fn keys_are_dealt_over_all_lanes() {
        for lanes in [1, 2, 3, 16, 1024] {
            let mut records = vec![0_usize; lanes];
            let keys = (0..lanes * 100).map(|key| format!("key-{key}"));
            keys.for_each(|key| records[KeyHash::of(Kind::Bytes, key.as_bytes()).lane(lanes)] += 1);
            assert!(records.iter().all(|records| (40..=180).contains(records)), "{records:?}");
        }
    }

    #[test]
    fn different_keys_have_different_hashes() {
        let mut seen = std::collections::HashSet::new();
        for length in 0..40 {
            for at in 0..length.max(1) {
                let mut key = vec![0_u8; length];
                key.iter_mut().skip(at).take(1).for_each(|byte| *byte = 1);
                let is_new = |kind| seen.insert(KeyHash::of(kind, &key));
                let all = [Kind::Bytes, Kind::Number, Kind::Other].map(is_new);
                assert_eq!(all, [true; 3], "{length} {at}");
            }
        }
        assert!(!seen.contains(&KeyHash::default()));
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
