//! A JSON pointer (RFC 6901) into a record: `/customer/id`, `/items/0`.
//!
//! Looked up in one pass that ends at the value, without making values of the rest. What comes after it is not read, so a
//! record may have a key and still be no JSON: it is the stage that judges the record.

use std::fmt;
use std::str::FromStr;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{KeyHash, Kind};

/// Longest pointer, bytes. Arbitrary.
const BYTES_MAX: usize = 1024;
/// Most parts of a pointer: the look-up descends a level for each. Arbitrary.
const PARTS_MAX: usize = 64;

/// A JSON pointer that leads to a part of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonPointer {
    written: String,
    /// Without the escapes of the pointer.
    parts: Vec<String>,
}

/// Why a text is not a JSON pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PointerError {
    /// It does not begin with a slash.
    #[error("a JSON pointer begins with \"/\"")]
    NoSlash,
    /// A `~` that is neither `~0` nor `~1`.
    #[error("in a JSON pointer, \"~\" is written \"~0\", and \"/\" in a name \"~1\"")]
    Tilde,
    /// It is longer than 1,024 bytes, or has more than 64 parts.
    #[error("a JSON pointer has at most {PARTS_MAX} parts and {BYTES_MAX} bytes")]
    TooLong,
}

impl FromStr for JsonPointer {
    type Err = PointerError;

    fn from_str(text: &str) -> Result<Self, PointerError> {
        let rest = text.strip_prefix('/').ok_or(PointerError::NoSlash)?;
        let parts = rest.split('/').map(unescaped).collect::<Result<Vec<_>, _>>()?;
        if text.len() > BYTES_MAX || parts.len() > PARTS_MAX {
            return Err(PointerError::TooLong);
        }
        Ok(Self { written: text.to_owned(), parts })
    }
}

impl fmt::Display for JsonPointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl JsonPointer {
    /// The hash of the value that it leads to. `None`: there is none, it is `null`, or the record is not JSON up to there.
    pub(super) fn find(&self, record: &[u8]) -> Option<KeyHash> {
        let mut found = None;
        let seek = Seek { parts: &self.parts, found: &mut found };
        // It ends in an error where the value is not the last thing in the record: the rest has not been read.
        drop(seek.deserialize(&mut serde_json::Deserializer::from_slice(record)));
        found
    }
}

fn unescaped(part: &str) -> Result<String, PointerError> {
    let mut pieces = part.split('~');
    let mut whole = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (sign, rest) = match (piece.strip_prefix('0'), piece.strip_prefix('1')) {
            (Some(rest), _) => ('~', rest),
            (_, Some(rest)) => ('/', rest),
            (None, None) => return Err(PointerError::Tilde),
        };
        whole.push(sign);
        whole.push_str(rest);
    }
    Ok(whole)
}

/// The way that is left to the value.
struct Seek<'a> {
    parts: &'a [String],
    found: &'a mut Option<KeyHash>,
}

impl<'de> DeserializeSeed<'de> for Seek<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        if self.parts.is_empty() {
            let raw = <&RawValue as serde::Deserialize>::deserialize(value)?;
            *self.found = hash(raw.get());
            return Ok(());
        }
        value.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seek<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or an array")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((part, parts)) = self.parts.split_first() else { return Ok(()) };
        // Of two members of one name, the first counts.
        while let Some(is_it) = map.next_key_seed(Is(part))? {
            if is_it {
                return map.next_value_seed(Seek { parts, found: self.found });
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Some((part, parts)) = self.parts.split_first() else { return Ok(()) };
        let Some(index) = index(part) else { return Ok(()) };
        for _ in 0..index {
            if items.next_element::<IgnoredAny>()?.is_none() {
                return Ok(());
            }
        }
        items.next_element_seed(Seek { parts, found: self.found }).map(drop)
    }
}

/// An index as the pointer writes it: without leading zeros.
fn index(part: &str) -> Option<usize> {
    let is_plain = part == "0" || (!part.starts_with('0') && part.bytes().all(|byte| byte.is_ascii_digit()));
    part.parse().ok().filter(|_| is_plain)
}

/// Whether a member's name is this one.
struct Is<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for Is<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, name: D) -> Result<bool, D::Error> {
        name.deserialize_str(self)
    }
}

impl Visitor<'_> for Is<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_str<E>(self, name: &str) -> Result<bool, E> {
        Ok(name == self.0)
    }
}

/// The hash of a JSON value: however a string is escaped, and however a number is written, it is the same key. Arrays and
/// objects are the same key when they are the same text. `null` is not a key.
fn hash(json: &str) -> Option<KeyHash> {
    match json.as_bytes().first()? {
        b'n' => None,
        b'"' => match json.get(1..json.len().saturating_sub(1)).filter(|inner| !inner.contains('\\')) {
            Some(plain) => Some(KeyHash::of(Kind::Bytes, plain.as_bytes())),
            None => serde_json::from_str::<String>(json).ok().map(|text| KeyHash::of(Kind::Bytes, text.as_bytes())),
        },
        b'-' | b'0'..=b'9' => Some(number(json)),
        _ => Some(KeyHash::of(Kind::Other, json.as_bytes())),
    }
}

/// Longest integer that is written out. Arbitrary: longer than any id.
const WRITTEN_OUT_MAX: usize = 40;

/// Numbers of one value are one key, exactly: `1`, `1.0` and `10e-1`; also where a float would round them.
fn number(json: &str) -> KeyHash {
    let digits = json.strip_prefix('-').unwrap_or(json);
    let is_plain = digits.len() <= WRITTEN_OUT_MAX && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_plain && digits != "0" {
        return KeyHash::of(Kind::Number, json.as_bytes());
    }
    KeyHash::of(Kind::Number, value(digits, digits.len() < json.len()).as_bytes())
}

/// The value of a number in one spelling: an integer as such, and what is longer or has a fraction as `123e-2`.
fn value(number: &str, is_negative: bool) -> String {
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    // Beyond what anybody can mean, all exponents of one sign are the same: such keys share their order.
    let saturated = if exponent.starts_with('-') { i64::MIN / 2 } else { i64::MAX / 2 };
    let exponent = exponent.parse::<i64>().map_or(saturated, |exponent| exponent.clamp(i64::MIN / 2, i64::MAX / 2));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let significant = all.trim_start_matches('0').trim_end_matches('0');
    if significant.is_empty() {
        return "0".to_owned();
    }
    let zeros = all.len() - all.trim_end_matches('0').len();
    let exponent = exponent.saturating_add(zeros as i64).saturating_sub(fraction.len() as i64);
    let sign = if is_negative { "-" } else { "" };
    match usize::try_from(exponent) {
        Ok(more) if more.saturating_add(significant.len()) <= WRITTEN_OUT_MAX => {
            format!("{sign}{significant}{}", "0".repeat(more))
        }
        Ok(_) | Err(_) => format!("{sign}{significant}e{exponent}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn find(pointer: &str, record: &str) -> Option<KeyHash> {
        pointer.parse::<JsonPointer>().expect("a pointer").find(record.as_bytes())
    }

    #[test]
    fn a_key_is_found_wherever_the_pointer_leads() {
        let record = r#" { "x": [1, {"y": "z"}], "a/b": {"~": "deep"}, "": 7, "id": "k" } "#;
        let same = |pointer, json: &str| assert_eq!(find(pointer, record), hash(json), "{pointer}");
        same("/id", r#""k""#);
        same("/x/0", "1");
        same("/x/1/y", r#""z""#);
        same("/a~1b/~0", r#""deep""#);
        same("/", "7");
        same("/x/1", r#"{"y": "z"}"#);
        for missing in ["/y", "/x/2", "/x/01", "/x/-", "/x/y", "/id/k", "/x/1/y/0"] {
            assert_eq!(find(missing, record), None, "{missing}");
        }
    }

    #[test]
    fn a_record_that_is_no_json_or_has_null_there_has_no_key() {
        for record in ["", "plain text", "17", "[]", r#"{"id":null}"#, r#"{"id":"k"#, r#"{"id""#, "{\"id\":\u{7f}}"] {
            assert_eq!(find("/id", record), None, "{record}");
        }
        assert_eq!(find("/id", r#"{"id":"k","rest": broken"#), hash(r#""k""#), "the rest is the stage's business");
        assert_eq!("/id".parse::<JsonPointer>().unwrap().find(b"{\"id\":\"\xff\"}"), None, "not UTF-8");
    }

    #[test]
    fn a_key_is_the_same_however_it_is_written() {
        for (a, b) in [
            (r#""a""#, r#""\u0061""#),
            ("1", "1.0"),
            ("12345678901234567", "1.2345678901234567e16"),
            ("12345678901234567", "12345678901234567.0"),
            ("1000000000000000000000000000000", "1e30"),
            ("0.5", "5e-1"),
            ("1e99999999999999999999", "1e99999999999999999998"),
            ("-0.0", "0"),
            ("1000", "1e3"),
            ("-0", "0"),
            ("0", "0.0"),
            ("-0.0", "0"),
            ("0.5", "5e-1"),
        ] {
            assert_eq!(hash(a), hash(b), "{a} {b}");
        }
        for (a, b) in [("1", r#""1""#), ("1", "-1"), ("true", "false"), ("true", r#""true""#), ("0.5", "0.25")] {
            assert_ne!(hash(a), hash(b), "{a} {b}");
        }
        let large = ["123456789012345678901234567890", "123456789012345678901234567891"];
        assert_ne!(hash(large[0]), hash(large[1]));
    }

    #[test]
    fn what_is_no_pointer_is_refused() {
        let refusal = |text: &str| text.parse::<JsonPointer>().map(|_| ()).unwrap_err();
        assert_eq!(["", "id", "$.id"].map(refusal), [PointerError::NoSlash; 3]);
        assert_eq!(["/a~", "/~2", "/a~~0"].map(refusal), [PointerError::Tilde; 3]);
        assert_eq!(
            [&"/a".repeat(65), &format!("/{}", "a".repeat(1024))].map(|text| refusal(text)),
            [PointerError::TooLong; 2]
        );
        assert_eq!("/a~0b/0".parse::<JsonPointer>().unwrap().to_string(), "/a~0b/0");
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            any::<i32>().prop_map(Into::into),
            "[a-c\"/~]{0,2}".prop_map(Into::into),
            any::<bool>().prop_map(Into::into),
            Just(serde_json::Value::Null),
        ];
        leaf.prop_recursive(3, 20, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                prop::collection::hash_map("[a-c0-2/~]{0,2}", inner, 0..4)
                    .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
            ]
        })
    }

    proptest! {
        /// As `serde_json` finds it, in a value that it has read as a whole.
        #[test]
        fn a_pointer_leads_where_serde_json_says(value in json(), pointer in "(/([a-c0-2]|~0|~1){0,2}){1,3}") {
            let expected = value.pointer(&pointer).and_then(|value| hash(&value.to_string()));
            prop_assert_eq!(find(&pointer, &value.to_string()), expected);
        }
    }
}
