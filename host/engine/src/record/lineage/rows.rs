//! The rows of a ticket's chunk that claims of neighbouring records stand for.

use std::ops::Range;
use std::sync::Arc;

/// Rows of the ticket's chunk. A range costs nothing per record; a list is what filters and fan-outs leave.
#[derive(Debug)]
pub(super) enum Rows {
    Range(Range<u32>),
    List(Listed),
}

/// A window on a list of rows that pieces of a batch share: cutting one copies nothing.
#[derive(Clone, Debug)]
pub(super) struct Listed {
    pub(super) rows: Arc<[u32]>,
    /// Which of the records that were made of its row each is, where several were made of any.
    pub(super) parts: Option<Arc<[u64]>>,
    pub(super) window: Range<usize>,
}

impl Listed {
    pub(super) fn new(rows: Arc<[u32]>, parts: Option<Arc<[u64]>>) -> Self {
        Self { window: 0..rows.len(), rows, parts }
    }

    pub(super) fn as_slice(&self) -> &[u32] {
        self.rows.get(self.window.clone()).unwrap_or_default()
    }
}

impl Rows {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Range(range) => range.len(),
            Self::List(listed) => listed.window.len(),
        }
    }

    pub(super) fn get(&self, index: usize) -> Option<u32> {
        match self {
            Self::Range(range) => range.clone().nth(index),
            Self::List(listed) => listed.as_slice().get(index).copied(),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u32> {
        let (range, list) = match self {
            Self::Range(range) => (range.clone(), &[] as &[u32]),
            Self::List(listed) => (0..0, listed.as_slice()),
        };
        range.chain(list.iter().copied())
    }

    /// The rows at `indices`, which ascend; `first` is the index of the first row of all.
    ///
    /// # Panics
    /// When an index is out of range.
    pub(super) fn at(&self, indices: &[u32], first: u32) -> Arc<[u32]> {
        let last = indices.last().map(|index| (index - first) as usize);
        assert!(last.is_none_or(|last| last < self.len()), "indices are in range");
        match self {
            Self::Range(range) => indices.iter().map(|index| range.start + (index - first)).collect(),
            Self::List(listed) => {
                let row = |index: &u32| listed.as_slice().get((index - first) as usize).copied();
                indices.iter().map(|index| row(index).expect("indices ascend")).collect()
            }
        }
    }

    pub(super) fn copy(&self) -> Self {
        match self {
            Self::Range(range) => Self::Range(range.clone()),
            Self::List(listed) => Self::List(listed.clone()),
        }
    }

    pub(super) fn split_front(&mut self, count: usize) -> Self {
        match self {
            Self::Range(range) => {
                let middle = range.start + u32::try_from(count.min(range.len())).expect("a chunk has under 2^32 rows");
                let front = range.start..middle;
                range.start = middle;
                Self::Range(front)
            }
            Self::List(listed) => {
                let middle = listed.window.start + count.min(listed.window.len());
                let front = Listed { window: listed.window.start..middle, ..listed.clone() };
                listed.window.start = middle;
                Self::List(front)
            }
        }
    }
}
