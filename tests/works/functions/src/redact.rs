//! A line of text without what it should not tell.

use regex::bytes::Regex;

/// An e-mail address, an IP address, the number of a card.
const SECRETS: &str = r"(?-u)[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}|\b(?:[0-9]{1,3}\.){3}[0-9]{1,3}\b|\b(?:[0-9]{4}[ -]){3}[0-9]{4}\b";
const INSTEAD: &[u8] = b"[redacted]";

#[derive(Debug)]
pub(crate) struct Redact(Regex);

impl Default for Redact {
    fn default() -> Self {
        Self(Regex::new(SECRETS).expect("the pattern is well-formed"))
    }
}

impl Redact {
    pub(crate) fn apply(&self, line: &[u8], out: &mut Vec<u8>) {
        let mut at = 0;
        for found in self.0.find_iter(line) {
            out.extend_from_slice(line.get(at..found.start()).unwrap_or_default());
            out.extend_from_slice(INSTEAD);
            at = found.end();
        }
        out.extend_from_slice(line.get(at..).unwrap_or_default());
    }
}
