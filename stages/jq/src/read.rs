//! JSON text to values. Strict, as the standard has it: what jq lets pass as well (NaN, comments, several values, half a
//! surrogate pair) fails the record, because it could not be written again as it was.

use std::char;

use jaq_json::{Map, Num, Val};
use num_bigint::BigInt;
use sandmill_stage::Failure;

/// Values in values in values: arbitrary, deeper than anybody writes, and well within the stack.
pub(crate) const DEPTH_MAX: usize = 512;

/// The value that `text` is.
///
/// # Errors
/// What is wrong with it, and where, in bytes from 0.
pub(crate) fn value(text: &str) -> Result<Val, Failure> {
    let mut reader = Reader { text, bytes: text.as_bytes(), at: 0, depth: 0 };
    reader.skip_space();
    let value = reader.value()?;
    reader.skip_space();
    if reader.at < reader.bytes.len() {
        return Err(reader.fail("the record is not JSON: something follows the value"));
    }
    Ok(value)
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    depth: usize,
}

type Read<T> = Result<T, Failure>;

impl Reader<'_> {
    fn value(&mut self) -> Read<Val> {
        match self.peek() {
            Some(b'"') => Ok(Val::utf8_str(self.string()?)),
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Val::Bool(true)),
            Some(b'f') => self.word("false", Val::Bool(false)),
            Some(b'n') => self.word("null", Val::Null),
            Some(_) => Err(self.fail("the record is not JSON: this cannot begin a value")),
            None => Err(self.fail("the record is not JSON: it ends where a value is expected")),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Read<Val>) -> Read<Val> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.fail("values are nested more than 512 deep"));
        }
        self.at += 1;
        self.skip_space();
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn array(&mut self) -> Read<Val> {
        let mut values = Vec::new();
        if self.take(b']') {
            return Ok(values.into_iter().collect());
        }
        loop {
            values.push(self.value()?);
            if self.ends(b']')? {
                return Ok(Val::Arr(values.into()));
            }
        }
    }

    fn object(&mut self) -> Read<Val> {
        let mut members = Map::default();
        if self.take(b'}') {
            return Ok(Val::obj(members));
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.fail("the record is not JSON: a member's name is expected"));
            }
            let name = Val::utf8_str(self.string()?);
            self.skip_space();
            if !self.take(b':') {
                return Err(self.fail("the record is not JSON: `:` is expected"));
            }
            self.skip_space();
            let value = self.value()?;
            members.insert(name, value);
            if self.ends(b'}')? {
                return Ok(Val::obj(members));
            }
        }
    }

    /// Whether the array or object ends here; otherwise goes on to its next value.
    fn ends(&mut self, close: u8) -> Read<bool> {
        self.skip_space();
        if self.take(close) {
            return Ok(true);
        }
        if !self.take(b',') {
            return Err(self.fail("the record is not JSON: `,` or the end of the array or object is expected"));
        }
        self.skip_space();
        Ok(false)
    }

    fn word(&mut self, word: &str, value: Val) -> Read<Val> {
        if !self.rest().starts_with(word) {
            return Err(self.fail("the record is not JSON: this cannot begin a value"));
        }
        self.at += word.len();
        Ok(value)
    }

    /// Integers are exact, whatever their size. Other numbers keep their text, and are numbers when a filter asks.
    fn number(&mut self) -> Read<Val> {
        let start = self.at;
        self.take(b'-');
        let digits = self.digits()?;
        if digits > 1 && self.bytes.get(self.at - digits) == Some(&b'0') {
            self.at = start;
            return Err(self.fail("the record is not JSON: a number does not begin with 0"));
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
        if is_integer && text != "-0" { self.integer(text) } else { self.decimal(text) }
    }

    fn integer(&self, text: &str) -> Read<Val> {
        if let Ok(number) = text.parse::<i64>() {
            return Ok(Val::Num(Num::from_integral(number)));
        }
        let number: BigInt = text.parse().map_err(|_| self.fail("the record is not JSON: this is not a number"))?;
        Ok(Val::Num(Num::big_int(number)))
    }

    fn decimal(&self, text: &str) -> Read<Val> {
        // What may not be finite has an exponent, or hundreds of digits.
        let may_overflow = text.len() > 300 || text.contains(['e', 'E']);
        if may_overflow && !text.parse::<f64>().is_ok_and(f64::is_finite) {
            return Err(self.fail("a number is larger than a filter can calculate with"));
        }
        Ok(Val::Num(Num::Dec(text.to_owned().into())))
    }

    fn digits(&mut self) -> Read<usize> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start {
            Err(self.fail("the record is not JSON: a digit is expected"))
        } else {
            Ok(self.at - start)
        }
    }

    /// A string, without quotes and escapes.
    fn string(&mut self) -> Read<Vec<u8>> {
        self.at += 1;
        let start = self.at;
        self.skip_plain();
        if self.peek() == Some(b'"') {
            let text = self.bytes.get(start..self.at).unwrap_or_default().to_vec();
            self.at += 1;
            return Ok(text);
        }
        self.escaped(start)
    }

    fn escaped(&mut self, start: usize) -> Read<Vec<u8>> {
        let mut text = self.bytes.get(start..self.at).unwrap_or_default().to_vec();
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => {
                    let escaped = self.escape()?;
                    text.extend_from_slice(escaped.encode_utf8(&mut [0; 4]).as_bytes());
                }
                Some(_) => return Err(self.fail("the record is not JSON: a control character is not escaped")),
                None => return Err(self.fail("the record is not JSON: a string does not end")),
            }
            let from = self.at;
            self.skip_plain();
            text.extend_from_slice(self.bytes.get(from..self.at).unwrap_or_default());
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
                return Err(self.fail("the record is not JSON: there is no such escape"));
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
            self.fail("half a surrogate pair is not a character")
        })
    }

    fn hex(&mut self) -> Read<u32> {
        let digits =
            self.text.get(self.at..self.at + 4).filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let code = code.ok_or_else(|| self.fail("the record is not JSON: four hexadecimal digits are expected"))?;
        self.at += 4;
        Ok(code)
    }

    fn skip_plain(&mut self) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
        self.at += rest.iter().position(is_special).unwrap_or(rest.len());
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    #[cold]
    fn fail(&self, what: &str) -> Failure {
        Failure::new(format!("byte {}: {what}", self.at))
    }
}
