//! The forms in which a secret may occur in a text without an escape, and its patterns where there are some. Whole
//! values are looked for in all of them, single lines only as they are and escaped.

use std::iter;

use super::SECRET_BYTES_MIN;
use super::reading::{Pattern, Reading};

/// Lines of a secret (a certificate has many) that are removed by themselves: shorter ones are not specific enough.
const LINE_BYTES_MIN: usize = 8;

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE64_IN_URLS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The value, and those of its lines that say something by themselves.
fn texts(value: &str) -> impl Iterator<Item = &str> {
    let lines = value.lines().map(str::trim).filter(move |line| line.len() >= LINE_BYTES_MIN && *line != value);
    iter::once(value).chain(lines)
}

/// All forms; some may be the same.
pub(super) fn of(value: &str) -> Vec<String> {
    // What is nearly all backslashes has no pattern.
    let escaped = texts(value).filter(|text| Pattern::new(text, Reading::Backslashes).is_none()).map(in_json);
    let hex = value.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    let packed = in_base64_anywhere(value, &[BASE64, BASE64_IN_URLS]);
    texts(value).map(str::to_owned).chain(escaped).chain([hex.to_uppercase(), hex]).chain(packed).collect()
}

/// All patterns.
pub(super) fn patterns(value: &str) -> Vec<Pattern> {
    let escaped =
        texts(value).flat_map(|text| [Reading::Backslashes, Reading::Urls].map(|reading| Pattern::new(text, reading)));
    let literal = texts(value)
        .filter(|text| text.contains(['%', '\\']))
        .flat_map(|text| [Reading::Backslashes, Reading::Urls].map(|reading| Pattern::literal(text, reading)));
    let packed = in_base64_anywhere(value, &[BASE64]);
    let packed = packed.into_iter().map(|form| Pattern::new(&form, Reading::Base64));
    escaped.chain(literal).chain(packed).flatten().collect()
}

/// As a JSON string holds it, without its quotes.
fn in_json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or_default().to_owned()
}

/// In base64, at any position within something longer. Shorter ones would occur in texts that have nothing to do with
/// them.
fn in_base64_anywhere(value: &str, alphabets: &[&[u8; 64]]) -> Vec<String> {
    let forms = (0..3).flat_map(|offset| alphabets.iter().map(move |alphabet| in_base64(value, offset, alphabet)));
    forms.filter(|form| form.len() >= SECRET_BYTES_MIN).collect()
}

/// In base64, when this many bytes (modulo 3) precede it: the characters that do not depend on what surrounds it.
/// Those at either end, which hold at most four bits of it, are not among them.
fn in_base64(text: &str, offset: usize, alphabet: &[u8; 64]) -> String {
    let bytes: Vec<u8> = iter::repeat_n(0, offset).chain(text.bytes()).collect();
    let byte = |at: usize| u16::from(bytes.get(at).copied().unwrap_or(0));
    let six_bits = |character: usize| {
        let bit = character * 6;
        ((byte(bit / 8) << 8 | byte(bit / 8 + 1)) >> (10 - bit % 8)) & 63
    };
    let characters = (offset * 8).div_ceil(6)..bytes.len() * 8 / 6;
    characters.filter_map(|at| alphabet.get(usize::from(six_bits(at)))).map(|&letter| char::from(letter)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_found_wherever_it_begins() {
        // Of "hunter2", "u:hunter2" and "a:hunter2!" after one byte, as any encoder writes them.
        for (offset, whole) in [(0, "aHVudGVyMg=="), (2, "dTpodW50ZXIy"), (1, "LWh1bnRlcjIh")] {
            let core = in_base64("hunter2", offset, BASE64);
            assert!(whole.contains(&core) && core.len() >= whole.len() - 5, "{core} in {whole}");
        }
        assert_eq!(in_base64("\u{ff}\u{ff}\u{ff}", 0, BASE64), "w7/Dv8O/");
        assert_eq!(in_base64("\u{ff}\u{ff}\u{ff}", 0, BASE64_IN_URLS), "w7_Dv8O_");
    }
}
