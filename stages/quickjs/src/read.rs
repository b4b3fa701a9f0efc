//! JSON text to values of the language. Strict, and exact: an integer beyond 2^53 is a `BigInt`; what the language could
//! not write again as it was (infinities, half a surrogate pair) fails the record.
#![expect(unsafe_code, reason = "the engine's interface is C's")]

use json_text::{Fault, Number, Text};
use rquickjs_sys as js;

use crate::Values;
use crate::engine::{Context, Thrown};
use crate::value::{Value, size};

/// Names of members that are kept: most records have the same ones.
const NAMES_MAX: usize = 256;
/// The largest number below which all integers are numbers.
const SAFE_MAX: u64 = 1 << 53;

/// Reads JSON.
pub struct Reader {
    context: Context,
    names: Vec<(Vec<u8>, js::JSAtom)>,
    /// Which name comes next, if this record is like the last.
    next: usize,
    /// What makes a `BigInt`, unless those are refused.
    big: Option<Value>,
}

type Read<T> = Result<T, Thrown>;

impl Reader {
    /// For values of that context.
    ///
    /// # Errors
    /// That a script has taken `BigInt` away.
    pub fn new(context: Context, values: Values) -> Read<Self> {
        let big = (values == Values::All).then(|| context.global().get(c"BigInt")).transpose()?;
        Ok(Self { context, names: Vec::new(), next: 0, big })
    }

    /// The value that `text` is.
    ///
    /// # Errors
    /// What is wrong with it, and where, in bytes from 0.
    pub fn read(&mut self, text: &str) -> Read<Value> {
        self.next = 0;
        let mut text = Text::new(text);
        let value = self.value(&mut text)?;
        text.finish()?;
        Ok(value)
    }

    fn value(&mut self, text: &mut Text<'_>) -> Read<Value> {
        let plain = |raw| Value::owned(self.context, raw);
        match text.peek() {
            Some(b'"') => Value::text(self.context, &text.string()?),
            Some(b'{') => self.object(text),
            Some(b'[') => self.array(text),
            Some(b'-' | b'0'..=b'9') => self.number(text),
            Some(b't') => Ok(text.word("true").map(|()| plain(js::JS_TRUE))?),
            Some(b'f') => Ok(text.word("false").map(|()| plain(js::JS_FALSE))?),
            Some(b'n') => Ok(text.word("null").map(|()| plain(js::JS_NULL))?),
            Some(_) | None => Err(text.no_value().into()),
        }
    }

    fn array(&mut self, text: &mut Text<'_>) -> Read<Value> {
        let is_empty = text.enter(b']')?;
        // SAFETY: the context is alive.
        let array = Value::checked(self.context, unsafe { js::JS_NewArray(self.context.0) })?;
        if is_empty {
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
        let is_empty = text.enter(b'}')?;
        // SAFETY: the context is alive.
        let object = Value::checked(self.context, unsafe { js::JS_NewObject(self.context.0) })?;
        if is_empty {
            return Ok(object);
        }
        loop {
            let (name, is_kept) = self.name(&text.name()?)?;
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
    fn name(&mut self, name: &str) -> Read<(js::JSAtom, bool)> {
        let is_it = |(kept, _): &(Vec<u8>, js::JSAtom)| kept == name.as_bytes();
        let at = if self.names.get(self.next).is_some_and(is_it) {
            Some(self.next)
        } else {
            self.names.iter().position(is_it)
        };
        if let Some((at, (_, atom))) = at.and_then(|at| Some((at, self.names.get(at)?))) {
            self.next = at + 1;
            return Ok((*atom, true));
        }
        // SAFETY: pointer and length are those of the name.
        let atom = unsafe { js::JS_NewAtomLen(self.context.0, name.as_ptr().cast(), size(name.len())) };
        if atom == js::JS_ATOM_NULL {
            return Err(self.context.thrown());
        }
        let is_kept = self.names.len() < NAMES_MAX;
        if is_kept {
            self.names.push((name.as_bytes().to_vec(), atom));
            self.next = self.names.len();
        }
        Ok((atom, is_kept))
    }

    fn number(&self, text: &mut Text<'_>) -> Read<Value> {
        let Number { text: number, is_integer } = text.number()?;
        if is_integer {
            return self.integer(number);
        }
        match number.parse::<f64>() {
            Ok(float) if float.is_finite() => Ok(Value::owned(self.context, js::JS_NewFloat64(float))),
            Ok(_) | Err(_) => Err(text.fault("a number is larger than the language can hold").into()),
        }
    }

    fn integer(&self, number: &str) -> Read<Value> {
        match number.parse::<i64>() {
            Ok(integer) if integer.unsigned_abs() <= SAFE_MAX => {
                // The engine's own calculations give such integers, and are faster with them.
                let raw = i32::try_from(integer).map_or_else(
                    |_| {
                        #[expect(clippy::cast_precision_loss, reason = "it is at most 2^53")]
                        js::JS_NewFloat64(integer as f64)
                    },
                    |integer| js::JS_MKVAL(js::JS_TAG_INT, integer),
                );
                Ok(Value::owned(self.context, raw))
            }
            parsed => {
                let big = self.big.as_ref().ok_or_else(|| Thrown::said(format!("{number} is beyond 2^53")))?;
                if let Ok(integer) = parsed {
                    // SAFETY: the context is alive.
                    return Value::checked(self.context, unsafe { js::JS_NewBigInt64(self.context.0, integer) });
                }
                let digits = Value::text(self.context, number)?;
                big.call(&Value::undefined(self.context), &[&digits])
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        for (_, atom) in &self.names {
            // SAFETY: `name` counted this reference.
            unsafe { js::JS_FreeAtom(self.context.0, *atom) }
        }
    }
}

impl From<Fault> for Thrown {
    fn from(fault: Fault) -> Self {
        Self::said(fault.to_string())
    }
}
