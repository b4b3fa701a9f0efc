//! Tokens, one after the other, with a reason where there is none.

use std::borrow::Cow;
use std::fmt;

use crate::{DEPTH_MAX, plain};

/// A text, and how far it has been read.
#[derive(Clone, Debug)]
pub struct Text<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    depth: usize,
}

/// Why a text is not JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where that shows, in bytes from 0.
    pub at: usize,
    /// What is wrong.
    pub what: &'static str,
}

/// A number, as it is written.
#[derive(Clone, Copy, Debug)]
pub struct Number<'a> {
    /// Its text.
    pub text: &'a str,
    /// It has neither a point nor an exponent, and is not `-0`, which no integer is.
    pub is_integer: bool,
}

type Read<T> = Result<T, Fault>;

impl<'a> Text<'a> {
    /// Begins to read, at the first value.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        let mut text = Self { text, bytes: text.as_bytes(), at: 0, depth: 0 };
        text.skip_space();
        text
    }

    /// The byte that comes next.
    #[must_use]
    pub fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// After the last value.
    ///
    /// # Errors
    /// Something follows.
    pub fn finish(mut self) -> Read<()> {
        self.skip_space();
        if self.at < self.bytes.len() {
            Err(self.fault("the record is not JSON: something follows the value"))
        } else {
            Ok(())
        }
    }

    /// Enters an array or object. Gives whether it ends right there.
    ///
    /// # Errors
    /// It is nested too deep.
    pub fn enter(&mut self, close: u8) -> Read<bool> {
        if self.depth >= DEPTH_MAX {
            return Err(self.fault("values are nested more than 512 deep"));
        }
        self.depth += 1;
        self.at += 1;
        self.skip_space();
        let is_empty = self.take(close);
        self.depth -= usize::from(is_empty);
        Ok(is_empty)
    }

    /// Whether the array or object ends here; otherwise continues with its next value.
    ///
    /// # Errors
    /// Neither its end nor a comma is there.
    pub fn ends(&mut self, close: u8) -> Read<bool> {
        self.skip_space();
        if self.take(close) {
            self.depth -= 1;
            return Ok(true);
        }
        if !self.take(b',') {
            return Err(self.fault("the record is not JSON: `,` or the end of the array or object is expected"));
        }
        self.skip_space();
        Ok(false)
    }

    /// The name of a member, and all up to its value.
    ///
    /// # Errors
    /// It is not there, or not well written.
    pub fn name(&mut self) -> Read<Cow<'a, str>> {
        if self.peek() != Some(b'"') {
            return Err(self.fault("the record is not JSON: a member's name is expected"));
        }
        let name = self.string()?;
        self.skip_space();
        if !self.take(b':') {
            return Err(self.fault("the record is not JSON: `:` is expected"));
        }
        self.skip_space();
        Ok(name)
    }

    /// `true`, `false` or `null`, if that is what comes next.
    ///
    /// # Errors
    /// It is something else.
    pub fn word(&mut self, word: &str) -> Read<()> {
        if !self.rest().starts_with(word) {
            return Err(self.no_value());
        }
        self.at += word.len();
        Ok(())
    }

    /// What is wrong where a value is expected and none begins.
    #[must_use]
    #[cold]
    pub fn no_value(&self) -> Fault {
        match self.peek() {
            Some(_) => self.fault("the record is not JSON: this cannot begin a value"),
            None => self.fault("the record is not JSON: it ends where a value is expected"),
        }
    }

    /// A number.
    ///
    /// # Errors
    /// It is not written as JSON has it.
    pub fn number(&mut self) -> Read<Number<'a>> {
        let start = self.at;
        self.take(b'-');
        let digits = self.digits()?;
        if digits > 1 && self.bytes.get(self.at - digits) == Some(&b'0') {
            self.at = start;
            return Err(self.fault("the record is not JSON: a number does not begin with 0"));
        }
        let mut is_integer = true;
        if self.take(b'.') {
            is_integer = false;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            is_integer = false;
            self.at += 1;
            if matches!(self.peek(), Some(b'-' | b'+')) {
                self.at += 1;
            }
            self.digits()?;
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        Ok(Number { text, is_integer: is_integer && text != "-0" })
    }

    fn digits(&mut self) -> Read<usize> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start {
            Err(self.fault("the record is not JSON: a digit is expected"))
        } else {
            Ok(self.at - start)
        }
    }

    /// A string, without quotes and escapes.
    ///
    /// # Errors
    /// It is not written as JSON has it, or holds half a surrogate pair.
    pub fn string(&mut self) -> Read<Cow<'a, str>> {
        self.at += 1;
        let start = self.at;
        self.skip_plain();
        let plain = self.text.get(start..self.at).unwrap_or_default();
        if self.take(b'"') { Ok(Cow::Borrowed(plain)) } else { self.escaped(plain).map(Cow::Owned) }
    }

    #[cold]
    fn escaped(&mut self, plain: &str) -> Read<String> {
        let mut string = plain.to_owned();
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(string);
                }
                Some(b'\\') => string.push(self.escape()?),
                Some(_) => return Err(self.fault("the record is not JSON: a control character is not escaped")),
                None => return Err(self.fault("the record is not JSON: a string does not end")),
            }
            let from = self.at;
            self.skip_plain();
            string.push_str(self.text.get(from..self.at).unwrap_or_default());
        }
    }

    /// The character that an escape stands for.
    fn escape(&mut self) -> Read<char> {
        self.at += 2;
        Ok(match self.bytes.get(self.at - 1) {
            Some(b'n') => '\n',
            Some(b't') => '\t',
            Some(b'r') => '\r',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(&plain @ (b'"' | b'\\' | b'/')) => plain.into(),
            Some(b'u') => return self.code_point(),
            _ => {
                self.at -= 2;
                return Err(self.fault("the record is not JSON: there is no such escape"));
            }
        })
    }

    fn code_point(&mut self) -> Read<char> {
        let start = self.at - 2;
        let first = self.hex()?;
        let mut code = Some(first);
        if (0xd800..0xdc00).contains(&first) {
            code = None;
            if self.rest().starts_with("\\u") {
                self.at += 2;
                let second = self.hex()?;
                let is_low = (0xdc00..0xe000).contains(&second);
                code = is_low.then(|| 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00));
            }
        }
        code.and_then(char::from_u32).ok_or_else(|| {
            self.at = start;
            self.fault("half a surrogate pair is not a character")
        })
    }

    fn hex(&mut self) -> Read<u32> {
        let digits =
            self.text.get(self.at..self.at + 4).filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let code = code.ok_or_else(|| self.fault("the record is not JSON: four hexadecimal digits are expected"))?;
        self.at += 4;
        Ok(code)
    }

    #[inline]
    fn skip_plain(&mut self) {
        self.at = plain::end(self.bytes, self.at, false);
    }

    #[inline]
    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    #[inline]
    fn take(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// What is wrong here.
    #[must_use]
    #[cold]
    pub fn fault(&self, what: &'static str) -> Fault {
        Fault { at: self.at, what }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}: {}", self.at, self.what)
    }
}

impl std::error::Error for Fault {}
