//! The first records of a table whose columns nobody has named: they decide what the columns are.
//!
//! The table is there from the first record on. While this window is open, a value that its column does not hold
//! exactly changes the column's type: the table is made again, of the records that the window keeps. So the types are a
//! function of the first records alone, whatever batches they come in. A checkpoint keeps the window, so a run that is
//! resumed decides as one that was not interrupted.
//!
//! Bounds: [`RECORDS_MAX`], [`BYTES_MAX`].

use super::finder::{Finder, check_name};
use super::number;
use super::table::{Table, check_room};
use super::target::fields_of;
use crate::format::fields::Value;
use crate::{Column, ColumnType};
use sandmill_engine::edge::Rejected;
use sandmill_engine::record;

/// How many records decide.
pub(super) const RECORDS_MAX: usize = 1000;

/// Or those that are so long together, bytes: what a checkpoint may have to keep.
const BYTES_MAX: usize = 1 << 20;

/// The first records.
#[derive(Debug, Default)]
pub(super) struct Window {
    records: record::Column,
    seen: Vec<Seen>,
    finder: Finder,
    is_closed: bool,
}

/// The values that a column has been given.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    /// Text, arrays, objects, numbers that SQLite has no number for.
    text: bool,
    /// Numbers that are written as integers; booleans, which SQLite stores as 0 and 1.
    integers: bool,
    /// Numbers with a fraction or an exponent.
    fractions: bool,
    /// Numbers that are not whole, or beyond 64 bits.
    not_whole: bool,
    /// Numbers that floating point does not give back.
    not_real: bool,
}

impl Seen {
    fn add(&mut self, value: &Value<'_>) {
        match value {
            Value::Null => {}
            Value::Bool(_) => self.integers = true,
            Value::Text(_) | Value::Nested(_) => self.text = true,
            Value::Number(number) => {
                let (is_whole, is_real) = (number::whole(number).is_some(), number::real(number).is_some());
                let is_plain = number::is_plain(number);
                self.text |= !is_whole && !is_real;
                self.integers |= is_plain;
                self.fractions |= !is_plain;
                self.not_whole |= !is_whole;
                self.not_real |= !is_real;
            }
        }
    }

    /// The narrowest type that holds all of it exactly.
    fn kind(self) -> ColumnType {
        match self {
            Self { text: true, .. } => ColumnType::Text,
            Self { integers: true, fractions: false, not_whole: false, .. } => ColumnType::Integer,
            Self { not_real: false, integers, fractions, .. } if integers || fractions => ColumnType::Real,
            Self { not_whole: false, integers, fractions, .. } if integers || fractions => ColumnType::Integer,
            // Integers that floating point does not hold, and fractions; or nothing but null.
            _ => ColumnType::Any,
        }
    }
}

impl Window {
    /// A window that has taken these records before.
    pub(super) fn of(records: &[String]) -> Self {
        let mut window = Self::default();
        for record in records {
            // They were taken once, so they are again.
            drop(window.take_one(record.as_bytes()));
        }
        window
    }

    /// How many records it has taken.
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether it takes no more.
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// The records that it has taken.
    pub(super) fn records(&self) -> impl Iterator<Item = &[u8]> {
        self.records.iter()
    }

    /// The table that the records ask for.
    pub(super) fn table(&self) -> Table {
        let columns = self.finder.names().zip(&self.seen);
        let columns: Vec<_> = columns.map(|(name, seen)| Column { name: name.to_owned(), kind: seen.kind() }).collect();
        Table::of(&columns)
    }

    /// Takes records until it is closed. Returns what was looked at; records that cannot be a row are `rejected`.
    pub(super) fn take(&mut self, records: &record::Column, rejected: &mut Vec<Rejected>) -> Looked {
        let mut looked = Looked::default();
        for (index, record) in records.iter().enumerate() {
            if self.is_closed {
                break;
            }
            match self.take_one(record) {
                Ok(()) => looked.taken.push(index),
                Err(reason) => rejected.push(Rejected { index, reason }),
            }
            looked.count += 1;
        }
        looked
    }

    /// Forgets all but the first records: the others have not been written.
    pub(super) fn truncate(&mut self, count: usize) {
        if count < self.len() || self.is_closed {
            let records = self.records.slice(0..count);
            *self = Self::default();
            for record in records.iter() {
                drop(self.take_one(record));
            }
        }
    }

    fn take_one(&mut self, record: &[u8]) -> Result<(), String> {
        let fields = fields_of(record)?;
        self.finder.place(&fields)?;
        let new: Vec<&str> = self
            .finder
            .unknown()
            .iter()
            .filter_map(|&field| fields.0.get(field))
            .map(|(name, _)| name.as_ref())
            .collect();
        if self.finder.len() + new.len() == 0 {
            return Err("the object has no fields, so there is no column to create".to_owned());
        }
        check_room(self.finder.len(), new.len())?;
        new.iter().try_for_each(|name| check_name(name))?;
        for name in new {
            self.finder.add(name);
            self.seen.push(Seen::default());
        }
        self.finder.place(&fields)?;
        for (place, seen) in self.finder.places().iter().zip(&mut self.seen) {
            if let Some((_, value)) = place.and_then(|place| fields.0.get(place)) {
                seen.add(value);
            }
        }
        self.records.push(record);
        self.is_closed = self.records.len() >= RECORDS_MAX || self.records.bytes() >= BYTES_MAX;
        Ok(())
    }
}

/// The records of a batch that a window has looked at.
#[derive(Debug, Default)]
pub(super) struct Looked {
    /// How many, from the first on.
    pub(super) count: usize,
    /// The records that it has taken.
    pub(super) taken: Vec<usize>,
}
