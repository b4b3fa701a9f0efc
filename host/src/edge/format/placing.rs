//! Which field of a record goes into which column.

use std::collections::HashMap;
use std::sync::Arc;

use super::fields::Fields;

/// Finds the fields' columns. Records mostly name their fields in the order of the columns, which is tried first.
#[derive(Clone, Debug, Default)]
pub(in crate::edge) struct Placing {
    columns: Arc<Columns>,
    /// For each column: which field of the last record goes there.
    fields: Vec<Option<usize>>,
}

/// The columns, and where each stands.
#[derive(Debug, Default)]
struct Columns {
    names: Vec<String>,
    ignore_case: bool,
    /// By name; in lower case where case is ignored. Of names that are the same then, the first.
    index: HashMap<String, usize>,
}

impl Columns {
    fn find(&self, name: &str) -> Option<usize> {
        match self.ignore_case {
            true => self.index.get(&name.to_ascii_lowercase()).copied(),
            false => self.index.get(name).copied(),
        }
    }
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
        let mut index = HashMap::with_capacity(names.len());
        for (column, name) in names.iter().enumerate() {
            let name = if ignore_case { name.to_ascii_lowercase() } else { name.clone() };
            index.entry(name).or_insert(column);
        }
        Self { columns: Arc::new(Columns { names, ignore_case, index }), fields: Vec::new() }
    }

    /// The names of the columns.
    pub(in crate::edge) fn names(&self) -> &[String] {
        &self.columns.names
    }

    /// For each column, which field goes there. Of fields with the same name, the last one counts.
    ///
    /// # Errors
    /// When a field has no column of its own.
    pub(in crate::edge) fn place(&mut self, record: &Fields<'_>) -> Result<&[Option<usize>], Misplaced> {
        let Self { columns, fields } = self;
        fields.clear();
        fields.resize(columns.names.len(), None);
        for (index, (name, _)) in record.0.iter().enumerate() {
            let column = match columns.names.get(index) {
                Some(here) if here == name => Some(index),
                _ => columns.find(name),
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
