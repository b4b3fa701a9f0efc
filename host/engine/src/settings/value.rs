//! Converts a value of a pipeline file, or reports in the user's terms what was expected.

use std::num::NonZeroUsize;
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytesize::ByteSize;
use toml::Spanned;
use toml::de::{DeInteger, DeValue};

use super::fault::Fault;
use super::table::Table;
use crate::plan::bounds::size_text;

/// A value with its place and its name in messages.
#[derive(Clone, Debug)]
pub struct Value<'a> {
    /// `"workers" of stage "parse"`.
    pub what: String,
    /// Where it is in the text, in bytes.
    pub span: Range<usize>,
    /// The value itself.
    pub value: &'a DeValue<'a>,
}

impl<'a> Value<'a> {
    /// Something wrong with this value.
    pub fn fault(&self, message: &str) -> Fault {
        Fault::at(self.span.clone(), format!("{}: {message}", self.what))
    }

    /// A fault that says what was expected, and what is there instead.
    pub fn unexpected(&self, expected: &str) -> Fault {
        self.fault(&format!("expected {expected}, found {}", found(self.value)))
    }

    /// As [`Self::unexpected`], with the text that is there: for strings that stand for something else.
    pub fn unreadable(&self, expected: &str) -> Fault {
        match self.value.as_str() {
            Some(text) => self.fault(&format!("expected {expected}, found {text:?}")),
            None => self.unexpected(expected),
        }
    }

    /// Any text that is not empty.
    pub fn text(&self) -> Result<&'a str, Fault> {
        match self.name()? {
            "" => Err(self.fault("must not be empty")),
            text => Ok(text),
        }
    }

    /// Any text, for names, whose check has error messages of its own.
    pub fn name(&self) -> Result<&'a str, Fault> {
        self.value.as_str().ok_or_else(|| self.unexpected("a string"))
    }

    /// One of several choices.
    pub fn choice<T: Clone>(&self, choices: &[(&str, T)]) -> Result<T, Fault> {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        self.chosen(choices, &alternatives(&words))
    }

    /// As [`Self::choice`], for a value that may be something else as well, such as `a table`.
    pub fn choice_or<T: Clone>(&self, choices: &[(&str, T)], otherwise: &str) -> Result<T, Fault> {
        let words: Vec<String> = choices.iter().map(|(word, _)| format!("{word:?}")).collect();
        self.chosen(choices, &format!("{} or {otherwise}", words.join(", ")))
    }

    fn chosen<T: Clone>(&self, choices: &[(&str, T)], expected: &str) -> Result<T, Fault> {
        let words = choices.iter().map(|(word, _)| *word);
        let Some(word) = self.value.as_str() else { return Err(self.unexpected(expected)) };
        match choices.iter().find(|(known, _)| *known == word) {
            Some((_, choice)) => Ok(choice.clone()),
            None => {
                let fault = self.fault(&format!("expected {expected}, found {word:?}"));
                let near = crate::suggest::hint(word, words);
                Err(near.into_iter().fold(fault, Fault::hint))
            }
        }
    }

    /// `true` or `false`.
    pub fn truth(&self) -> Result<bool, Fault> {
        self.value.as_bool().ok_or_else(|| self.unexpected("true or false"))
    }

    /// A whole number.
    pub fn whole(&self, range: RangeInclusive<u64>) -> Result<u64, Fault> {
        let expected = format!("a whole number from {} to {}", range.start(), range.end());
        let DeValue::Integer(written) = self.value else { return Err(self.unexpected(&expected)) };
        integer(written)
            .and_then(|number| u64::try_from(number).ok())
            .filter(|number| range.contains(number))
            .ok_or_else(|| self.unexpected(&expected))
    }

    /// A whole number from 1.
    pub fn count(&self, most: usize) -> Result<NonZeroUsize, Fault> {
        let number = self.whole(1..=most as u64)?;
        usize::try_from(number)
            .ok()
            .and_then(NonZeroUsize::new)
            .ok_or_else(|| self.fault("is too large for this machine"))
    }

    /// A number of bytes: `"8MiB"`, or a plain whole number.
    pub fn size(&self, range: RangeInclusive<u64>) -> Result<u64, Fault> {
        let bytes = match (self.value.as_str(), self.value.as_integer()) {
            (Some(text), _) => text.trim().parse().ok().map(|ByteSize(bytes)| bytes),
            (None, Some(written)) => integer(written).and_then(|number| u64::try_from(number).ok()),
            (None, None) => None,
        };
        bytes.filter(|bytes| range.contains(bytes)).ok_or_else(|| {
            let (least, most) = (size_text(*range.start()), size_text(*range.end()));
            self.unreadable(&format!("a size from {least} to {most}, such as \"8MiB\""))
        })
    }

    /// A number of bytes from 1.
    pub fn bytes(&self, most: usize) -> Result<NonZeroUsize, Fault> {
        let bytes = self.size(1..=most as u64)?;
        usize::try_from(bytes)
            .ok()
            .and_then(NonZeroUsize::new)
            .ok_or_else(|| self.fault("is too large for this machine"))
    }

    /// A time: `"20ms"`.
    pub fn duration(&self, range: RangeInclusive<Duration>) -> Result<Duration, Fault> {
        let most = humantime::format_duration(*range.end());
        let expected = match *range.start() {
            least if least.is_zero() => format!("a time from \"0ms\" to \"{most}\", such as \"20ms\""),
            least if least.as_nanos() == 1 => format!("a time above zero and up to \"{most}\", such as \"20ms\""),
            least => format!("a time from \"{}\" to \"{most}\"", humantime::format_duration(least)),
        };
        let time = self.value.as_str().and_then(|text| humantime::parse_duration(text.trim()).ok());
        time.filter(|time| range.contains(time)).ok_or_else(|| self.unreadable(&expected))
    }

    /// One ASCII character, as a delimiter of fields.
    pub fn delimiter(&self) -> Result<u8, Fault> {
        match self.value.as_str().map(str::as_bytes) {
            Some(&[byte]) if byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n') => Ok(byte),
            _ => Err(self
                .unexpected("a string of one ASCII character, no quote and no line feed")
                .hint("such as \";\" or \"\\t\"")),
        }
    }

    /// A path, relative to `folder`.
    pub fn path(&self, folder: &Path) -> Result<PathBuf, Fault> {
        Ok(folder.join(self.path_text()?))
    }

    /// The text of a path. One that only a shell would understand would make a folder "~".
    pub fn path_text(&self) -> Result<&'a str, Fault> {
        let text = self.text()?;
        if text.contains('\0') {
            return Err(self.fault("a path cannot contain a NUL character"));
        }
        if text == "~" || text.starts_with("~/") {
            return Err(self
                .fault("\"~\" is not expanded here")
                .hint("write the path in full; a folder that is really called \"~\" is \"./~\""));
        }
        Ok(text)
    }

    /// A string, or several in an array.
    pub fn texts(&self) -> Result<Vec<Self>, Fault> {
        let Some(items) = self.items_or(DeValue::is_str) else {
            return Err(self.unexpected("a string or an array of strings"));
        };
        items.iter().try_for_each(|item| item.name().map(|_| ()))?;
        Ok(items)
    }

    /// Strings in an array.
    pub fn text_array(&self) -> Result<Vec<Self>, Fault> {
        if self.value.is_array() { self.texts() } else { Err(self.unexpected("an array of strings")) }
    }

    /// The items of an array; or this value alone, when it is itself such an item.
    fn items_or(&self, is_item: impl Fn(&DeValue<'a>) -> bool) -> Option<Vec<Self>> {
        if is_item(self.value) {
            return Some(vec![self.clone()]);
        }
        let item =
            |item: &'a Spanned<DeValue<'a>>| Self { what: self.what.clone(), span: item.span(), value: item.get_ref() };
        Some(self.value.as_array()?.iter().map(item).collect())
    }

    /// A table. In messages it has the name of this value.
    pub fn table(&self) -> Result<Table<'a>, Fault> {
        let entries = self.value.as_table().ok_or_else(|| self.unexpected("a table"))?;
        Ok(Table { entries, span: self.span.clone(), label: self.what.clone() })
    }

    /// `[word]` or any number of `[[word]]`. In messages they have their own names, if they have any.
    pub fn sections(&self, word: &str) -> Result<Vec<Table<'a>>, Fault> {
        let Some(items) = self.items_or(DeValue::is_table) else {
            return Err(self.unexpected(&format!("[{word}] or [[{word}]]")));
        };
        let single = items.len() == 1;
        let section = |(index, item): (usize, &Self)| {
            let entries =
                item.value.as_table().ok_or_else(|| item.unexpected(&format!("a table, as [[{word}]] makes it")))?;
            let name = entries.get("name").and_then(|name| name.get_ref().as_str()).filter(|name| !name.is_empty());
            let label = match name {
                Some(name) => format!("{word} {name:?}"),
                None if single => format!("the {word}"),
                None => format!("{word} {}", index + 1),
            };
            Ok(Table { entries, span: item.span.clone(), label })
        };
        items.iter().enumerate().map(section).collect()
    }
}

/// The number that is written, if it fits.
pub fn integer(written: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(written.as_str(), written.radix()).ok()
}

fn found(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(_) => "a string".to_owned(),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(truth) => truth.to_string(),
        DeValue::Datetime(_) => "a date".to_owned(),
        DeValue::Array(_) => "an array".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

/// `"a", "b" or "c"`.
fn alternatives(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.join(""),
    }
}
