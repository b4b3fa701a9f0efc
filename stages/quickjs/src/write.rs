//! Values of the language to compact JSON text: as `JSON.stringify` does it, but that a `BigInt` is an integer, and what
//! JSON cannot say fails, where `JSON.stringify` would write another value.
#![expect(unsafe_code, reason = "the engine's interface is C's")]

use std::io::Write as _;
use std::{ptr, slice, str};

use json_text::DEPTH_MAX;
use rquickjs_sys as js;

use crate::Values;
use crate::engine::{Context, Thrown};
use crate::value::Value;

/// Names of members that are kept, written: most outputs have the same ones.
const NAMES_MAX: usize = 256;
/// From here on not every whole number is one of the language.
const SAFE_MAX: f64 = 9_007_199_254_740_992.0;
/// From here on a number's shortest text has an exponent.
const WHOLE_MAX: f64 = 1e17;

/// Writes JSON.
pub struct Writer {
    context: Context,
    names: Vec<(js::JSAtom, Vec<u8>)>,
    /// Which name comes next, if this output is like the last.
    next: usize,
    /// The prototype of plain objects, where only those are written.
    plain: Option<*mut js::c_void>,
}

/// The names of an object's members.
struct Names {
    context: Context,
    names: *mut js::JSPropertyEnum,
    count: u32,
}

type Written<T> = Result<T, Thrown>;

impl Writer {
    /// For values of that context.
    ///
    /// # Errors
    /// That there is no memory for it.
    pub fn new(context: Context, values: Values) -> Written<Self> {
        let plain = (values == Values::Plain).then(|| Value::object(context).map(|object| object.prototype()));
        Ok(Self { context, names: Vec::new(), next: 0, plain: plain.transpose()? })
    }

    /// Appends `value` as JSON.
    ///
    /// # Errors
    /// What in it is not JSON, or what it throws when it is asked for its members.
    pub fn write(&mut self, value: &Value, buffer: &mut Vec<u8>) -> Written<()> {
        self.next = 0;
        if self.value(value, buffer, DEPTH_MAX)? {
            return Ok(());
        }
        Err(Thrown::said(format!("{} is not a value of JSON", value.to_text().unwrap_or_default())))
    }

    /// Whether there was anything to write: JSON has no functions.
    fn value(&mut self, value: &Value, buffer: &mut Vec<u8>, depth: usize) -> Written<bool> {
        match value.tag() {
            js::JS_TAG_NULL => buffer.extend_from_slice(b"null"),
            js::JS_TAG_BOOL => buffer.extend_from_slice(if value.as_bool() == Some(true) { b"true" } else { b"false" }),
            js::JS_TAG_STRING | js::JS_TAG_STRING_ROPE => value.with_text(|text| write_string(text, buffer))??,
            js::JS_TAG_BIG_INT | js::JS_TAG_SHORT_BIG_INT if self.plain.is_some() => return Err(Self::not_plain()),
            js::JS_TAG_BIG_INT | js::JS_TAG_SHORT_BIG_INT => {
                value.with_text(|digits| buffer.extend_from_slice(digits))?;
            }
            js::JS_TAG_OBJECT => return self.object(value, buffer, depth),
            _ => {
                let Some(number) = value.as_number() else { return Ok(false) };
                self.number(value, number, buffer)?;
            }
        }
        Ok(true)
    }

    fn object(&mut self, value: &Value, buffer: &mut Vec<u8>, depth: usize) -> Written<bool> {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(Thrown::said(format!("an output is nested more than {DEPTH_MAX} deep, or holds itself")));
        };
        let own = value.get(c"toJSON")?;
        if let Some(plain) = self.plain
            && (!own.is_nothing() || !value.is_function() && !value.is_array() && value.prototype() != plain)
        {
            return Err(Self::not_plain());
        }
        if own.is_function() {
            let name = Value::text(self.context, "")?;
            let shown = own.call(value, &[&name])?;
            return self.value(&shown, buffer, depth);
        }
        if value.is_function() {
            return Ok(false);
        }
        if value.is_array() {
            self.array(value, buffer, depth)?
        } else {
            self.members(value, buffer, depth)?
        }
        Ok(true)
    }

    fn not_plain() -> Thrown {
        Thrown::said("it is not a plain value")
    }

    fn number(&self, value: &Value, number: f64, buffer: &mut Vec<u8>) -> Written<()> {
        if self.plain.is_some() && number.is_finite() && (number.fract() != 0.0 || number.abs() >= SAFE_MAX) {
            // As the language writes it, digit for digit.
            return value.with_text(|digits| buffer.extend_from_slice(digits));
        }
        let is_negative_zero = number == 0.0 && number.is_sign_negative();
        write_number(if self.plain.is_some() && is_negative_zero { 0.0 } else { number }, buffer)
    }

    fn array(&mut self, value: &Value, buffer: &mut Vec<u8>, depth: usize) -> Written<()> {
        buffer.push(b'[');
        for index in 0..value.length()? {
            if index > 0 {
                buffer.push(b',');
            }
            if !self.value(&value.at(index)?, buffer, depth)? {
                buffer.extend_from_slice(b"null");
            }
        }
        buffer.push(b']');
        Ok(())
    }

    fn members(&mut self, value: &Value, buffer: &mut Vec<u8>, depth: usize) -> Written<()> {
        let names = Names::of(value)?;
        let begin = buffer.len() + 1;
        buffer.push(b'{');
        for name in names.all() {
            // SAFETY: the name is alive as long as `names` is.
            let raw = unsafe { js::JS_GetProperty(self.context.0, value.raw(), name.atom) };
            let member = Value::checked(self.context, raw)?;
            let mark = buffer.len();
            if mark > begin {
                buffer.push(b',');
            }
            self.name(name.atom, buffer)?;
            if !self.value(&member, buffer, depth)? {
                buffer.truncate(mark);
            }
        }
        buffer.push(b'}');
        Ok(())
    }

    /// Writes a name and the colon after it.
    fn name(&mut self, atom: js::JSAtom, buffer: &mut Vec<u8>) -> Written<()> {
        let is_it = |(kept, _): &(js::JSAtom, Vec<u8>)| *kept == atom;
        let at = if self.names.get(self.next).is_some_and(is_it) {
            Some(self.next)
        } else {
            self.names.iter().position(is_it)
        };
        if let Some((at, (_, written))) = at.and_then(|at| Some((at, self.names.get(at)?))) {
            buffer.extend_from_slice(written);
            self.next = at + 1;
            return Ok(());
        }
        // SAFETY: the name is alive.
        let name = Value::owned(self.context, unsafe { js::JS_AtomToString(self.context.0, atom) });
        let mut written = Vec::new();
        name.with_text(|text| write_string(text, &mut written))??;
        written.push(b':');
        buffer.extend_from_slice(&written);
        if self.names.len() < NAMES_MAX {
            // SAFETY: the name is alive, and is from now on.
            let atom = unsafe { js::JS_DupAtom(self.context.0, atom) };
            self.names.push((atom, written));
            self.next = self.names.len();
        }
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        for (atom, _) in &self.names {
            // SAFETY: `name` counted this reference.
            unsafe { js::JS_FreeAtom(self.context.0, *atom) }
        }
    }
}

impl Names {
    fn of(value: &Value) -> Written<Self> {
        let context = value.context;
        let (mut names, mut count) = (ptr::null_mut(), 0);
        let flags = (js::JS_GPN_STRING_MASK | js::JS_GPN_ENUM_ONLY).cast_signed();
        // SAFETY: it writes a pointer and a number.
        let got = unsafe { js::JS_GetOwnPropertyNames(context.0, &raw mut names, &raw mut count, value.raw(), flags) };
        if got < 0 { Err(context.thrown()) } else { Ok(Self { context, names, count }) }
    }

    fn all(&self) -> &[js::JSPropertyEnum] {
        if self.count == 0 {
            return &[];
        }
        // SAFETY: the engine gave as many, which live until they are freed.
        unsafe { slice::from_raw_parts(self.names, self.count as usize) }
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        // SAFETY: the engine gave them, and nobody uses them any more.
        unsafe { js::JS_FreePropertyEnum(self.context.0, self.names, self.count) }
    }
}

/// Whole numbers have no point.
fn write_number(number: f64, buffer: &mut Vec<u8>) -> Written<()> {
    if !number.is_finite() {
        return Err(Thrown::said(format!("an output holds {number}, which is not a number of JSON")));
    }
    let is_negative_zero = number == 0.0 && number.is_sign_negative();
    if number.fract() == 0.0 && number.abs() < WHOLE_MAX && !is_negative_zero {
        #[expect(clippy::cast_possible_truncation, reason = "it is whole, and smaller than the largest")]
        let whole = number as i64;
        let written = write!(buffer, "{whole}");
        return written.map_err(|error| Thrown::said(error.to_string()));
    }
    buffer.extend_from_slice(ryu::Buffer::new().format_finite(number).as_bytes());
    Ok(())
}

fn write_string(text: &[u8], buffer: &mut Vec<u8>) -> Written<()> {
    if str::from_utf8(text).is_err() {
        return Err(Thrown::said("an output holds half a surrogate pair, which is not a character"));
    }
    buffer.push(b'"');
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)) {
        let (plain, special) = rest.split_at(at);
        buffer.extend_from_slice(plain);
        let Some((&byte, after)) = special.split_first() else { break };
        write_escape(byte, buffer);
        rest = after;
    }
    buffer.extend_from_slice(rest);
    buffer.push(b'"');
    Ok(())
}

fn write_escape(byte: u8, buffer: &mut Vec<u8>) {
    let hex = |digit: u8| char::from_digit(u32::from(digit), 16).map_or(b'0', |digit| digit as u8);
    match byte {
        b'"' => buffer.extend_from_slice(b"\\\""),
        b'\\' => buffer.extend_from_slice(b"\\\\"),
        b'\n' => buffer.extend_from_slice(b"\\n"),
        b'\r' => buffer.extend_from_slice(b"\\r"),
        b'\t' => buffer.extend_from_slice(b"\\t"),
        8 => buffer.extend_from_slice(b"\\b"),
        12 => buffer.extend_from_slice(b"\\f"),
        byte => buffer.extend_from_slice(&[b'\\', b'u', b'0', b'0', hex(byte >> 4), hex(byte & 15)]),
    }
}
