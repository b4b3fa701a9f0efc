//! JSON text to values of the language. Strict, and exact: an integer beyond 2^53 is a `BigInt`; what the language could
//! not write again as it was (infinities, half a surrogate pair) fails the record.
#![expect(unsafe_code, reason = "the engine's interface is C's")]

use std::char;

use rquickjs_sys as js;

use crate::engine::{Context, Thrown};
use crate::value::{Value, size};

/// Values in values in values: arbitrary, deeper than anybody writes, and well within the stack.
pub(crate) const DEPTH_MAX: usize = 512;
/// Names of members that are kept: most records have the same ones.
const NAMES_MAX: usize = 256;
/// The largest number below which all integers are numbers.
const SAFE_MAX: u64 = 1 << 53;

/// Reads JSON.
pub(crate) struct Reader {
    context: Context,
    names: Vec<(Vec<u8>, js::JSAtom)>,
    /// Which name comes next, if this record is like the last.
    next: usize,
    big: Value,
}

/// One text.
struct Text<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    depth: usize,
}

type Read<T> = Result<T, Thrown>;

impl Reader {
    pub(crate) fn new(context: Context) -> Read<Self> {
        Ok(Self { context, names: Vec::new(), next: 0, big: context.global().get(c"BigInt")? })
    }

    /// The value that `text` is.
    ///
    /// # Errors
    /// What is wrong with it, and where, in bytes from 0.
    pub(crate) fn read(&mut self, text: &str) -> Read<Value> {
        self.next = 0;
        let mut text = Text { text, bytes: text.as_bytes(), at: 0, depth: 0 };
        text.skip_space();
        let value = self.value(&mut text)?;
        text.skip_space();
        if text.at < text.bytes.len() {
            return Err(text.fail("the record is not JSON: something follows the value"));
        }
        Ok(value)
    }

    fn value(&mut self, text: &mut Text<'_>) -> Read<Value> {
        let plain = |raw| Ok(Value::owned(self.context, raw));
        match text.peek() {
            Some(b'"') => text.string(|string| Value::text(self.context, string))?,
            Some(b'{') => self.nested(text, Self::object),
            Some(b'[') => self.nested(text, Self::array),
            Some(b'-' | b'0'..=b'9') => self.number(text),
            Some(b't') if text.word("true") => plain(js::JS_TRUE),
            Some(b'f') if text.word("false") => plain(js::JS_FALSE),
            Some(b'n') if text.word("null") => plain(js::JS_NULL),
            Some(_) => Err(text.fail("the record is not JSON: this cannot begin a value")),
            None => Err(text.fail("the record is not JSON: it ends where a value is expected")),
        }
    }

    fn nested(&mut self, text: &mut Text<'_>, read: fn(&mut Self, &mut Text<'_>) -> Read<Value>) -> Read<Value> {
        text.depth += 1;
        if text.depth > DEPTH_MAX {
            return Err(text.fail("values are nested more than 512 deep"));
        }
        text.at += 1;
        text.skip_space();
        let value = read(self, text)?;
        text.depth -= 1;
        Ok(value)
    }

    fn array(&mut self, text: &mut Text<'_>) -> Read<Value> {
        // SAFETY: the context is alive.
        let array = Value::checked(self.context, unsafe { js::JS_NewArray(self.context.0) })?;
        if text.take(b']') {
            return Ok(array);
        }
        for index in 0.. {
            let value = self.value(text)?;
            // SAFETY: the value's reference is given away.
            let defined = unsafe {
                let flags = js::JS_PROP_C_W_E.cast_signed();
                js::JS_DefinePropertyValueUint32(self.context.0, array.raw(), index, value.into_raw(), flags)
            };
            if defined < 0 {
                return Err(self.context.thrown());
            }
            if text.ends(b']')? {
                break;
            }
        }
        Ok(array)
    }

    fn object(&mut self, text: &mut Text<'_>) -> Read<Value> {
        // SAFETY: the context is alive.
        let object = Value::checked(self.context, unsafe { js::JS_NewObject(self.context.0) })?;
        if text.take(b'}') {
            return Ok(object);
        }
        loop {
            if text.peek() != Some(b'"') {
                return Err(text.fail("the record is not JSON: a member's name is expected"));
            }
            let (name, is_kept) = text.string(|name| self.name(name))?;
            text.skip_space();
            if !text.take(b':') {
                return Err(text.fail("the record is not JSON: `:` is expected"));
            }
            text.skip_space();
            let value = self.value(text)?;
            // SAFETY: the name is alive; the value's reference is given away.
            let defined = unsafe {
                let flags = js::JS_PROP_C_W_E.cast_signed();
                let defined = js::JS_DefinePropertyValue(self.context.0, object.raw(), name, value.into_raw(), flags);
                if !is_kept {
                    js::JS_FreeAtom(self.context.0, name);
                }
                defined
            };
            if defined < 0 {
                return Err(self.context.thrown());
            }
            if text.ends(b'}')? {
                return Ok(object);
            }
        }
    }

    /// The engine's idea of a name, and whether it is kept here.
    fn name(&mut self, name: &str) -> (js::JSAtom, bool) {
        let is_it = |(kept, _): &(Vec<u8>, js::JSAtom)| kept == name.as_bytes();
        let at = if self.names.get(self.next).is_some_and(is_it) {
            Some(self.next)
        } else {
            self.names.iter().position(is_it)
        };
        if let Some((at, (_, atom))) = at.and_then(|at| Some((at, self.names.get(at)?))) {
            self.next = at + 1;
            return (*atom, true);
        }
        // SAFETY: pointer and length are those of the name.
        let atom = unsafe { js::JS_NewAtomLen(self.context.0, name.as_ptr().cast(), size(name.len())) };
        let is_kept = self.names.len() < NAMES_MAX;
        if is_kept {
            self.names.push((name.as_bytes().to_vec(), atom));
            self.next = self.names.len();
        }
        (atom, is_kept)
    }

    fn number(&self, text: &mut Text<'_>) -> Read<Value> {
        let start = text.at;
        let is_integer = text.skip_number()?;
        let number = text.text.get(start..text.at).unwrap_or_default();
        let integer = number.parse::<i64>().ok().filter(|_| is_integer && number != "-0");
        match integer {
            Some(integer) if integer.unsigned_abs() <= SAFE_MAX => {
                #[expect(clippy::cast_precision_loss, reason = "it is at most 2^53")]
                let float = integer as f64;
                Ok(Value::owned(self.context, js::JS_NewFloat64(float)))
            }
            // SAFETY: the context is alive.
            Some(integer) => Value::checked(self.context, unsafe { js::JS_NewBigInt64(self.context.0, integer) }),
            None if is_integer && number != "-0" => {
                let digits = Value::text(self.context, number)?;
                self.big.call(&Value::undefined(self.context), &[&digits])
            }
            None => match number.parse::<f64>() {
                Ok(float) if float.is_finite() => Ok(Value::owned(self.context, js::JS_NewFloat64(float))),
                Ok(_) | Err(_) => Err(text.fail("a number is larger than the language can hold")),
            },
        }
    }
}

impl<'a> Text<'a> {
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

    fn word(&mut self, word: &str) -> bool {
        let is_there = self.rest().starts_with(word);
        self.at += if is_there { word.len() } else { 0 };
        is_there
    }

    /// Whether the number that was skipped is an integer.
    fn skip_number(&mut self) -> Read<bool> {
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
        Ok(is_integer)
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

    /// Hands on a string, without quotes and escapes.
    fn string<T>(&mut self, take: impl FnOnce(&str) -> T) -> Read<T> {
        self.at += 1;
        let start = self.at;
        self.skip_plain();
        if self.peek() == Some(b'"') {
            let string = self.text.get(start..self.at).unwrap_or_default();
            self.at += 1;
            return Ok(take(string));
        }
        self.escaped(start).map(|string| take(&string))
    }

    fn escaped(&mut self, start: usize) -> Read<String> {
        let mut string = self.text.get(start..self.at).unwrap_or_default().to_owned();
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(string);
                }
                Some(b'\\') => string.push(self.escape()?),
                Some(_) => return Err(self.fail("the record is not JSON: a control character is not escaped")),
                None => return Err(self.fail("the record is not JSON: a string does not end")),
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

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    #[cold]
    fn fail(&self, what: &str) -> Thrown {
        Thrown::said(format!("byte {}: {what}", self.at))
    }
}
