//! Decides which field of a record goes into which column.

use std::collections::HashMap;
use std::sync::Arc;

use super::fields::Fields;

/// Finds the fields' columns. Records mostly name their fields in the order of the columns, which is tried first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Placing {
    columns: Arc<Columns>,
    /// For each column: which field of the last record goes there.
    fields: Vec<Option<usize>>,
}

/// The columns, and where each stands.
#[derive(Debug, Default)]
struct Columns {
    names: Vec<String>,
    index: HashMap<String, usize>,
}

/// There is no column for this field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unknown(pub(crate) String);

impl Placing {
    /// Columns with these names.
    pub(crate) fn new(names: Vec<String>) -> Self {
        let index = names.iter().cloned().zip(0..).collect();
        Self { columns: Arc::new(Columns { names, index }), fields: Vec::new() }
    }

    /// The names of the columns.
    pub(crate) fn names(&self) -> &[String] {
        &self.columns.names
    }

    /// For each column, which field goes there. Of fields with the same name, the last one counts.
    ///
    /// # Errors
    /// When a field has no column.
    pub(crate) fn place(&mut self, record: &Fields<'_>) -> Result<&[Option<usize>], Unknown> {
        let Self { columns, fields } = self;
        fields.clear();
        fields.resize(columns.names.len(), None);
        for (index, (name, _)) in record.0.iter().enumerate() {
            let column = match columns.names.get(index) {
                Some(here) if here == name => Some(index),
                _ => columns.index.get(name.as_ref()).copied(),
            };
            let slot = column.and_then(|column| fields.get_mut(column));
            *slot.ok_or_else(|| Unknown(name.clone().into_owned()))? = Some(index);
        }
        Ok(fields)
    }
}
