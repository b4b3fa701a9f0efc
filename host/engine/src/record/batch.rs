//! Batches: a payload (values and keys) with the lineage of each of its records.

use std::iter;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::time::Duration;

use super::deal::{PayloadSize, RowsByHand};
use super::{Column, Lineage};

/// Values and keys of some records. `keys` is empty when no record has a key, else as long as `values`.
///
/// It also carries what is known of the values, so that a sink need not check what a source has checked. Only sources
/// of this crate make it known, nothing outside of it can, and whatever adds a value takes it back: so what a guest
/// gives is never vouched for.
#[derive(Clone, Debug, Default)]
pub struct Payload {
    values: Column,
    keys: Column,
    /// Whether each value is known to be one JSON value without a line feed or a carriage return.
    json_lines: bool,
}

/// What is known of the values is not a part of them.
impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self.values == other.values && self.keys == other.keys
    }
}

impl Eq for Payload {}

impl Payload {
    /// Records with values and no keys.
    #[must_use]
    pub fn of_values(values: Column) -> Self {
        Self { values, keys: Column::default(), json_lines: false }
    }

    /// Records with values and keys. `None` when `keys` is neither empty nor as long as `values`.
    #[must_use]
    pub fn new(values: Column, keys: Column) -> Option<Self> {
        (keys.is_empty() || keys.len() == values.len()).then_some(Self { values, keys, json_lines: false })
    }

    /// Says of each value that it is one JSON value without a line feed or a carriage return. For those who have made
    /// or checked all of them.
    pub fn vouch_for_json_lines(&mut self) {
        self.json_lines = true;
    }

    /// Whether each value is known to be one JSON value without a line feed or a carriage return.
    pub fn are_json_lines(&self) -> bool {
        self.json_lines
    }

    /// No records, and room for some.
    #[must_use]
    pub(crate) fn with_capacity(size: PayloadSize) -> Self {
        let keys = if size.keys == 0 { 0 } else { size.records };
        let keys = Column::with_capacity(keys, size.keys);
        Self { values: Column::with_capacity(size.records, size.values), keys, json_lines: false }
    }

    /// The values.
    #[must_use]
    pub fn values(&self) -> &Column {
        &self.values
    }

    /// The keys; empty when no record has one.
    #[must_use]
    pub fn keys(&self) -> &Column {
        &self.keys
    }

    /// Number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Bytes of all values and keys.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.values.bytes() + self.keys.bytes()
    }

    /// Value of record `index`.
    #[must_use]
    pub fn value(&self, index: usize) -> Option<&[u8]> {
        self.values.get(index)
    }

    /// Key of record `index`; `None` when it has none. An empty key is none: whether there is a column for it depends
    /// on the records beside it, and so on how batches were cut.
    #[must_use]
    pub fn key(&self, index: usize) -> Option<&[u8]> {
        self.keys.get(index).filter(|key| !key.is_empty())
    }

    /// Adds a record. A payload whose earlier records had no key gives them empty ones.
    pub fn push(&mut self, key: Option<&[u8]>, value: &[u8]) {
        self.json_lines = false;
        self.push_key(key);
        self.values.push(value);
    }

    /// Adds a record whose value `write` appends to the data, without a copy on the way.
    ///
    /// # Panics
    /// When `write` shortens the data.
    pub fn push_with(&mut self, key: Option<&[u8]>, write: impl FnOnce(&mut Vec<u8>)) {
        self.json_lines = false;
        self.push_key(key);
        self.values.push_with(write);
    }

    /// Adds all records of `other`.
    pub fn append(&mut self, other: &Self) {
        self.add(other, Column::append);
    }

    /// Adds copies of the records of `other` in these rows, in their order. A row that does not exist is left out.
    pub(crate) fn append_rows(&mut self, other: &Self, rows: &[u32]) {
        self.add(other, |own, others| own.append_rows(others, rows));
    }

    /// Adds records of `other`: the values, and the keys where anybody has one.
    fn add(&mut self, other: &Self, add: impl Fn(&mut Column, &Column)) {
        // Of no value, everything is known.
        self.json_lines = (self.json_lines || self.is_empty()) && (other.json_lines || other.is_empty());
        if !other.keys.is_empty() {
            self.fill_keys();
            add(&mut self.keys, &other.keys);
        }
        add(&mut self.values, &other.values);
        if !self.keys.is_empty() {
            self.fill_keys();
        }
    }

    /// Removes the first `count` records (or all) and returns them.
    #[must_use]
    pub fn split_front(&mut self, count: usize) -> Self {
        let json_lines = self.json_lines;
        Self { values: self.values.split_front(count), keys: self.keys.split_front(count), json_lines }
    }

    /// Keeps the first `count` records.
    pub fn truncate(&mut self, count: usize) {
        self.values.truncate(count);
        self.keys.truncate(count);
    }

    /// A copy of the records in `range`, without those that do not exist.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Self {
        let json_lines = self.json_lines;
        Self { values: self.values.slice(range.clone()), keys: self.keys.slice(range), json_lines }
    }

    /// A copy of the records at `indices`; those out of range are left out.
    #[must_use]
    pub fn select(&self, indices: impl IntoIterator<Item = usize>) -> Self {
        let mut chosen = Self::default();
        for index in indices {
            if let Some(value) = self.value(index) {
                chosen.push(self.key(index), value);
            }
        }
        chosen
    }

    /// How large it is.
    pub(crate) fn size(&self) -> PayloadSize {
        PayloadSize { records: self.len(), values: self.values.bytes(), keys: self.keys.bytes() }
    }

    /// How large record `index` is; nothing where there is none.
    pub(crate) fn size_of(&self, index: usize) -> PayloadSize {
        let length = |column: &Column| column.get(index).map_or(0, <[u8]>::len);
        PayloadSize { records: 1, values: length(&self.values), keys: length(&self.keys) }
    }

    /// How large what each of `count` hands gets is.
    ///
    /// # Panics
    /// When a hand is not below `count`.
    pub(crate) fn sizes_by_hand(&self, hands: &[u16], count: usize) -> Vec<PayloadSize> {
        let mut sizes = vec![PayloadSize::default(); count];
        let mut add = |hand: u16, values, keys| {
            let size = sizes.get_mut(usize::from(hand)).expect("a hand is below the count");
            *size += PayloadSize { records: 1, values, keys };
        };
        let values = self.values.lengths().zip(hands);
        if self.keys.is_empty() {
            values.for_each(|(value, hand)| add(*hand, value, 0));
        } else {
            values.zip(self.keys.lengths()).for_each(|((value, hand), key)| add(*hand, value, key));
        }
        sizes
    }

    /// Copies of the records, dealt out: record `i` goes to payload `hands[i]`, in order.
    fn deal(&self, hands: &[u16], count: usize) -> Vec<Self> {
        let sizes = self.sizes_by_hand(hands, count);
        let rows = RowsByHand::new(hands, &sizes);
        let dealt = |(size, window): (PayloadSize, Range<usize>)| {
            let mut payload = Self::with_capacity(size);
            payload.append_rows(self, rows.get(window));
            payload
        };
        sizes.into_iter().zip(rows.windows()).map(dealt).collect()
    }

    /// Number of leading records that fit into `bounds`; at least one when there is any.
    #[must_use]
    pub fn fitting(&self, bounds: &BatchBounds) -> usize {
        self.fitting_from(0, bounds)
    }

    /// The same number for the records from `start` on.
    fn fitting_from(&self, start: usize, bounds: &BatchBounds) -> usize {
        let records = self.len().saturating_sub(start).min(bounds.records.get());
        if self.bytes() <= bounds.bytes.get() {
            return records;
        }
        let end = |column: &Column, index: usize| column.ends().get(index).map_or(0, |&end| end as usize);
        let through = |index: usize| end(&self.values, index) + end(&self.keys, index);
        let before = start.checked_sub(1).map_or(0, through);
        let (mut low, mut high) = (0, records);
        while low < high {
            let middle = usize::midpoint(low, high);
            if through(start + middle) - before <= bounds.bytes.get() { low = middle + 1 } else { high = middle }
        }
        low.max(1).min(self.len().saturating_sub(start))
    }

    /// The records from `start` on that fit; `None` after the last one.
    fn piece_from(&self, start: usize, bounds: &BatchBounds) -> Option<Range<usize>> {
        (start < self.len()).then(|| start..start + self.fitting_from(start, bounds))
    }

    fn push_key(&mut self, key: Option<&[u8]>) {
        match key {
            Some(key) => {
                self.fill_keys();
                self.keys.push(key);
            }
            None if !self.keys.is_empty() => self.keys.push(b""),
            None => {}
        }
    }

    fn fill_keys(&mut self) {
        while self.keys.len() < self.values.len() {
            self.keys.push(b"");
        }
    }
}

/// Records on their way: the payload, and for each record its claim on the source it came from.
#[derive(Debug)]
pub struct Batch {
    payload: Payload,
    lineage: Lineage,
}

impl Batch {
    /// Joins a payload to the lineage of its records.
    ///
    /// # Panics
    /// When the two differ in length: a record without a claim, or a claim without a record, breaks the accounting.
    #[must_use]
    pub fn new(payload: Payload, lineage: Lineage) -> Self {
        assert_eq!(payload.len(), lineage.len(), "every record has one claim");
        Self { payload, lineage }
    }

    /// The records.
    #[must_use]
    pub fn payload(&self) -> &Payload {
        &self.payload
    }

    /// Their claims.
    #[must_use]
    pub fn lineage(&self) -> &Lineage {
        &self.lineage
    }

    /// Records and claims, apart.
    #[must_use]
    pub fn into_parts(self) -> (Payload, Lineage) {
        (self.payload, self.lineage)
    }

    /// Number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.payload.len()
    }

    /// Whether there is no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.payload.is_empty()
    }

    /// Bytes of all values and keys.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.payload.bytes()
    }

    /// Adds the records of `other` after its own.
    pub fn append(&mut self, other: Self) {
        self.payload.append(&other.payload);
        self.lineage.append(other.lineage);
    }

    /// Cuts the batch into pieces that `bounds` allow, in order, and evenly: a small rest would keep a worker waiting
    /// for those with much. Each byte is copied once.
    #[must_use]
    pub fn cut(self, bounds: &BatchBounds) -> Vec<Self> {
        let (payload, mut lineage) = self.into_parts();
        let least =
            iter::successors(Some(0), |start| payload.piece_from(*start, bounds).map(|piece| piece.end)).count() - 1;
        let even = NonZeroUsize::new(payload.len().div_ceil(least.max(1))).unwrap_or(NonZeroUsize::MIN);
        let bounds = BatchBounds { records: even.min(bounds.records), ..*bounds };
        let pieces = iter::successors(payload.piece_from(0, &bounds), |piece| payload.piece_from(piece.end, &bounds));
        pieces.map(|piece| Self::new(payload.slice(piece.clone()), lineage.split_front(piece.len()))).collect()
    }

    /// Removes the first `count` records (or all) and returns them.
    #[must_use]
    pub fn split_front(&mut self, count: usize) -> Self {
        Self { payload: self.payload.split_front(count), lineage: self.lineage.split_front(count) }
    }

    /// Deals the records out: record `i` goes to batch `hands[i]`, in order. Each byte is copied once.
    ///
    /// # Panics
    /// When a hand is not below `count`, or there are not as many hands as records.
    #[must_use]
    pub fn deal(self, hands: &[u16], count: usize) -> Vec<Self> {
        let (payload, lineage) = self.into_parts();
        let payloads = payload.deal(hands, count);
        payloads
            .into_iter()
            .zip(lineage.deal(hands, count))
            .map(|(payload, claims)| Self::new(payload, claims))
            .collect()
    }

    /// The same records once more, for consumer `copy` beside the first: the ledger counts them as created.
    #[must_use]
    pub fn duplicate(&self, copy: u16) -> Self {
        Self { payload: self.payload.clone(), lineage: self.lineage.duplicate(copy) }
    }
}

/// The bounds of a batch, and how long to wait for it to fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchBounds {
    /// Largest number of records in one batch.
    pub records: NonZeroUsize,
    /// Largest number of bytes in one batch (values and keys); a single larger record makes a batch of its own.
    pub bytes: NonZeroUsize,
    /// How long a worker waits for more records before it takes a batch that is not full.
    pub linger: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(records: usize, bytes: usize) -> BatchBounds {
        let nonzero = |n| NonZeroUsize::new(n).expect("tests give positive bounds");
        BatchBounds { records: nonzero(records), bytes: nonzero(bytes), linger: Duration::ZERO }
    }

    /// Would fail if anything that adds a value kept what was known without it: a sink would write what is not JSON.
    #[test]
    fn what_is_known_of_values_holds_for_parts_and_for_sums_of_what_it_is_known_of() {
        let values = |json: bool| {
            let mut payload = Payload::of_values(["1", "2", "3"].iter().collect());
            if json {
                payload.vouch_for_json_lines();
            }
            payload
        };
        let (known, unknown) = (values(true), values(false));
        let sum = |a: &Payload, b: &Payload| {
            let mut sum = a.clone();
            sum.append(b);
            sum.are_json_lines()
        };
        assert!(sum(&known, &known) && !sum(&known, &unknown) && !sum(&unknown, &known) && !sum(&unknown, &unknown));
        let empty = Payload::default();
        assert!(sum(&empty, &known) && sum(&known, &empty) && !sum(&empty, &unknown) && !sum(&unknown, &empty));

        let mut rest = known.clone();
        let front = rest.split_front(1);
        assert!(front.are_json_lines() && rest.are_json_lines() && known.slice(1..2).are_json_lines());
        rest.truncate(1);
        assert!(rest.are_json_lines());
        rest.truncate(0);
        rest.push(None, b"?");
        assert!(!rest.are_json_lines());
        let mut written = known.clone();
        written.push_with(None, |out| out.push(b'?'));
        assert!(!written.are_json_lines() && !known.select([0]).are_json_lines());
        assert_eq!(known, unknown, "it is not a part of the records");
    }

    #[test]
    fn a_keyless_record_beside_keyed_ones_has_an_empty_key() {
        let mut payload = Payload::default();
        payload.push(None, b"a");
        payload.push(Some(b"k"), b"b");
        payload.push(None, b"c");
        let keys: Vec<_> = payload.keys().iter().collect();
        assert_eq!(keys, [b"" as &[u8], b"k", b""]);

        let mut keyless = Payload::of_values(["x"].iter().collect());
        keyless.append(&payload);
        keyless.append(&Payload::of_values(["y"].iter().collect()));
        assert_eq!(keyless.len(), 5);
        assert_eq!(keyless.keys().len(), 5);
        assert_eq!(keyless.key(2), Some(b"k" as &[u8]));
    }

    #[test]
    fn an_empty_key_is_none_whatever_stands_beside_it() {
        let mut payload = Payload::default();
        payload.push(None, b"a");
        assert_eq!(payload.key(0), None);
        payload.push(Some(b"k"), b"b");
        assert_eq!((payload.key(0), payload.key(1)), (None, Some(b"k" as &[u8])));
        assert_eq!(payload.slice(0..1).key(0), None);
    }

    #[test]
    fn a_batch_fits_its_bounds_or_holds_a_single_record() {
        let payload = Payload::of_values(["aaaa", "bb", "cc", "d"].iter().collect());
        assert_eq!(payload.fitting(&bounds(10, 100)), 4);
        assert_eq!(payload.fitting(&bounds(3, 100)), 3);
        assert_eq!(payload.fitting(&bounds(10, 8)), 3);
        assert_eq!(payload.fitting(&bounds(10, 7)), 2);
        assert_eq!(payload.fitting(&bounds(10, 1)), 1);
        assert_eq!(Payload::default().fitting(&bounds(1, 1)), 0);
    }

    #[test]
    fn a_batch_is_cut_into_pieces_that_fit() {
        let ledger = std::sync::Arc::default();
        let values = ["aaaa", "bb", "cc", "d", "eeeeeeeee", "f"];
        let claims =
            crate::record::Ticket::issue(&ledger, &"s".into(), 1, values.len(), crate::record::Places::default());
        let batch = Batch::new(Payload::of_values(values.iter().collect()), claims);
        let pieces: Vec<Vec<String>> = batch
            .cut(&bounds(3, 6))
            .iter()
            .map(|piece| piece.payload().values().iter().map(|v| String::from_utf8_lossy(v).into_owned()).collect())
            .collect();
        assert_eq!(pieces, [vec!["aaaa", "bb"], vec!["cc", "d"], vec!["eeeeeeeee"], vec!["f"]]);
    }

    /// With ten records in the first piece and one in the second, the worker with the second waited for the first.
    #[test]
    fn pieces_of_a_batch_are_of_a_size() {
        let ledger = std::sync::Arc::default();
        let sizes = |records: usize, bounds: BatchBounds| {
            let claims =
                crate::record::Ticket::issue(&ledger, &"s".into(), 1, records, crate::record::Places::default());
            let batch = Batch::new(Payload::of_values((0..records).map(|_| "ab").collect()), claims);
            batch.cut(&bounds).iter().map(Batch::len).collect::<Vec<_>>()
        };
        assert_eq!(sizes(11, bounds(10, 100)), [6, 5]);
        assert_eq!(sizes(11, bounds(100, 20)), [6, 5]);
        assert_eq!(sizes(9, bounds(4, 100)), [3, 3, 3]);
        assert_eq!(sizes(4, bounds(1, 100)), [1, 1, 1, 1]);
        assert!(sizes(0, bounds(1, 1)).is_empty());
    }
}
