//! Which field of a record goes into which column.

use super::fields::Fields;

/// Finds the fields' columns. Records mostly name their fields in the order of the columns, which is tried first.
#[derive(Clone, Debug, Default)]
pub(in crate::edge) struct Placing {
    names: Vec<String>,
    ignore_case: bool,
    /// For each column: which field of the last record goes there.
    fields: Vec<Option<usize>>,
}

/// Why a record's fields do not fit the columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::edge) enum Misplaced {
    /// There is no column for this field.
    Unknown(String),
    /// These two fields differ in case only, and the columns do not.
    Same(String, String),
}

impl Placing {
    /// Columns with these names. With `ignore_case`, `a` and `A` are the same (as SQLite sees it).
    pub(in crate::edge) fn new(names: Vec<String>, ignore_case: bool) -> Self {
        Self { names, ignore_case, fields: Vec::new() }
    }

    /// The names of the columns.
    pub(in crate::edge) fn names(&self) -> &[String] {
        &self.names
    }

    /// For each column, which field goes there. Of fields with the same name, the last one counts.
    ///
    /// # Errors
    /// When a field has no column of its own.
    pub(in crate::edge) fn place(&mut self, record: &Fields<'_>) -> Result<&[Option<usize>], Misplaced> {
        let Self { names, ignore_case, fields } = self;
        fields.clear();
        fields.resize(names.len(), None);
        let same = |a: &str, b: &str| a == b || (*ignore_case && a.eq_ignore_ascii_case(b));
        for (index, (name, _)) in record.0.iter().enumerate() {
            let column = match names.get(index) {
                Some(here) if here == name => Some(index),
                _ => names.iter().position(|known| same(known, name)),
            };
            let slot = column.and_then(|column| fields.get_mut(column));
            let slot = slot.ok_or_else(|| Misplaced::Unknown(name.clone().into_owned()))?;
            if let Some((before, _)) = slot.and_then(|before| record.0.get(before))
                && before != name
            {
                return Err(Misplaced::Same(before.clone().into_owned(), name.clone().into_owned()));
            }
            *slot = Some(index);
        }
        Ok(fields)
    }
}
