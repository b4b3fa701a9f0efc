//! Tells which paths mean the same to every server.
//!
//! A prefix is a promise only if the server reads the path as we do. Servers differ: they decode once or twice, before
//! or after they resolve `.` and `..`; they drop what follows a semicolon or a NUL, blanks at the end of a name, and
//! characters that they do not show; they take a backslash or a fullwidth dot for what it looks like, and overlong
//! UTF-8 for what it meant. So this is a list of what is allowed, not of tricks: the characters that a URL may hold as
//! they are, and `%XX` for the rest, whose meaning must be text without a control character, in every reading.

/// A path that is encoded more often than this means nothing to anybody.
const READINGS_MAX: usize = 4;

/// The characters that a path may have beside letters, digits and `%`: the marks of RFC 3986.
const MARKS: &[u8] = b"-._~!$&'()*+,;=:@/";

/// Characters that some server or file system takes for a dot, a slash or a backslash: fullwidth and small forms,
/// leaders, the ideographic full stop, and other slashes.
const LOOKALIKES: [char; 16] = [
    '\u{2024}', '\u{2025}', '\u{2026}', '\u{2044}', '\u{2215}', '\u{2216}', '\u{29f5}', '\u{29f8}', '\u{29f9}',
    '\u{3002}', '\u{fe52}', '\u{fe68}', '\u{ff0e}', '\u{ff0f}', '\u{ff3c}', '\u{ff61}',
];

/// Whether nobody reads the path as another one.
pub(super) fn is_unambiguous(path: &str) -> bool {
    if !path.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'%' || MARKS.contains(&byte)) {
        return false;
    }
    let mut read = path.to_owned();
    for reading in 0..READINGS_MAX {
        if !read.split('/').all(is_a_name) {
            return false;
        }
        match decoded(&read, reading == 0) {
            Decoded::Same => return true,
            Decoded::Other(next) => read = next,
            Decoded::Ambiguous => return false,
        }
    }
    false
}

/// Whether a segment is a name to everybody, and not a way to where it is or to what is above it. One or two dots may
/// begin a name (`.well-known`); what makes it one is the letter behind them, and not a blank, a semicolon or anything
/// else that somebody may drop. A `+` is a blank to some.
fn is_a_name(segment: &str) -> bool {
    let seen = segment.trim_start_matches(|c: char| c.is_whitespace() || c == '+' || is_unseen(c));
    let name = seen.trim_start_matches('.');
    match seen.len() - name.len() {
        1 | 2 => name.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '-' | '_')),
        _ => true,
    }
}

enum Decoded {
    /// There was nothing to decode.
    Same,
    Other(String),
    /// It is not plain text, or has a dot or a slash in it that was hidden.
    Ambiguous,
}

/// Decodes once. At first every `%` begins an escape; later one may stand for itself.
fn decoded(text: &str, is_first: bool) -> Decoded {
    let (mut bytes, mut rest, mut any) = (Vec::with_capacity(text.len()), text, false);
    while let Some((before, behind)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        match escaped(behind) {
            Some(b'.' | b'/' | b'\\') => return Decoded::Ambiguous,
            Some(byte) => {
                any = true;
                bytes.push(byte);
                rest = behind.get(2..).unwrap_or_default();
            }
            // %u002e is how some servers write a dot.
            None if is_first || behind.starts_with(['u', 'U']) => return Decoded::Ambiguous,
            None => {
                bytes.push(b'%');
                rest = behind;
            }
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    // Overlong forms are not UTF-8.
    match String::from_utf8(bytes) {
        Ok(text) if !any && text.is_ascii() => Decoded::Same,
        Ok(text) if text.chars().any(|c| c.is_control() || is_unseen(c) || LOOKALIKES.contains(&c)) => {
            Decoded::Ambiguous
        }
        Ok(_) if !any => Decoded::Same,
        Ok(text) => Decoded::Other(text),
        Err(_) => Decoded::Ambiguous,
    }
}

/// The byte that two hexadecimal digits at the start of `text` stand for.
fn escaped(text: &str) -> Option<u8> {
    let digits = text.get(..2).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    u8::from_str_radix(digits, 16).ok()
}

/// Characters that take no place, which some drop before they look.
fn is_unseen(c: char) -> bool {
    crate::legible::is_harmful(c) || matches!(c, '\u{200c}' | '\u{200d}' | '\u{34f}' | '\u{fe00}'..='\u{fe0f}')
}
