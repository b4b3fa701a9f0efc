//! A mistake in a pipeline file, before it is known which file that is.

use std::ops::Range;
use std::path::Path;

use super::snippet::Snippet;
use crate::error::Error;
use crate::suggest;

/// Something wrong at a place of the text.
#[derive(Debug)]
pub struct Fault {
    span: Range<usize>,
    message: String,
    hints: Vec<String>,
    /// Whether the value there may be a secret.
    is_private: bool,
}

impl Fault {
    /// Something wrong with the bytes of `span`.
    pub fn at(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { span, message: message.into(), hints: Vec::new(), is_private: false }
    }

    /// Shows the place, but not the text there: it may be a secret.
    pub fn in_private(self) -> Self {
        Self { is_private: true, ..self }
    }

    /// Adds what to do about it.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds the word that was meant, or else what could have been.
    pub fn suggest(self, word: &str, known: &[&str]) -> Self {
        match suggest::hint(word, known.iter().copied()) {
            Some(hint) => self.hint(hint),
            None => self.hint(format!("known: {}", known.join(", "))),
        }
    }

    /// What the TOML parser found.
    pub fn of_toml(error: &toml::de::Error, text: &str) -> Self {
        let span = error.span().unwrap_or(0..0);
        let written = text.get(span.clone()).unwrap_or_default();
        let sections = ["source", "stage", "sink"];
        if error.message() == "duplicate key" {
            let fault = Self::at(span, format!("{written:?} appears twice"));
            return if sections.contains(&written) {
                fault.hint(format!("to write several, begin each with [[{written}]]"))
            } else {
                fault
            };
        }
        let is_private = is_of_a_secret(text, span.start);
        let fault = Self { is_private, ..Self::at(span, format!("this is not TOML: {}", error.message())) };
        if is_private {
            return fault;
        }
        if error.message().starts_with("string values must be quoted") && !written.is_empty() {
            return fault.hint(format!("write {written:?} in quotes"));
        }
        fault
    }

    /// The error, with the place in the file.
    pub fn in_file(self, file: &Path, text: &str) -> Error {
        let is_private = self.is_private || is_of_a_secret(text, self.span.start);
        let snippet = if is_private { Snippet::masked(text, self.span) } else { Snippet::new(text, self.span) };
        let message = format!("{}:{}:{}: {}", file.display(), snippet.line(), snippet.column(), self.message);
        self.hints.into_iter().fold(Error::config(message), Error::hint).caused_by(snippet)
    }
}

/// Whether the line in which byte `at` lies, or its section, is about secrets. This is decided by the words in it,
/// because a text that is not TOML has no keys.
fn is_of_a_secret(text: &str, at: usize) -> bool {
    let (before, behind) = text.split_at(text.floor_char_boundary(at.min(text.len())));
    let line = before.lines().next_back().filter(|_| !before.ends_with('\n')).unwrap_or_default();
    let rest = behind.lines().next().unwrap_or_default();
    let section = before.lines().rfind(|line| line.trim_start().starts_with('[')).unwrap_or_default();
    [line, rest, section].iter().any(|words| words.contains("secret"))
}
