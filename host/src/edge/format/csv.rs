//! JSON objects as rows of CSV.

use super::fields::{Fields, Value};
use super::json;

/// Writes rows. The names of the first record are the header, unless there is one already.
#[derive(Debug)]
pub(in crate::edge) struct CsvWriter {
    delimiter: u8,
    header: Vec<String>,
    /// Where each column's field lies in `fields` of the row that is being written, or nothing.
    row: Vec<Option<usize>>,
}

impl CsvWriter {
    pub(in crate::edge) fn new(delimiter: u8) -> Self {
        Self { delimiter, header: Vec::new(), row: Vec::new() }
    }

    /// The header that the rows must follow, because it stands in the output already.
    pub(in crate::edge) fn follow(&mut self, header: Vec<String>) {
        self.header = header;
    }

    /// Appends a record as a row.
    ///
    /// # Errors
    /// With the reason why it cannot be one; nothing is appended then.
    pub(in crate::edge) fn push(&mut self, out: &mut Vec<u8>, record: &[u8]) -> Result<(), String> {
        let Fields(fields) = Fields::parse(record)?;
        if self.header.is_empty() {
            self.begin(out, &fields)?;
        }
        self.row.clear();
        self.row.resize(self.header.len(), None);
        for (index, (name, _)) in fields.iter().enumerate() {
            let column = self.column(index, name).ok_or_else(|| self.unknown(name))?;
            if let Some(slot) = self.row.get_mut(column) {
                *slot = Some(index);
            }
        }
        for (column, index) in self.row.iter().enumerate() {
            let value = index.and_then(|index| fields.get(index)).map_or(&Value::Null, |(_, value)| value);
            if column > 0 {
                out.push(self.delimiter);
            }
            self.push_value(out, value);
        }
        out.push(b'\n');
        Ok(())
    }

    /// Writes the header: the names of a record, each once.
    fn begin(&mut self, out: &mut Vec<u8>, fields: &[(std::borrow::Cow<'_, str>, Value<'_>)]) -> Result<(), String> {
        if fields.is_empty() {
            return Err("the object has no field, so that there is no header to write".to_owned());
        }
        for (name, _) in fields {
            if !self.header.iter().any(|known| known == name) {
                self.header.push(name.clone().into_owned());
            }
        }
        for (column, name) in self.header.iter().enumerate() {
            if column > 0 {
                out.push(self.delimiter);
            }
            self.push_field(out, name);
        }
        out.push(b'\n');
        Ok(())
    }

    /// The column of a field. Fields mostly stand in the order of the header.
    fn column(&self, index: usize, name: &str) -> Option<usize> {
        match self.header.get(index) {
            Some(here) if here == name => Some(index),
            _ => self.header.iter().position(|known| known == name),
        }
    }

    fn unknown(&self, name: &str) -> String {
        format!("the field \"{name}\" is not in the header ({})", self.header.join(", "))
    }

    fn push_value(&self, out: &mut Vec<u8>, value: &Value<'_>) {
        match value {
            Value::Null => self.push_field(out, ""),
            Value::Bool(true) => out.extend_from_slice(b"true"),
            Value::Bool(false) => out.extend_from_slice(b"false"),
            Value::Number(number) => self.push_field(out, number),
            Value::Text(text) => self.push_field(out, text),
            Value::Nested(raw) => {
                let mut compact = Vec::with_capacity(raw.len());
                json::push_compact(&mut compact, raw);
                self.push_field(out, &String::from_utf8_lossy(&compact));
            }
        }
    }

    fn push_field(&self, out: &mut Vec<u8>, field: &str) {
        // A row that is one empty field would be a blank line, which readers skip.
        let must_quote = field.bytes().any(|byte| matches!(byte, b'"' | b'\n' | b'\r') || byte == self.delimiter)
            || (field.is_empty() && self.header.len() == 1);
        if !must_quote {
            out.extend_from_slice(field.as_bytes());
            return;
        }
        out.push(b'"');
        for part in field.split_inclusive('"') {
            out.extend_from_slice(part.as_bytes());
            if part.ends_with('"') {
                out.push(b'"');
            }
        }
        out.push(b'"');
    }
}
