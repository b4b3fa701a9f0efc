//! The members of a record that is an object, where they are in its text. Records of a stream are alike, so the names of
//! the last one are kept: those of the next are only compared.

use std::cell::Cell;
use std::ops::Range;

use crate::{Marks, Scan};

/// The members of one record at a time.
#[derive(Debug, Default)]
pub struct Members {
    /// What was before the value of each member, from the value before it: names, quotes, commas, white space. Back to back.
    before: Vec<u8>,
    known: Vec<Known>,
    values: Vec<(Range<usize>, Marks)>,
    /// Of the whole record.
    marks: Marks,
    /// Counts the changes of names: what was found among them holds until it changes.
    version: u32,
    /// No name comes twice; nothing until somebody has looked.
    are_unique: Option<bool>,
}

/// A member of the last record.
#[derive(Clone, Debug)]
struct Known {
    /// Where what was before its value ends, and where in it the name is.
    end: usize,
    name: Range<usize>,
    /// There is white space in it.
    space: bool,
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
        let mut all = Marks { depth: 1, ..Marks::default() };
        while self.is_member(&mut scan, &mut all)? {
            let start = scan.position();
            scan.value(1)?;
            let marks = scan.take_marks();
            all.add(marks);
            self.values.push((start..scan.position(), marks));
        }
        if !scan.finish() {
            return None;
        }
        all.add(scan.take_marks());
        self.marks = all;
        if self.values.len() < self.known.len() {
            self.forget(self.values.len());
        }
        let are_unique = self.are_unique.unwrap_or_else(|| self.has_unique_names());
        self.are_unique = Some(are_unique);
        are_unique.then_some(())
    }

    /// Walks over all that is before the value of another member. Gives whether there is one.
    #[inline]
    fn is_member(&mut self, scan: &mut Scan<'_>, all: &mut Marks) -> Option<bool> {
        let index = self.values.len();
        if let Some(known) = self.known.get(index) {
            let start = self.known.get(index.wrapping_sub(1)).map_or(0, |known| known.end);
            if scan.skip(self.before.get(start..known.end)?) {
                // The last record may have had none before this value.
                scan.space();
                all.space |= known.space | scan.has_seen_space();
                scan.take_marks();
                return Some(true);
            }
        }
        let is_member = self.learn(index, scan);
        all.add(scan.take_marks());
        is_member
    }

    /// The end, or something else than the last record had at this place.
    fn learn(&mut self, index: usize, scan: &mut Scan<'_>) -> Option<bool> {
        let start = scan.position();
        let ends = if index == 0 { scan.begins(b'{', b'}')? } else { scan.ends(b'}')? };
        if ends {
            return Some(false);
        }
        self.forget(index);
        let name = scan.position() + 1;
        let length = scan.name()?.len();
        let before = scan.passed(start);
        if before.contains(&b'\\') || before.contains(&0x7f) {
            return None;
        }
        let name = self.before.len() + name - start;
        self.before.extend_from_slice(before);
        self.known.push(Known { end: self.before.len(), name: name..name + length, space: scan.has_seen_space() });
        Some(true)
    }

    /// All members but the first `count`.
    fn forget(&mut self, count: usize) {
        self.known.truncate(count);
        self.before.truncate(self.known.last().map_or(0, |known| known.end));
        self.version = self.version.wrapping_add(1);
        self.are_unique = None;
    }

    fn has_unique_names(&self) -> bool {
        let names = || (0..self.known.len()).map(|index| self.name(index));
        if self.known.len() < MANY {
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

    /// The name of a member, as it is written.
    #[must_use]
    pub fn name(&self, index: usize) -> &[u8] {
        self.known.get(index).and_then(|known| self.before.get(known.name.clone())).unwrap_or_default()
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
        let found = (0..self.known.len()).find(|index| self.name(*index) == name);
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

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    /// An object, written with white space at some of the places where there may be some.
    fn object() -> impl Strategy<Value = String> {
        let names: &'static [&'static str] = &["a", "bc", "bcd", "a longer name than most", "é", "a\\n", "\u{7f}", ""];
        let values: &'static [&'static str] =
            &["1", "-2.5e3", "\"x\"", "\"\\\"\"", "true", "null", "tru", "[1, 2]", "{\"a\":1}", "[[]]", "01", "\""];
        let spaces: &'static [&'static str] = &["", "", "", "", " ", "\n\t"];
        let members = vec((select(names), select(values), vec(select(spaces), 4)), 0..5);
        (members, vec(select(spaces), 3), select(&["}", "}", "}", "", "} x", ",}"][..])).prop_map(
            |(members, outer, end)| {
                let members = members.into_iter().map(|(name, value, spaces)| {
                    let [a, b, c, d] = spaces[..] else { unreachable!("there are four") };
                    format!("{a}\"{name}\"{b}:{c}{value}{d}")
                });
                let members = members.collect::<Vec<_>>().join(",");
                format!("{}{{{}{members}{end}{}", outer[0], outer[1], outer[2])
            },
        )
    }

    fn seen(members: &Members, hint: &Hint) -> String {
        let all = (0..members.len()).map(|index| (String::from_utf8_lossy(members.name(index)), members.value(index)));
        format!("{:?} {:?} {:?}", all.collect::<Vec<_>>(), members.marks(), members.find(b"bc", hint))
    }

    #[test]
    fn a_record_is_read_whose_white_space_is_not_that_of_the_last() {
        let mut members = Members::default();
        let read = |text: &str| members.read(text).map(|()| (members.value(0), members.marks().space));
        let gives = |values: Range<usize>, space| Some((Some((values, Marks::default())), space));
        let texts = [r#"{"a":1}"#, r#"{"a": 1}"#, r#"{"a":1}"#, r#"{"a" :1}"#, r#" {"a":1}"#, r#"{ "a":1}"#];
        let expected = [
            gives(5..6, false),
            gives(6..7, true),
            gives(5..6, false),
            gives(6..7, true),
            gives(6..7, true),
            gives(6..7, true),
        ];
        assert_eq!(texts.map(read), expected);
    }

    proptest! {
        #[test]
        fn a_record_is_read_as_if_none_had_been_read_before(records in vec(object(), 1..8)) {
            let (mut kept, hint) = (Members::default(), Hint::default());
            for record in &records {
                let mut fresh = Members::default();
                let read = fresh.read(record);
                prop_assert_eq!(kept.read(record), read, "{:?}", record);
                let is_json = serde_json::from_str::<serde_json::Value>(record).is_ok();
                prop_assert!(read.is_none() || is_json, "{:?}", record);
                if read.is_some() {
                    prop_assert_eq!(seen(&kept, &hint), seen(&fresh, &Hint::default()), "{:?}", record);
                }
            }
        }
    }
}
