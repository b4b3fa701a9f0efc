//! The forms in which a secret may stand in a text. Whole values are looked for in all of them, single lines only as they
//! are and escaped.

use std::iter;

use super::SECRET_BYTES_MIN;

/// Lines of a secret (a certificate has many) that are struck out by themselves: shorter ones say nothing.
const LINE_BYTES_MIN: usize = 8;

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BASE64_IN_URLS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// All of them; some may be the same.
pub(super) fn of(value: &str) -> Vec<String> {
    let lines = value.lines().map(str::trim).filter(|line| line.len() >= LINE_BYTES_MIN && *line != value);
    let escaped = iter::once(value)
        .chain(lines)
        .flat_map(|text| [text.to_owned(), in_json(text), text.escape_debug().to_string()]);
    let hex = value.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    let encoded = [hex.to_uppercase(), hex, in_url(value, |byte| format!("%{byte:02X}"))];
    let in_small_letters = in_url(value, |byte| format!("%{byte:02x}"));
    let packed = (0..3).flat_map(|offset| [BASE64, BASE64_IN_URLS].map(|alphabet| in_base64(value, offset, alphabet)));
    // Shorter ones would stand in texts that have nothing to do with them.
    let packed = packed.filter(|form| form.len() >= SECRET_BYTES_MIN);
    escaped.chain(encoded).chain(iter::once(in_small_letters)).chain(packed).collect()
}

/// As a JSON string holds it, without its quotes.
fn in_json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or_default().to_owned()
}

/// As a part of a URL, where every byte is encoded that is not at home in all of them.
fn in_url(text: &str, encode: impl Fn(u8) -> String) -> String {
    let at_home = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    text.bytes().map(|byte| if at_home(byte) { char::from(byte).to_string() } else { encode(byte) }).collect()
}

/// In base64, when so many bytes (modulo 3) stand before it: the characters that say nothing of what stands around it.
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
        // Of "hunter2", "u:hunter2" and "a:hunter2!" behind one byte, as any encoder writes them.
        for (offset, whole) in [(0, "aHVudGVyMg=="), (2, "dTpodW50ZXIy"), (1, "LWh1bnRlcjIh")] {
            let core = in_base64("hunter2", offset, BASE64);
            assert!(whole.contains(&core) && core.len() >= whole.len() - 5, "{core} in {whole}");
        }
        assert_eq!(in_base64("\u{ff}\u{ff}\u{ff}", 0, BASE64), "w7/Dv8O/");
        assert_eq!(in_base64("\u{ff}\u{ff}\u{ff}", 0, BASE64_IN_URLS), "w7_Dv8O_");
    }

    #[test]
    fn urls_keep_what_is_at_home_in_them() {
        assert_eq!(in_url("a-b c/d=é", |byte| format!("%{byte:02X}")), "a-b%20c%2Fd%3D%C3%A9");
    }
}
