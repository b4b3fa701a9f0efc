//! JSON objects as rows of CSV.

use std::collections::HashSet;

use super::eight::Eight;
use super::fields::{Fields, Value};
use super::json;
use super::placing::{Placing, Unknown};
use sandmill_engine::edge::Header;

/// Writes rows. The names of the first record are the header, unless there is one already.
#[derive(Clone, Debug)]
pub(crate) struct CsvWriter {
    delimiter: u8,
    /// No names: there is no header yet.
    placing: Placing,
    /// The columns of the sources whose records these are, for when there is no record.
    expected: Vec<Header>,
}

/// How many of the header's names a reason lists, and how many bytes of them. Arbitrary: a few lines.
const LISTED_NAMES_MAX: usize = 20;
const LISTED_BYTES_MAX: usize = 1024;

impl CsvWriter {
    pub(crate) fn new(delimiter: u8) -> Self {
        Self { delimiter, placing: Placing::default(), expected: Vec::new() }
    }

    /// Between two fields.
    pub(crate) fn delimiter(&self) -> u8 {
        self.delimiter
    }

    /// The header that the rows must follow, because the output already has it.
    pub(crate) fn follow(&mut self, header: Vec<String>) {
        self.placing = Placing::new(header);
    }

    /// The header to write if there is no record.
    pub(crate) fn expect(&mut self, header: &Header) {
        self.expected.push(header.clone());
    }

    /// There are no more records: appends the header if there was none.
    pub(crate) fn end(&mut self, out: &mut Vec<u8>) {
        if self.placing.names().is_empty()
            && let Some(names) = self.expected.iter().find_map(Header::get)
        {
            self.push_header(out, names);
        }
    }

    /// Appends a record as a row.
    ///
    /// # Errors
    /// With the reason why it cannot be one; nothing is appended then.
    pub(crate) fn push(&mut self, out: &mut Vec<u8>, record: &[u8]) -> Result<(), String> {
        let fields = Fields::parse(record)?;
        if self.placing.names().is_empty() {
            self.begin(out, &fields)?;
        }
        let mut placing = std::mem::take(&mut self.placing);
        let pushed = placing.place(&fields).map(|places| self.push_row(out, &fields, places));
        self.placing = placing;
        pushed.map_err(|unknown| self.reason(&unknown))
    }

    /// Writes the header: the names of a record, each once.
    fn begin(&mut self, out: &mut Vec<u8>, Fields(fields): &Fields<'_>) -> Result<(), String> {
        if fields.is_empty() {
            return Err("the object has no fields, so there is no header to write".to_owned());
        }
        let mut known = HashSet::with_capacity(fields.len());
        let once = fields.iter().filter(|(name, _)| known.insert(name.as_ref()));
        let names = once.map(|(name, _)| name.clone().into_owned()).collect();
        self.push_header(out, names);
        Ok(())
    }

    fn push_header(&mut self, out: &mut Vec<u8>, names: Vec<String>) {
        for (column, name) in names.iter().enumerate() {
            if column > 0 {
                out.push(self.delimiter);
            }
            self.push_field(out, name, names.len());
        }
        out.push(b'\n');
        self.follow(names);
    }

    fn push_row(&self, out: &mut Vec<u8>, Fields(fields): &Fields<'_>, places: &[Option<usize>]) {
        for (column, place) in places.iter().enumerate() {
            let value = place.and_then(|place| fields.get(place)).map_or(&Value::Null, |(_, value)| value);
            if column > 0 {
                out.push(self.delimiter);
            }
            self.push_value(out, value, places.len());
        }
        out.push(b'\n');
    }

    fn reason(&self, Unknown(name): &Unknown) -> String {
        format!("the field \"{name}\" is not in the header ({})", listed(self.placing.names()))
    }

    fn push_value(&self, out: &mut Vec<u8>, value: &Value<'_>, columns: usize) {
        match value {
            Value::Null => self.push_field(out, "", columns),
            Value::Bool(true) => out.extend_from_slice(b"true"),
            Value::Bool(false) => out.extend_from_slice(b"false"),
            Value::Number(number) => self.push_field(out, number, columns),
            Value::Text(text) => self.push_field(out, text, columns),
            Value::Nested(raw) => {
                let mut compact = Vec::with_capacity(raw.len());
                json::push_compact(&mut compact, raw);
                self.push_field(out, &String::from_utf8_lossy(&compact), columns);
            }
        }
    }

    fn push_field(&self, out: &mut Vec<u8>, field: &str, columns: usize) {
        // A row that is one empty field would be a blank line, which readers skip.
        let must_quote = has_mark(field.as_bytes(), self.delimiter) || (field.is_empty() && columns == 1);
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

/// Names for a reason: whole ones, because half a secret could not be found in them.
fn listed(names: &[String]) -> String {
    let mut bytes = 0;
    let fits = |name: &&String| {
        bytes += name.len();
        bytes <= LISTED_BYTES_MAX
    };
    let first: Vec<&str> = names.iter().take(LISTED_NAMES_MAX).take_while(fits).map(String::as_str).collect();
    let listed = first.join(", ");
    match names.len() - first.len() {
        0 => listed,
        more if first.is_empty() => format!("{more} long names"),
        more => format!("{listed} and {more} more"),
    }
}

/// Whether a field has something for which it must be quoted.
fn has_mark(field: &[u8], delimiter: u8) -> bool {
    let mut at = 0;
    while at < field.len() {
        // These are a few more bytes than those that matter.
        for mark in Eight::load(field, at).marks_of_json_and(delimiter) {
            match field.get(at + mark) {
                Some(b'"' | b'\n' | b'\r') => return true,
                Some(byte) if *byte == delimiter => return true,
                _ => {}
            }
        }
        at += 8;
    }
    false
}
