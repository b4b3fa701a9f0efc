//! Byte strings back to back, with their end offsets: what crosses the sandbox boundary.
//!
//! The host checked what it gave, so the ends are trusted to ascend and to lie within the data. Should they not, a value
//! is empty: nothing here reads out of bounds.

/// Byte strings back to back: value `i` is `data[ends[i-1]..ends[i]]`, with `ends[-1] = 0`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Column {
    /// All bytes.
    pub data: Vec<u8>,
    /// Where each value ends.
    pub ends: Vec<u32>,
}

impl Column {
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// All values in order.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        let mut start = 0;
        self.ends.iter().map(move |&end| {
            let value = self.data.get(start..end as usize).unwrap_or_default();
            start = end as usize;
            value
        })
    }

    pub(crate) fn push(&mut self, value: &[u8]) {
        self.data.extend_from_slice(value);
        self.end_value();
    }

    /// What was written to `data` since the last end becomes a value.
    pub(crate) fn end_value(&mut self) {
        let end = u32::try_from(self.data.len()).expect("a stage's outputs for one batch stay under 4 GiB");
        self.ends.push(end);
    }

    /// Keeps the first `count` values, and drops bytes that belong to none.
    pub(crate) fn truncate(&mut self, count: usize) {
        self.ends.truncate(count);
        self.data.truncate(self.ends.last().map_or(0, |&end| end as usize));
    }

    /// Adds empty values until there are `count`.
    pub(crate) fn pad(&mut self, count: usize) {
        let end = self.ends.last().copied().unwrap_or(0);
        self.ends.resize(count.max(self.ends.len()), end);
    }

    /// Takes out the values at the ascending `positions`.
    pub(crate) fn remove(&mut self, positions: impl IntoIterator<Item = u32>) {
        let mut positions = positions.into_iter().peekable();
        let mut kept = Self { data: Vec::with_capacity(self.data.len()), ends: Vec::with_capacity(self.len()) };
        for (index, value) in (0_u32..).zip(self.iter()) {
            if positions.next_if_eq(&index).is_none() {
                kept.push(value);
            }
        }
        *self = kept;
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

    #[test]
    fn values_come_back_as_they_went_in_and_removed_ones_leave_no_gap() {
        let mut column: Column = ["a", "", "bcd", "e"].into_iter().collect();
        column.remove([0, 2]);
        assert_eq!(column.iter().collect::<Vec<_>>(), [b"".as_slice(), b"e"]);
        column.data.extend_from_slice(b"half written");
        column.truncate(2);
        column.pad(3);
        assert_eq!(column.iter().collect::<Vec<_>>(), [b"".as_slice(), b"e", b""]);
    }
}
