//! Integers of JSON that no reader would keep as they are: `serde_json` makes floats of those beyond 64 bits.

/// The shortest integer that 64 bits do not hold, in digits: it is a negative one. Shorter runs of digits are exact.
const DIGITS: usize = 19;

/// The first integer in a text of JSON that neither 64 bits nor a float holds exactly.
pub(crate) fn flaw_of(json: &[u8]) -> Option<&str> {
    // A run of so many digits covers one of these places: without one that is a digit, there is none to look for.
    let is_suspicious = |place: &[u8]| place.last().is_some_and(u8::is_ascii_digit);
    if !json.chunks_exact(DIGITS).any(is_suspicious) {
        return None;
    }
    let mut rest = json;
    while let Some(first) = rest.first() {
        let (length, is_integer) = match first {
            b'"' => (string_length(rest), false),
            b'-' | b'0'..=b'9' => {
                let is_part = |byte: &u8| byte.is_ascii_digit() || b"-+.eE".contains(byte);
                let length = rest.iter().take_while(|byte| is_part(byte)).count();
                let is_integer = !rest.iter().take(length).any(|byte| b".eE".contains(byte));
                (length, is_integer)
            }
            _ => (1, false),
        };
        let (token, after) = rest.split_at(length.min(rest.len()));
        if is_integer && length >= DIGITS && !is_exact(token) {
            return std::str::from_utf8(token).ok();
        }
        rest = after;
    }
    None
}

/// How long the string is that `json` begins with, its quotes included.
fn string_length(json: &[u8]) -> usize {
    let mut is_escaped = false;
    let end = json.iter().skip(1).position(|byte| {
        let ends = *byte == b'"' && !is_escaped;
        is_escaped = *byte == b'\\' && !is_escaped;
        ends
    });
    end.map_or(json.len(), |end| end + 2)
}

fn is_exact(integer: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(integer) else { return false };
    if text.parse::<u64>().is_ok() || text.parse::<i64>().is_ok() {
        return true;
    }
    // A float is written with all digits that it has.
    text.parse::<f64>().is_ok_and(|float| format!("{float:.0}") == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_integer_beyond_64_bits_is_found_unless_a_float_holds_it() {
        for exact in ["18446744073709551615", "-9223372036854775808", "100000000000000000000", "1", "[]", ""] {
            assert_eq!(flaw_of(exact.as_bytes()), None, "{exact}");
        }
        for changed in ["18446744073709551617", "-9223372036854775809", "123456789012345678901234567890"] {
            assert_eq!(flaw_of(format!("{{\"a\": [{changed}, 2]}}").as_bytes()), Some(changed));
        }
    }

    #[test]
    fn digits_of_texts_and_fractions_are_none() {
        for json in [r#""18446744073709551617""#, r#""a\"18446744073709551617""#, "0.18446744073709551617", "1.0e20"] {
            assert_eq!(flaw_of(format!("[{json},                    1]").as_bytes()), None, "{json}");
        }
    }
}
