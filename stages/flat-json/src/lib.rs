//! Reads the members of a JSON object without parsing their values, and writes texts as JSON.
//!
//! A stage that looks at two fields of ten, or copies nine of them as they are, needs no more. The structure is checked
//! as far as it is walked: a nested value is skipped by its brackets, and a number is whatever stands where one may.
//! Names are compared as they are written, so an escape in a name is no match for the character that it stands for.

use std::fmt;

use memchr::memchr2;

/// A member of an object, as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member<'a> {
    /// The name, without its quotes.
    pub name: &'a [u8],
    /// The value.
    pub value: &'a [u8],
    /// Where the value begins, bytes from the start of the text.
    pub at: usize,
}

/// The members of an object, in order.
#[derive(Clone, Debug)]
pub struct Members<'a> {
    text: &'a [u8],
    at: usize,
    state: State,
}

/// The text is no JSON object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoObject {
    /// Where that shows, bytes from the start.
    pub at: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Before,
    Within,
    After,
}

impl<'a> Members<'a> {
    /// The members of the object that `text` is.
    #[must_use]
    pub fn of(text: &'a [u8]) -> Self {
        Self { text, at: 0, state: State::Before }
    }

    fn advance(&mut self) -> Result<Option<Member<'a>>, NoObject> {
        self.skip_space();
        match self.state {
            State::Before => {
                self.expect(b'{')?;
                self.state = State::Within;
                self.skip_space();
                if self.peek() == Some(b'}') {
                    return self.end();
                }
            }
            State::Within if self.peek() == Some(b'}') => return self.end(),
            State::Within => {
                self.expect(b',')?;
                self.skip_space();
            }
            State::After => return Ok(None),
        }
        let name = self.string()?;
        self.skip_space();
        self.expect(b':')?;
        self.skip_space();
        let at = self.at;
        let value = self.value()?;
        let name = name.get(1..name.len() - 1).unwrap_or_default();
        Ok(Some(Member { name, value, at }))
    }

    fn end(&mut self) -> Result<Option<Member<'a>>, NoObject> {
        self.at += 1;
        self.skip_space();
        self.state = State::After;
        if self.at == self.text.len() { Ok(None) } else { self.fail() }
    }

    fn value(&mut self) -> Result<&'a [u8], NoObject> {
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b'{' | b'[') => self.nested(),
            Some(b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => Ok(self.scalar()),
            _ => self.fail(),
        }
    }

    /// A string with its quotes.
    fn string(&mut self) -> Result<&'a [u8], NoObject> {
        let start = self.at;
        self.expect(b'"')?;
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let Some(found) = memchr2(b'"', b'\\', rest) else {
                self.at = self.text.len();
                return self.fail();
            };
            self.at += found + 1;
            if rest.get(found) == Some(&b'"') {
                return Ok(self.since(start));
            }
            self.at += 1;
        }
    }

    fn nested(&mut self) -> Result<&'a [u8], NoObject> {
        let (start, mut depth) = (self.at, 0_usize);
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.string()?;
                    continue;
                }
                Some(b'{' | b'[') => depth += 1,
                Some(b'}' | b']') => depth -= 1,
                Some(_) => {}
                None => return self.fail(),
            }
            self.at += 1;
            if depth == 0 {
                return Ok(self.since(start));
            }
        }
    }

    fn scalar(&mut self) -> &'a [u8] {
        let start = self.at;
        while matches!(self.peek(), Some(b'-' | b'+' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'E')) {
            self.at += 1;
        }
        self.since(start)
    }

    fn since(&self, start: usize) -> &'a [u8] {
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), NoObject> {
        if self.peek() != Some(byte) {
            return self.fail();
        }
        self.at += 1;
        Ok(())
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// After a failure there are no more members.
    fn fail<T>(&mut self) -> Result<T, NoObject> {
        self.state = State::After;
        Err(NoObject { at: self.at.min(self.text.len()) })
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = Result<Member<'a>, NoObject>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.state == State::After {
            return None;
        }
        self.advance().transpose()
    }
}

impl fmt::Display for NoObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the record is no JSON object: byte {} is not what may stand there", self.at)
    }
}

impl std::error::Error for NoObject {}

/// What stands between the quotes of a JSON string, escapes and all; none for any other value.
#[must_use]
pub fn quoted(value: &[u8]) -> Option<&[u8]> {
    value.strip_prefix(b"\"")?.strip_suffix(b"\"")
}

/// Appends `text`, which must be UTF-8, as a JSON string.
pub fn write_string(buffer: &mut Vec<u8>, text: &[u8]) {
    buffer.push(b'"');
    let mut rest = text;
    while let Some(at) = first_special(rest) {
        let (plain, special) = rest.split_at(at);
        buffer.extend_from_slice(plain);
        if let Some((&byte, after)) = special.split_first() {
            write_escape(buffer, byte);
            rest = after;
        }
    }
    buffer.extend_from_slice(rest);
    buffer.push(b'"');
}

/// Where the first byte is that needs an escape.
fn first_special(bytes: &[u8]) -> Option<usize> {
    let is_special = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
    // Without an early exit, this look at all bytes is vectorised; most texts need no other.
    let any = bytes.iter().fold(false, |any, byte| any | is_special(byte));
    if any { bytes.iter().position(is_special) } else { None }
}

fn write_escape(buffer: &mut Vec<u8>, byte: u8) {
    let hex = |digit: u8| char::from_digit(u32::from(digit), 16).map_or(b'0', |digit| digit as u8);
    match byte {
        b'"' => buffer.extend_from_slice(b"\\\""),
        b'\\' => buffer.extend_from_slice(b"\\\\"),
        b'\n' => buffer.extend_from_slice(b"\\n"),
        b'\r' => buffer.extend_from_slice(b"\\r"),
        b'\t' => buffer.extend_from_slice(b"\\t"),
        byte => buffer.extend_from_slice(&[b'\\', b'u', b'0', b'0', hex(byte >> 4), hex(byte & 15)]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn members(text: &str) -> Result<Vec<(&str, &str)>, NoObject> {
        let text_of = |bytes| std::str::from_utf8(bytes).unwrap();
        Members::of(text.as_bytes())
            .map(|member| member.map(|member| (text_of(member.name), text_of(member.value))))
            .collect()
    }

    #[test]
    fn members_are_given_as_they_are_written() {
        let text = r#" { "a" : 1.5e+3, "b\"":"x\\", "c": {"d": ["]", {}]},"e":null } "#;
        let expected = [("a", "1.5e+3"), ("b\\\"", r#""x\\""#), ("c", r#"{"d": ["]", {}]}"#), ("e", "null")];
        assert_eq!(members(text).unwrap(), expected);
        assert_eq!(members("{}").unwrap(), []);
        assert_eq!(members(" { } ").unwrap(), []);
    }

    #[test]
    fn what_is_no_object_is_refused_at_its_place_and_once() {
        for (text, at) in [
            ("", 0),
            ("[1]", 0),
            ("{", 1),
            (r#"{"a"}"#, 4),
            (r#"{"a":}"#, 5),
            (r#"{"a":1,}"#, 7),
            (r#"{"a":1 "b":2}"#, 7),
            (r#"{"a":1"#, 6),
            (r#"{"a":"x"#, 7),
            (r#"{"a":"x\"#, 8),
            (r#"{"a":[1"#, 7),
            (r#"{"a":1}}"#, 7),
            (r#"{a:1}"#, 1),
        ] {
            assert_eq!(members(text), Err(NoObject { at }), "{text}");
            assert_eq!(Members::of(text.as_bytes()).filter(Result::is_err).count(), 1, "{text}");
        }
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 20, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map(any::<String>(), inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn an_object_that_serde_json_wrote_is_read_alike(
            object in prop::collection::hash_map(any::<String>(), json(), 0..6),
            pretty in any::<bool>(),
        ) {
            let object = Value::Object(object.into_iter().collect());
            let text = if pretty { serde_json::to_string_pretty(&object) } else { serde_json::to_string(&object) };
            let text = text.unwrap();
            let mut read = serde_json::Map::new();
            for (name, value) in members(&text).unwrap() {
                let name: String = serde_json::from_str(&format!("\"{name}\"")).unwrap();
                read.insert(name, serde_json::from_str(value).unwrap());
            }
            prop_assert_eq!(Value::Object(read), object);
        }

        #[test]
        fn any_bytes_end_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let mut object = b"{\"a\":".to_vec();
            object.extend_from_slice(&bytes);
            prop_assert!(Members::of(&object).count() <= object.len());
            prop_assert!(Members::of(&bytes).count() <= bytes.len() + 1);
        }

        #[test]
        fn a_written_string_reads_back(text in any::<String>()) {
            let mut buffer = Vec::new();
            write_string(&mut buffer, text.as_bytes());
            prop_assert_eq!(serde_json::from_slice::<String>(&buffer).unwrap(), text);
        }
    }
}
