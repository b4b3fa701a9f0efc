//! What the benches have stages do with a record. One function for each, compiled natively and to Wasm alike, for every
//! contender; with the feature `harness`, what those who run them share.

mod blur;
#[cfg(feature = "harness")]
pub mod harness;
mod order;
mod redact;

use access_log::{Field, Line};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::redact::Redact;

/// What is done with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// ASCII letters made upper case.
    Upper,
    /// An order as JSON: parsed, some of it picked, written as JSON.
    Json,
    /// E-mail addresses, IP addresses and card numbers replaced in a line of text.
    Redact,
    /// A line of an access log made JSON.
    AccessLog,
    /// SHA-256, as hexadecimal digits.
    Hash,
    /// A grey picture blurred.
    Blur,
}

/// A work, open: what it needs is made.
#[derive(Debug)]
pub struct Worker(Open);

#[derive(Debug)]
enum Open {
    Upper,
    Json,
    Redact(Redact),
    AccessLog,
    Hash,
    Blur,
}

impl Work {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Upper, Self::Json, Self::Redact, Self::AccessLog, Self::Hash, Self::Blur];

    /// Makes what it needs: a regular expression is compiled here.
    #[must_use]
    pub fn open(self) -> Worker {
        Worker(match self {
            Self::Upper => Open::Upper,
            Self::Json => Open::Json,
            Self::Redact => Open::Redact(Redact::default()),
            Self::AccessLog => Open::AccessLog,
            Self::Hash => Open::Hash,
            Self::Blur => Open::Blur,
        })
    }

    /// In words, for tables.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Upper => "upper case, 100 B",
            Self::Json => "JSON parse, pick, write, 400 B",
            Self::Redact => "regex redact, 200 B",
            Self::AccessLog => "access log to JSON, 200 B",
            Self::Hash => "SHA-256, 10 KiB",
            Self::Blur => "image blur, 64 × 64",
        }
    }
}

impl Worker {
    /// Does it with a record, and appends what comes of it.
    ///
    /// # Errors
    /// When the record is none that the work is for.
    #[inline]
    pub fn apply(&self, record: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
        match &self.0 {
            Open::Upper => {
                let start = out.len();
                out.extend_from_slice(record);
                out.get_mut(start..).unwrap_or_default().make_ascii_uppercase();
            }
            Open::Json => order::summarise(record, out).map_err(|error| error.to_string())?,
            Open::Redact(redact) => redact.apply(record, out),
            Open::AccessLog => access_log(record, out)?,
            Open::Hash => Sha256::digest(record).iter().for_each(|byte| hexadecimal(*byte, out)),
            Open::Blur => blur::blur(record, out)?,
        }
        Ok(())
    }
}

fn access_log(record: &[u8], out: &mut Vec<u8>) -> Result<(), String> {
    let line = record.trim_ascii_end();
    let is_plain = access_log::is_plain(line);
    if !is_plain {
        std::str::from_utf8(line).map_err(|error| error.to_string())?;
    }
    let line = Line::parse(line, is_plain).map_err(|broken| broken.to_string())?;
    access_log::write(&line, &Field::ALL, out);
    Ok(())
}

fn hexadecimal(byte: u8, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.extend([byte >> 4, byte & 15].map(|half| DIGITS.get(usize::from(half)).copied().unwrap_or_default()));
}
