//! Integers of JSON that no reader would keep as they are: `serde_json` makes floats of those beyond 64 bits.

/// The shortest integer that 64 bits do not hold, in digits: it is a negative one. Shorter runs of digits are exact.
const DIGITS: usize = 19;

/// The first integer in a text of JSON that neither 64 bits nor a float holds exactly.
pub(crate) fn flaw_of(json: &[u8]) -> Option<&str> {
    if !has_long_run(json) {
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

/// Whether there is a run of as many digits, in a string or outside. A few looks for each record: such a run covers one of the
/// places that are as far apart as it is long.
fn has_long_run(json: &[u8]) -> bool {
    let is_digit = |byte: &&u8| byte.is_ascii_digit();
    (DIGITS - 1..json.len()).step_by(DIGITS).any(|place| {
        let (before, from) = json.split_at(place);
        let after = from.iter().take_while(is_digit).count();
        after > 0 && after + before.iter().rev().take_while(is_digit).count() >= DIGITS
    })
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

    /// Wherever it stands, and whatever digits are beside it: a look at some places must not miss one.
    #[test]
    fn a_long_run_of_digits_is_found_at_every_place() {
        for before in 0..60 {
            for (digits, is_long) in [(18, false), (19, true), (20, true), (40, true)] {
                let json = format!("{}{}x123456789012345678x", "1x".repeat(before), "9".repeat(digits));
                assert_eq!(has_long_run(json.as_bytes()), is_long, "{json}");
            }
        }
    }

    #[test]
    fn digits_of_texts_and_fractions_are_none() {
        for json in [r#""18446744073709551617""#, r#""a\"18446744073709551617""#, "0.18446744073709551617", "1.0e20"] {
            assert_eq!(flaw_of(format!("[{json},                    1]").as_bytes()), None, "{json}");
        }
    }
}
