//! A table of a pipeline file, with its place and its name for messages.

use std::borrow::Cow;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::Fault;
use super::key::Key;
use super::value::Value;

/// A table with its place and its name in messages.
#[derive(Clone, Debug)]
pub struct Table<'a> {
    /// Its keys with their values.
    pub entries: &'a DeTable<'a>,
    /// Where it is in the text, in bytes.
    pub span: Range<usize>,
    /// As in "unknown key in …": `stage "parse"`.
    pub label: String,
}

impl<'a> Table<'a> {
    /// Refuses keys that are not among `known`.
    pub fn refuse_unknown(&self, known: &[Key]) -> Result<(), Fault> {
        let known = Key::names(known);
        let unknown = self.entries.keys().filter(|key| !known.contains(&key.get_ref().as_ref()));
        // The map is sorted by name; the reader begins at the top.
        match unknown.min_by_key(|key| key.span().start) {
            None => Ok(()),
            Some(key) => {
                let message = format!("unknown key {:?} in {}", key.get_ref(), self.label);
                Err(Fault::at(key.span(), message).suggest(key.get_ref(), &known))
            }
        }
    }

    /// The value of a key.
    pub fn get(&self, key: &'static str) -> Option<Value<'a>> {
        let value = self.entries.get(key)?;
        Some(Value { what: format!("{key:?} of {}", self.label), span: value.span(), value: value.get_ref() })
    }

    /// All keys with their values, in the order in which they are written.
    pub fn each(&self) -> Vec<(&'a Spanned<Cow<'a, str>>, Value<'a>)> {
        let value = |key: &Spanned<Cow<'a, str>>, value: &'a Spanned<DeValue<'a>>| Value {
            what: format!("{:?} of {}", key.get_ref(), self.label),
            span: value.span(),
            value: value.get_ref(),
        };
        let mut each: Vec<_> = self.entries.iter().map(|(key, item)| (key, value(key, item))).collect();
        each.sort_by_key(|(key, _)| key.span().start);
        each
    }

    /// Where the value at the end of these keys stands, or else the last of them that is there.
    pub fn place(&self, keys: &[&'static str]) -> Range<usize> {
        let Some((key, rest)) = keys.split_first() else { return self.span.clone() };
        let Some(value) = self.get(key) else { return self.span.clone() };
        match value.table() {
            Ok(table) if !rest.is_empty() => table.place(rest),
            Ok(_) | Err(_) => value.span,
        }
    }

    /// The value of a key that must be there.
    pub fn require(&self, key: &'static str) -> Result<Value<'a>, Fault> {
        self.get(key).ok_or_else(|| self.missing(key))
    }

    /// A key is not there that must be.
    pub fn missing(&self, key: &'static str) -> Fault {
        Fault::at(self.span.clone(), format!("missing key {key:?} in {}", self.label))
    }

    /// A key's value, made into something else, or the default.
    pub fn or<T>(
        &self,
        key: &'static str,
        default: T,
        make: impl FnOnce(&Value<'a>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.get(key).map_or(Ok(default), |value| make(&value))
    }

    /// The table in a key, with its known keys checked.
    pub fn part(&self, key: &'static str, known: &[Key]) -> Result<Option<Self>, Fault> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let table = value.table()?;
        table.refuse_unknown(known)?;
        Ok(Some(table))
    }
}
