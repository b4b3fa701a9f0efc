//! Lines of a web server's access log, taken apart and written as JSON.

mod line;

use flat_json::write_string;
use serde::Deserialize;

pub use crate::line::{Broken, Line, is_plain};

/// What can be told of a line.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Field {
    /// Who asked.
    Ip,
    /// When, with the zone.
    Time,
    /// When, to the hour.
    Hour,
    /// `GET`, `POST` …
    Method,
    /// What was asked for.
    Path,
    /// How it was answered.
    Status,
    /// How much was sent.
    Bytes,
    /// What led there.
    Referer,
    /// What asked.
    Agent,
}

impl Field {
    /// All of them, in the order of the log.
    pub const ALL: [Self; 9] = [
        Self::Ip,
        Self::Time,
        Self::Hour,
        Self::Method,
        Self::Path,
        Self::Status,
        Self::Bytes,
        Self::Referer,
        Self::Agent,
    ];

    /// Appends the field's name and value. Names are written here, as constants, because a copy of known length costs a
    /// fraction of one that is not.
    fn write(self, line: &Line<'_>, buffer: &mut Vec<u8>) {
        match self {
            Self::Ip => {
                buffer.extend_from_slice(b"\"ip\":");
                write_string(buffer, line.ip);
            }
            Self::Time => {
                buffer.extend_from_slice(b"\"time\":");
                line.time.write(buffer);
            }
            Self::Hour => {
                buffer.extend_from_slice(b"\"hour\":");
                line.time.write_hour(buffer);
            }
            Self::Method => {
                buffer.extend_from_slice(b"\"method\":");
                line.write_quoted(line.method, buffer);
            }
            Self::Path => {
                buffer.extend_from_slice(b"\"path\":");
                line.write_quoted(line.path, buffer);
            }
            Self::Status => {
                buffer.extend_from_slice(b"\"status\":");
                buffer.extend_from_slice(&line.status);
            }
            Self::Bytes => {
                buffer.extend_from_slice(b"\"bytes\":");
                buffer.extend_from_slice(line.bytes);
            }
            Self::Referer => {
                buffer.extend_from_slice(b"\"referer\":");
                line.write_given(line.referer, buffer);
            }
            Self::Agent => {
                buffer.extend_from_slice(b"\"agent\":");
                line.write_given(line.agent, buffer);
            }
        }
    }
}

/// Appends an object with these fields of a line.
#[inline]
pub fn write(line: &Line<'_>, fields: &[Field], buffer: &mut Vec<u8>) {
    let mut separator = b'{';
    for field in fields {
        buffer.push(separator);
        field.write(line, buffer);
        separator = b',';
    }
    buffer.push(b'}');
}
