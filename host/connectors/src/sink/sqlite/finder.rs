//! Which field of a record goes into which column. Records mostly name their fields in the order of the columns, which is
//! tried first; else a map finds the name, so a record of many fields costs what it is long.

use std::collections::HashMap;

use crate::format::fields::Fields;

/// The longest name of a column, bytes: a bound of our own, so that a record cannot fill the schema.
const NAME_BYTES_MAX: usize = 1024;

/// Finds the fields' columns. To SQLite, `a` and `A` are one name.
#[derive(Clone, Debug, Default)]
pub(super) struct Finder {
    names: Vec<String>,
    /// By name in lower case.
    by_name: HashMap<String, usize>,
    /// For each column: which field of the last record goes there.
    places: Vec<Option<usize>>,
    /// Fields of the last record that have no column, each name once.
    unknown: Vec<usize>,
}

impl Finder {
    /// For columns of these names.
    pub(super) fn new<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let mut finder = Self::default();
        names.for_each(|name| finder.add(name));
        finder
    }

    /// Adds a column.
    pub(super) fn add(&mut self, name: &str) {
        self.by_name.insert(name.to_ascii_lowercase(), self.names.len());
        self.names.push(name.to_owned());
    }

    /// The names of the columns.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// How many columns there are.
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    /// Finds the columns of a record's fields. Of fields with the same name, the last one counts.
    ///
    /// # Errors
    /// With the reason, when two fields are one column to SQLite.
    pub(super) fn place(&mut self, Fields(fields): &Fields<'_>) -> Result<(), String> {
        let Self { names, by_name, places, unknown } = self;
        let name_of = |field: usize| fields.get(field).map_or("", |(name, _)| name.as_ref());
        places.clear();
        places.resize(names.len(), None);
        unknown.clear();
        let mut new: HashMap<String, usize> = HashMap::new();
        for (index, (name, _)) in fields.iter().enumerate() {
            let column = match names.get(index) {
                Some(here) if here == name => Some(index),
                _ => by_name.get(&name.to_ascii_lowercase()).copied(),
            };
            let before = match column.and_then(|column| places.get_mut(column)) {
                Some(place) => place.replace(index),
                None => new.insert(name.to_ascii_lowercase(), index),
            };
            if let Some(before) = before.map(name_of).filter(|before| before != name) {
                return Err(format!("the fields \"{before}\" and \"{name}\" are one column to SQLite"));
            }
        }
        unknown.extend(new.into_values());
        unknown.sort_unstable();
        Ok(())
    }

    /// For each column, which field of the last record goes there.
    pub(super) fn places(&self) -> &[Option<usize>] {
        &self.places
    }

    /// The fields of the last record that have no column, in their order.
    pub(super) fn unknown(&self) -> &[usize] {
        &self.unknown
    }
}

/// Makes sure that a field's name can be that of a column.
///
/// # Errors
/// With the reason why it cannot.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    let why = match name {
        "" => "SQLite has no column without a name".to_owned(),
        _ if name.contains('\0') => "it holds a NUL character".to_owned(),
        _ if name.len() > NAME_BYTES_MAX => format!("it is longer than {NAME_BYTES_MAX} bytes"),
        _ => return Ok(()),
    };
    Err(format!("the field {name:?} cannot be a column: {why}"))
}
