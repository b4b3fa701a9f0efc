//! Recognises JSON fast, without building anything.
//!
//! It knows well-formed JSON on one line, nested up to 64 deep, and says "not known" to everything else: then
//! `serde_json` judges, and words what is wrong. What this accepts, `serde_json` accepts.

use std::ops::Range;

use super::eight::Eight;

/// How deep values may be nested before the scan returns "not known": one bit each.
const DEPTH_MAX: u32 = 64;

/// Whether the bytes are one JSON value without a line feed or a carriage return. `false`: not known. Whether they are
/// UTF-8 is for the caller to see to.
pub(super) fn is_value_on_a_line(text: &[u8]) -> bool {
    let mut scan = Scan { text, at: 0 };
    scan.value().is_some() && scan.is_at_end()
}

/// A field of an object: where its name and its value stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FoundField {
    pub(super) name: FoundString,
    pub(super) value: FoundValue,
}

/// Where a string stands, with its quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FoundString {
    pub(super) at: Range<usize>,
    /// Whether something in it is escaped.
    pub(super) escaped: bool,
}

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FoundValue {
    /// A string.
    String(FoundString),
    /// Anything else.
    Other(Range<usize>),
}

/// Calls `each` for the fields of an object. `None`: not known to be one object on a line, or `each` gave it.
pub(super) fn each_field(text: &[u8], mut each: impl FnMut(FoundField) -> Option<()>) -> Option<()> {
    let mut scan = Scan { text, at: 0 };
    scan.skip_space();
    scan.take(b'{')?;
    scan.skip_space();
    if scan.peek() == Some(b'}') {
        scan.at += 1;
        return scan.is_at_end().then_some(());
    }
    loop {
        scan.skip_space();
        let name = scan.found_string()?;
        scan.skip_space();
        scan.take(b':')?;
        scan.skip_space();
        let value = match scan.peek() {
            Some(b'"') => FoundValue::String(scan.found_string()?),
            _ => {
                let start = scan.at;
                scan.value()?;
                FoundValue::Other(start..scan.at)
            }
        };
        each(FoundField { name, value })?;
        scan.skip_space();
        match scan.next()? {
            b',' => {}
            b'}' => return scan.is_at_end().then_some(()),
            _ => return None,
        }
    }
}

/// How far the scan came. Every step gives `None` where it does not know what it sees.
struct Scan<'a> {
    text: &'a [u8],
    at: usize,
}

/// The open arrays and objects: a bit for each, set for an object, the innermost lowest.
#[derive(Clone, Copy, Default)]
struct Nesting {
    objects: u64,
    depth: u32,
}

impl Nesting {
    fn enter(&mut self, is_object: bool) -> Option<()> {
        self.objects = self.objects << 1 | u64::from(is_object);
        self.depth += 1;
        (self.depth <= DEPTH_MAX).then_some(())
    }

    fn leave(&mut self) {
        self.objects >>= 1;
        self.depth -= 1;
    }

    fn is_in_object(self) -> bool {
        self.objects & 1 == 1
    }
}

impl Scan<'_> {
    #[inline(always)]
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    #[inline(always)]
    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    #[inline(always)]
    fn take(&mut self, byte: u8) -> Option<()> {
        (self.next()? == byte).then_some(())
    }

    /// Line ends are not known: whoever writes a line must not have them.
    #[inline(always)]
    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    fn is_at_end(&mut self) -> bool {
        self.skip_space();
        self.at == self.text.len()
    }

    /// One value, with all that is in it.
    fn value(&mut self) -> Option<()> {
        let mut nesting = Nesting::default();
        loop {
            self.skip_space();
            if self.begin_value(&mut nesting)? {
                continue;
            }
            // A value is done, and with it perhaps those that it is in.
            loop {
                if nesting.depth == 0 {
                    return Some(());
                }
                self.skip_space();
                match (self.next()?, nesting.is_in_object()) {
                    (b',', true) => {
                        self.skip_space();
                        self.name()?;
                        break;
                    }
                    (b',', false) => break,
                    (b'}', true) | (b']', false) => nesting.leave(),
                    _ => return None,
                }
            }
        }
    }

    /// A value, or the beginning of one that holds others: whether the first of these comes next.
    #[inline]
    fn begin_value(&mut self, nesting: &mut Nesting) -> Option<bool> {
        match self.peek()? {
            b'"' => drop(self.string()?),
            b'{' | b'[' => return self.enter(nesting),
            b't' => self.literal(b"true")?,
            b'f' => self.literal(b"false")?,
            b'n' => self.literal(b"null")?,
            _ => self.number()?,
        }
        Some(false)
    }

    fn enter(&mut self, nesting: &mut Nesting) -> Option<bool> {
        let is_object = self.next()? == b'{';
        self.skip_space();
        if self.peek()? == if is_object { b'}' } else { b']' } {
            self.at += 1;
            return Some(false);
        }
        nesting.enter(is_object)?;
        if is_object {
            self.name()?;
        }
        Some(true)
    }

    /// The name of a field, and the colon.
    #[inline]
    fn name(&mut self) -> Option<()> {
        self.string()?;
        self.skip_space();
        self.take(b':')
    }

    #[inline]
    fn found_string(&mut self) -> Option<FoundString> {
        let start = self.at;
        let escaped = self.string()?;
        Some(FoundString { at: start..self.at, escaped })
    }

    /// A string: whether something in it is escaped.
    #[inline]
    fn string(&mut self) -> Option<bool> {
        self.take(b'"')?;
        let mut escaped = false;
        loop {
            let Some(first) = Eight::load(self.text, self.at).marks_of_json().first() else {
                self.at += 8;
                if self.at >= self.text.len() {
                    return None;
                }
                continue;
            };
            self.at += first;
            match self.next()? {
                b'"' => return Some(escaped),
                b'\\' => {
                    self.escape()?;
                    escaped = true;
                }
                _ => return None,
            }
        }
    }

    fn escape(&mut self) -> Option<()> {
        match self.next()? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(()),
            b'u' => {
                let digits = self.text.get(self.at..self.at + 4)?;
                self.at += 4;
                digits.iter().all(u8::is_ascii_hexdigit).then_some(())
            }
            _ => None,
        }
    }

    fn literal(&mut self, word: &[u8]) -> Option<()> {
        let is_here = self.text.get(self.at..)?.starts_with(word);
        self.at += word.len();
        is_here.then_some(())
    }

    fn number(&mut self) -> Option<()> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.next()? {
            b'0' => {}
            b'1'..=b'9' => self.skip_digits(),
            _ => return None,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Some(())
    }

    /// At least one digit.
    fn digits(&mut self) -> Option<()> {
        if !self.next()?.is_ascii_digit() {
            return None;
        }
        self.skip_digits();
        Some(())
    }

    #[inline]
    fn skip_digits(&mut self) {
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::de::IgnoredAny;

    use super::*;

    fn is_json(text: &str) -> bool {
        serde_json::from_str::<IgnoredAny>(text).is_ok()
    }

    /// JSON, and what is nearly JSON: pieces of it in any order.
    fn pieces() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"",
            "\"a\"",
            "\"a\":",
            "1",
            "0",
            "-",
            ".",
            "e",
            "E+",
            "true",
            "fals",
            "null",
            " ",
            "\t",
            "\n",
            "\r",
            "\\",
            "\\u",
            "\\n",
            "00e9",
            "\u{1}",
            "\u{e4}",
            "\\\"",
            "x",
            "\"abcdefghij\"",
            "{\"a\":1}",
        ]);
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    fn value() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            ".{0,12}".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
                prop::collection::vec((".{0,9}", inner), 0..5)
                    .prop_map(|fields| serde_json::Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_it_accepts_is_json_on_one_line(text in pieces()) {
            if is_value_on_a_line(text.as_bytes()) {
                prop_assert!(is_json(&text) && !text.contains(['\n', '\r']), "{text:?}");
            } else if is_json(&text) {
                prop_assert!(text.contains(['\n', '\r']), "{text:?} is JSON, and is not known");
            }
        }

        #[test]
        fn what_is_well_formed_is_known(value in value(), pretty in any::<bool>()) {
            let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
            let text = text.expect("it is JSON").replace('\n', " ");
            prop_assert!(is_value_on_a_line(text.as_bytes()), "{text}");
            let mut fields = Vec::new();
            let found = each_field(text.as_bytes(), |field| {
                let name: String = serde_json::from_str(&text[field.name.at]).expect("a string");
                let (FoundValue::String(FoundString { at, .. }) | FoundValue::Other(at)) = field.value;
                let value: serde_json::Value = serde_json::from_str(&text[at]).expect("a value");
                fields.push((name, value));
                Some(())
            });
            prop_assert_eq!(found.is_some(), value.is_object());
            // Not the value itself: a float that is written and read may end in another digit.
            if let Ok(object) = serde_json::from_str::<serde_json::Map<_, _>>(&text) {
                prop_assert_eq!(fields.into_iter().collect::<serde_json::Map<_, _>>(), object);
            }
        }
    }

    #[test]
    fn numbers_are_those_of_json() {
        for good in ["0", "-0", "1", "10.5", "-1e5", "1E+5", "1.0e-9", "123456789012345678901234567890"] {
            assert!(is_value_on_a_line(good.as_bytes()) && is_json(good), "{good}");
        }
        for bad in ["", "-", "01", "1.", ".5", "1e", "1e+", "+1", "NaN", "1 2", "0x1", "--1"] {
            assert!(!is_value_on_a_line(bad.as_bytes()) && !is_json(bad), "{bad}");
        }
    }

    #[test]
    fn deep_nesting_is_left_to_others_and_never_overflows_the_stack() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(is_value_on_a_line(nested(64).as_bytes()));
        assert!(is_value_on_a_line(("[".to_owned() + &nested(63) + ",1]").as_bytes()));
        assert!(!is_value_on_a_line(nested(66).as_bytes()));
        assert!(!is_value_on_a_line(nested(1_000_000).as_bytes()));
    }
}
