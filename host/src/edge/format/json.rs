//! JSON text, written by hand where it is written for every record.

use serde::de::IgnoredAny;

/// Appends text as a JSON string, in quotes.
pub(in crate::edge) fn push_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|&byte| must_escape(byte)) {
        let (plain, from) = rest.split_at(at);
        out.extend_from_slice(plain);
        let Some((&byte, behind)) = from.split_first() else { break };
        push_escaped(out, byte);
        rest = behind;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

fn must_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
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

/// Why these bytes are not one JSON value; their text, if they are.
///
/// # Errors
/// With the reason, worded for a person.
pub(in crate::edge) fn check(data: &[u8]) -> Result<&str, String> {
    let text = text(data)?;
    match serde_json::from_str::<IgnoredAny>(text) {
        Ok(IgnoredAny) => Ok(text),
        Err(error) => Err(fault(&error)),
    }
}

/// The bytes as text.
///
/// # Errors
/// With the place where they stop being UTF-8.
pub(in crate::edge) fn text(data: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(data)
        .map_err(|error| format!("not UTF-8: the byte at column {} begins no character", error.valid_up_to() + 1))
}

/// What the parser says, with the column. Its line means nothing where a record is a line.
pub(in crate::edge) fn fault(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let what = message.split(" at line ").next().unwrap_or_default();
    match (error.line(), error.column()) {
        (0, _) | (1, 0) => format!("not JSON: {what}"),
        (1, column) => format!("not JSON: {what} at column {column}"),
        (line, column) => format!("not JSON: {what} at line {line} of the record, column {column}"),
    }
}

/// Appends a JSON value without the white space between its parts.
pub(in crate::edge) fn push_compact(out: &mut Vec<u8>, value: &str) {
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
