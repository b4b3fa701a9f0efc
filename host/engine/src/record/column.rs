//! Byte strings back to back, with their end offsets: Arrow's variable-length layout.
//!
//! A column is valid by construction: the ends never descend and the last one is the length of the data. It holds at
//! most 4 GiB, which the bounds on batches keep far away.

use std::ops::Range;

/// Up to this number of bytes are copied as this number. Arbitrary: most keys are no longer.
const SHORT: usize = 16;

/// Byte strings back to back: value `i` is `data[ends[i-1]..ends[i]]`, with `ends[-1] = 0`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Column {
    data: Vec<u8>,
    ends: Vec<u32>,
}

/// The reasons why two vectors do not make a column.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ColumnError {
    /// An end lies before the one that precedes it.
    #[error("end {index} is {end}, before the previous end {previous}")]
    Descending {
        /// The index of the end.
        index: usize,
        /// Its value, bytes.
        end: u32,
        /// The one before it, bytes.
        previous: u32,
    },
    /// The last end is not the length of the data: past it, or short of it.
    #[error("the last end is {end}, but there are {bytes} bytes of data")]
    Length {
        /// The last end, bytes; 0 when there is none.
        end: u32,
        /// The length of the data, bytes.
        bytes: usize,
    },
}

impl Column {
    /// An empty column with room for this many values and bytes.
    #[must_use]
    pub fn with_capacity(values: usize, bytes: usize) -> Self {
        Self { data: Vec::with_capacity(bytes), ends: Vec::with_capacity(values) }
    }

    /// Makes a column of its two parts.
    ///
    /// # Errors
    /// [`ColumnError`] when the ends descend, or the last one is not the length of the data.
    pub fn from_parts(data: Vec<u8>, ends: Vec<u32>) -> Result<Self, ColumnError> {
        // Folded without an early exit, so that the check of a valid column is vectorised.
        let ascending = ends.iter().zip(ends.iter().skip(1)).fold(true, |so_far, (a, b)| so_far & (a <= b));
        if !ascending {
            return Err(Self::first_descent(&ends));
        }
        let last = ends.last().copied().unwrap_or(0);
        if usize::try_from(last).ok() != Some(data.len()) {
            return Err(ColumnError::Length { end: last, bytes: data.len() });
        }
        Ok(Self { data, ends })
    }

    /// Takes the column apart: data and ends.
    #[must_use]
    pub fn into_parts(self) -> (Vec<u8>, Vec<u32>) {
        (self.data, self.ends)
    }

    /// All bytes, back to back.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// The end of each value, in bytes from the start of [`Self::data`].
    #[must_use]
    pub fn ends(&self) -> &[u32] {
        &self.ends
    }

    /// Number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no value.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Number of bytes of all values.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.data.len()
    }

    /// Value `index`, if there is one.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)? as usize;
        self.data.get(self.start(index)..end)
    }

    /// All values in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        let mut start = 0;
        self.ends.iter().map(move |&end| {
            let value = self.data.get(start..end as usize).unwrap_or_default();
            start = end as usize;
            value
        })
    }

    /// The length of each value, in order.
    pub(super) fn lengths(&self) -> impl ExactSizeIterator<Item = usize> {
        let mut start = 0;
        self.ends.iter().map(move |&end| {
            let length = end - start;
            start = end;
            length as usize
        })
    }

    /// Adds a value at the end.
    ///
    /// # Panics
    /// When the column would grow past 4 GiB, which the bounds on records and batches rule out.
    pub fn push(&mut self, value: &[u8]) {
        self.data.extend_from_slice(value);
        self.end_value();
    }

    /// Adds a value that `write` appends to the data, without a copy on the way.
    ///
    /// # Panics
    /// As [`Self::push`]; and when `write` shortens the data.
    pub fn push_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let before = self.data.len();
        write(&mut self.data);
        assert!(self.data.len() >= before, "a writer only appends");
        self.end_value();
    }

    /// Adds all values of `other` at the end.
    ///
    /// # Panics
    /// As [`Self::push`].
    pub fn append(&mut self, other: &Self) {
        let base = Self::offset(self.data.len());
        Self::offset(self.data.len() + other.data.len());
        self.data.extend_from_slice(&other.data);
        self.ends.extend(other.ends.iter().map(|end| base + end));
    }

    /// Adds the values of `other` in these rows, in their order, without those that do not exist.
    ///
    /// # Panics
    /// As [`Self::push`].
    pub(super) fn append_rows(&mut self, other: &Self, rows: &[u32]) {
        self.ends.reserve(rows.len());
        for row in rows.iter().map(|row| *row as usize) {
            let Some(end) = other.ends.get(row) else { continue };
            self.append_range(&other.data, other.start(row)..*end as usize);
            self.end_value();
        }
    }

    /// Removes the first `count` values (or all) and returns them.
    #[must_use]
    pub fn split_front(&mut self, count: usize) -> Self {
        if count >= self.len() {
            return std::mem::take(self);
        }
        let front = self.slice(0..count);
        *self = self.slice(count..self.len());
        front
    }

    /// A copy of the values in `range`, without those that do not exist.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Self {
        let range = range.start.min(self.len())..range.end.min(self.len());
        let (from, to) = (self.start(range.start), self.start(range.end));
        let base = Self::offset(from);
        Self {
            data: self.data.get(from..to).unwrap_or_default().to_vec(),
            ends: self.ends.get(range).unwrap_or_default().iter().map(|end| end - base).collect(),
        }
    }

    /// Keeps the first `count` values.
    pub fn truncate(&mut self, count: usize) {
        self.ends.truncate(count);
        self.data.truncate(self.start(count.min(self.ends.len())));
    }

    /// Makes the column empty, and keeps its memory.
    pub fn clear(&mut self) {
        self.data.clear();
        self.ends.clear();
    }

    /// Adds these bytes of `data`. Few of them are copied together with what follows them, which is then left out: a copy of a
    /// fixed length needs no call, and takes a third of the time.
    fn append_range(&mut self, data: &[u8], range: Range<usize>) {
        let has_room = self.data.capacity() - self.data.len() >= SHORT;
        match data.get(range.start..).and_then(<[u8]>::first_chunk::<SHORT>) {
            Some(chunk) if range.len() <= SHORT && has_room => {
                let end = self.data.len() + range.len();
                self.data.extend_from_slice(chunk);
                self.data.truncate(end);
            }
            _ => self.data.extend_from_slice(data.get(range).unwrap_or_default()),
        }
    }

    fn start(&self, index: usize) -> usize {
        index.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |&end| end as usize)
    }

    fn end_value(&mut self) {
        self.ends.push(Self::offset(self.data.len()));
    }

    fn offset(bytes: usize) -> u32 {
        u32::try_from(bytes).expect("bounds on batches keep a column under 4 GiB")
    }

    fn first_descent(ends: &[u32]) -> ColumnError {
        let pairs = ends.iter().zip(ends.iter().skip(1)).enumerate();
        let descent = pairs.into_iter().find(|(_, (a, b))| a > b);
        let (index, (&previous, &end)) = descent.expect("called for ends that descend");
        ColumnError::Descending { index: index + 1, end, previous }
    }
}

impl<V: AsRef<[u8]>> FromIterator<V> for Column {
    fn from_iter<I: IntoIterator<Item = V>>(values: I) -> Self {
        let mut column = Self::default();
        for value in values {
            column.push(value.as_ref());
        }
        column
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn parts_that_make_no_column_are_refused_with_the_first_fault() {
        let descending = Column::from_parts(b"abc".to_vec(), vec![2, 1, 3]);
        assert_eq!(descending, Err(ColumnError::Descending { index: 1, end: 1, previous: 2 }));
        let past = Column::from_parts(b"abc".to_vec(), vec![4]);
        assert_eq!(past, Err(ColumnError::Length { end: 4, bytes: 3 }));
        let short = Column::from_parts(b"abc".to_vec(), vec![]);
        assert_eq!(short, Err(ColumnError::Length { end: 0, bytes: 3 }));
    }

    proptest! {
        #[test]
        fn splitting_and_appending_give_back_the_same_values(
            values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..5), 0..20),
            at in 0_usize..25,
        ) {
            let whole: Column = values.iter().collect();
            let mut rest = whole.clone();
            let mut front = rest.split_front(at);
            prop_assert_eq!(front.len(), at.min(values.len()));
            front.append(&rest);
            prop_assert_eq!(&front, &whole);
            let read_back: Vec<_> = whole.iter().map(<[u8]>::to_vec).collect();
            prop_assert_eq!(read_back, values);
            let (data, ends) = whole.clone().into_parts();
            prop_assert_eq!(Column::from_parts(data, ends), Ok(whole));
        }

        /// Also short ones at the end of the data, and where there is no room for what follows them.
        #[test]
        fn copied_rows_are_the_values_in_these_rows(
            values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..2 * SHORT), 0..20),
            rows in prop::collection::vec(0_u32..25, 0..30),
            room in 0_usize..600,
        ) {
            let whole: Column = values.iter().collect();
            let mut copies = Column::with_capacity(1, room);
            copies.push(b"before");
            copies.append_rows(&whole, &rows);
            let chosen = rows.iter().filter_map(|row| values.get(*row as usize)).map(Vec::as_slice);
            let expected: Column = std::iter::once(&b"before"[..]).chain(chosen).collect();
            prop_assert_eq!(&copies, &expected);
            prop_assert!(copies.lengths().eq(expected.iter().map(<[u8]>::len)));
            let (data, ends) = copies.into_parts();
            prop_assert_eq!(Column::from_parts(data, ends), Ok(expected));
        }
    }
}
