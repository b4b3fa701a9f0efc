//! The members of a record that is an object, where they are in its text. Records of a stream are alike, so the names of
//! the last one are kept: those of the next are only compared.

use std::cell::Cell;
use std::ops::Range;

use crate::{Marks, Scan};

/// The members of one record at a time.
#[derive(Debug, Default)]
pub struct Members {
    /// Names, back to back, and where each ends.
    names: Vec<u8>,
    ends: Vec<usize>,
    values: Vec<(Range<usize>, Marks)>,
    /// Of the whole record.
    marks: Marks,
    /// Counts the changes of names: what was found among them holds until it changes.
    version: u32,
    /// No name comes twice; nothing until somebody has looked.
    are_unique: Option<bool>,
}

/// Where a name was found last.
#[derive(Clone, Debug, Default)]
pub struct Hint(Cell<(Option<u32>, Option<usize>)>);

/// From here on names are sorted to find two that are the same, and not compared each with each.
const MANY: usize = 24;

impl Members {
    /// Reads the members of `text`. Gives nothing where it is not an object, or where something about it is rare: names
    /// with escapes, a name that comes twice. Then nothing is known of its members.
    pub fn read(&mut self, text: &str) -> Option<()> {
        self.values.clear();
        let mut scan = Scan::new(text);
        scan.space();
        if scan.peek()? != b'{' {
            return None;
        }
        scan.open(1)?;
        let mut all = scan.take_marks();
        if !scan.take(b'}') {
            loop {
                self.member(&mut scan, &mut all)?;
                if scan.ends(b'}')? {
                    break;
                }
            }
        }
        if !scan.finish() {
            return None;
        }
        all.add(scan.take_marks());
        self.marks = all;
        if self.values.len() < self.ends.len() {
            self.forget(self.values.len());
        }
        let are_unique = self.are_unique.unwrap_or_else(|| self.has_unique_names());
        self.are_unique = Some(are_unique);
        are_unique.then_some(())
    }

    #[inline]
    fn member(&mut self, scan: &mut Scan<'_>, all: &mut Marks) -> Option<()> {
        let index = self.values.len();
        let is_known = self.name_range(index).is_some_and(|range| {
            let name = self.names.get(range).unwrap_or_default();
            scan.is_name(name).is_some()
        });
        if !is_known {
            self.learn(index, scan)?;
        }
        all.add(scan.take_marks());
        let start = scan.position();
        scan.value(1)?;
        let marks = scan.take_marks();
        all.add(marks);
        self.values.push((start..scan.position(), marks));
        Some(())
    }

    /// Another name than the last record's at this place.
    #[cold]
    fn learn(&mut self, index: usize, scan: &mut Scan<'_>) -> Option<()> {
        self.forget(index);
        let name = scan.name()?;
        if name.bytes().any(|byte| matches!(byte, b'\\' | 0x7f)) {
            return None;
        }
        self.names.extend_from_slice(name.as_bytes());
        self.ends.push(self.names.len());
        Some(())
    }

    /// All names but the first `count`.
    fn forget(&mut self, count: usize) {
        self.ends.truncate(count);
        self.names.truncate(self.ends.last().copied().unwrap_or(0));
        self.version = self.version.wrapping_add(1);
        self.are_unique = None;
    }

    fn has_unique_names(&self) -> bool {
        let names = || (0..self.ends.len()).map(|index| self.name(index));
        if self.ends.len() < MANY {
            return names().enumerate().all(|(at, name)| names().take(at).all(|other| other != name));
        }
        let mut sorted: Vec<&[u8]> = names().collect();
        sorted.sort_unstable();
        sorted.windows(2).all(|pair| pair.first() != pair.last())
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// What was seen in the whole record.
    #[must_use]
    pub fn marks(&self) -> Marks {
        self.marks
    }

    #[inline]
    fn name_range(&self, index: usize) -> Option<Range<usize>> {
        let end = *self.ends.get(index)?;
        let start = if index == 0 { 0 } else { *self.ends.get(index - 1)? };
        Some(start..end)
    }

    /// The name of a member, as it is written.
    #[must_use]
    pub fn name(&self, index: usize) -> &[u8] {
        self.name_range(index).and_then(|range| self.names.get(range)).unwrap_or_default()
    }

    /// Where a member's value is in the record's text, and what was seen there.
    #[inline]
    #[must_use]
    pub fn value(&self, index: usize) -> Option<(Range<usize>, Marks)> {
        self.values.get(index).cloned()
    }

    /// Which member has this name.
    #[inline]
    #[must_use]
    pub fn find(&self, name: &[u8], hint: &Hint) -> Option<usize> {
        let (version, found) = hint.0.get();
        if version == Some(self.version) {
            return found;
        }
        let found = (0..self.ends.len()).find(|index| self.name(*index) == name);
        hint.0.set((Some(self.version), found));
        found
    }
}

impl Marks {
    #[inline]
    fn add(&mut self, other: Self) {
        self.space |= other.space;
        self.special |= other.special;
        self.object |= other.object;
        self.depth = self.depth.max(other.depth);
    }
}
