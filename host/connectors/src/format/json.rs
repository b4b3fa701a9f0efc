//! JSON text, written by hand where it is written for every record.

use std::borrow::Cow;

use serde::de::IgnoredAny;

use super::eight::find_json_mark;
use super::json_scan::is_value_on_a_line;
use super::json_wide::{Look, look};

/// Appends text as a JSON string, in quotes.
pub(crate) fn push_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    push_string_body(out, text.as_bytes());
    out.push(b'"');
}

/// Appends what stands between the quotes of a JSON string.
pub(crate) fn push_string_body(out: &mut Vec<u8>, text: &[u8]) {
    let mut rest = text;
    while let Some(at) = find_json_mark(rest) {
        let (plain, from) = rest.split_at(at);
        out.extend_from_slice(plain);
        let Some((&byte, behind)) = from.split_first() else { break };
        push_escaped(out, byte);
        rest = behind;
    }
    out.extend_from_slice(rest);
}

fn push_escaped(out: &mut Vec<u8>, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |value: u8| DIGITS.get(usize::from(value)).copied().unwrap_or(b'0');
    match byte {
        b'"' => out.extend_from_slice(b"\\\""),
        b'\\' => out.extend_from_slice(b"\\\\"),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        _ => out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)]),
    }
}

/// A JSON value, and whether it is on one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Checked<'a> {
    /// It has neither a line feed nor a carriage return.
    Line,
    /// It has one between its parts.
    Lines(&'a str),
}

/// Why these bytes are not one JSON value.
///
/// # Errors
/// With the reason, worded for a person.
pub(crate) fn check(data: &[u8]) -> Result<Checked<'_>, String> {
    let is_known = match look(data) {
        Look::Value => return Ok(Checked::Line),
        Look::NotKnown => false,
        Look::NotTaken => is_value_on_a_line(data),
    };
    let text = text(data)?;
    if is_known {
        return Ok(Checked::Line);
    }
    match serde_json::from_str::<IgnoredAny>(text) {
        // Deeper than the scan goes.
        Ok(IgnoredAny) if memchr::memchr2(b'\n', b'\r', data).is_none() => Ok(Checked::Line),
        Ok(IgnoredAny) => Ok(Checked::Lines(text)),
        Err(error) => Err(fault(&error)),
    }
}

/// The text of a JSON string with its quotes; `None` when it is not one. Borrowed, unless something in it is escaped.
pub(crate) fn string(raw: &str, escaped: bool) -> Option<Cow<'_, str>> {
    match raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')) {
        Some(plain) if !escaped => Some(Cow::Borrowed(plain)),
        _ => serde_json::from_str::<String>(raw).ok().map(Cow::Owned),
    }
}

/// The bytes as text.
///
/// # Errors
/// With the place where they stop being UTF-8.
pub(crate) fn text(data: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(data).map_err(|error| {
        format!("not UTF-8: the byte at column {} does not begin a character", error.valid_up_to() + 1)
    })
}

/// The parser's message, with the column. Its line means nothing where a record is a line.
pub(crate) fn fault(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let what = message.split(" at line ").next().unwrap_or_default();
    match (error.line(), error.column()) {
        (0, _) | (1, 0) => format!("not JSON: {what}"),
        (1, column) => format!("not JSON: {what} at column {column}"),
        (line, column) => format!("not JSON: {what} at line {line} of the record, column {column}"),
    }
}

/// Appends a JSON value without the white space between its parts.
pub(crate) fn push_compact(out: &mut Vec<u8>, value: &str) {
    let (mut quoted, mut escaped) = (false, false);
    for &byte in value.as_bytes() {
        if !quoted && byte.is_ascii_whitespace() {
            continue;
        }
        quoted ^= byte == b'"' && !escaped;
        escaped = quoted && byte == b'\\' && !escaped;
        out.push(byte);
    }
}
