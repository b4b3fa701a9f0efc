//! A value of the language, owned: what counts its references.
#![expect(unsafe_code, reason = "the engine's interface is C's")]

use std::ffi::CStr;
use std::{ptr, slice};

use rquickjs_sys as js;

use crate::engine::{Context, Thrown};

/// A value. Engine and context outlive it: they are never freed.
pub struct Value {
    /// Where it lives.
    pub context: Context,
    raw: js::JSValue,
}

impl Clone for Value {
    fn clone(&self) -> Self {
        // SAFETY: the context is alive.
        let raw = unsafe { js::JS_DupValue(self.context.0, self.raw) };
        Self { context: self.context, raw }
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        // SAFETY: the context is alive, and this reference is counted.
        unsafe { js::JS_FreeValue(self.context.0, self.raw) }
    }
}

impl Value {
    /// Takes over a reference that is counted already.
    pub fn owned(context: Context, raw: js::JSValue) -> Self {
        Self { context, raw }
    }

    /// Counts one more reference to a value that somebody else owns.
    pub fn borrowed(context: Context, raw: js::JSValue) -> Self {
        // SAFETY: the context is alive.
        Self { context, raw: unsafe { js::JS_DupValue(context.0, raw) } }
    }

    /// As [`Self::owned`], of what may be an exception.
    ///
    /// # Errors
    /// The exception.
    pub fn checked(context: Context, raw: js::JSValue) -> Result<Self, Thrown> {
        // SAFETY: it only looks.
        if unsafe { js::JS_VALUE_GET_TAG(raw) } == js::JS_TAG_EXCEPTION {
            return Err(context.thrown());
        }
        Ok(Self { context, raw })
    }

    /// What the engine calls it. The reference stays ours.
    pub fn raw(&self) -> js::JSValue {
        self.raw
    }

    /// The same; the reference is given away.
    pub fn into_raw(self) -> js::JSValue {
        let raw = self.raw;
        std::mem::forget(self);
        raw
    }

    /// `undefined`.
    pub fn undefined(context: Context) -> Self {
        Self { context, raw: js::JS_UNDEFINED }
    }

    /// A string.
    ///
    /// # Errors
    /// That there is no memory for it.
    pub fn text(context: Context, text: &str) -> Result<Self, Thrown> {
        Self::utf8(context, text.as_bytes())
    }

    /// A string of bytes that are UTF-8; what is not becomes U+FFFD.
    ///
    /// # Errors
    /// That there is no memory for it.
    pub fn utf8(context: Context, text: &[u8]) -> Result<Self, Thrown> {
        Self::checked(context, Self::raw_utf8(context, text))
    }

    /// As [`Self::utf8`], or the engine's mark of an exception.
    pub fn raw_utf8(context: Context, text: &[u8]) -> js::JSValue {
        // SAFETY: pointer and length are those of the text.
        unsafe { js::JS_NewStringLen(context.0, text.as_ptr().cast(), size(text.len())) }
    }

    /// A `Uint8Array` with a copy of the bytes.
    ///
    /// # Errors
    /// That there is no memory for it.
    pub fn bytes(context: Context, bytes: &[u8]) -> Result<Self, Thrown> {
        Self::checked(context, Self::raw_bytes(context, bytes))
    }

    /// As [`Self::bytes`], or the engine's mark of an exception.
    pub fn raw_bytes(context: Context, bytes: &[u8]) -> js::JSValue {
        // SAFETY: pointer and length are those of the bytes.
        unsafe { js::JS_NewUint8ArrayCopy(context.0, bytes.as_ptr(), size(bytes.len())) }
    }

    /// `null`.
    pub fn null(context: Context) -> Self {
        Self { context, raw: js::JS_NULL }
    }

    /// A number. Beyond 2^53 it is the nearest.
    pub fn number(context: Context, number: usize) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "the numbers of scripts are so")]
        Self { context, raw: js::JS_NewFloat64(number as f64) }
    }

    /// `{}`.
    ///
    /// # Errors
    /// That there is no memory for it.
    pub fn object(context: Context) -> Result<Self, Thrown> {
        // SAFETY: the context is alive.
        Self::checked(context, unsafe { js::JS_NewObject(context.0) })
    }

    /// An array of the values.
    ///
    /// # Errors
    /// That there is no memory for it, or the first error among the values.
    pub fn array(context: Context, values: impl IntoIterator<Item = Result<Self, Thrown>>) -> Result<Self, Thrown> {
        // SAFETY: the context is alive.
        let array = Self::checked(context, unsafe { js::JS_NewArray(context.0) })?;
        for (index, value) in (0..).zip(values) {
            // SAFETY: the value's reference is given away.
            let set = unsafe { js::JS_SetPropertyUint32(context.0, array.raw, index, value?.into_raw()) };
            if set < 0 {
                return Err(context.thrown());
            }
        }
        Ok(array)
    }

    /// A `Uint32Array` with a copy of the numbers.
    ///
    /// # Errors
    /// That there is no memory for it.
    pub fn words_of(context: Context, words: &[u32]) -> Result<Self, Thrown> {
        // SAFETY: pointer and length are those of the numbers; the buffer is alive until the array holds it.
        unsafe {
            let buffer = js::JS_NewArrayBufferCopy(context.0, words.as_ptr().cast(), size(size_of_val(words)));
            let buffer = Self::checked(context, buffer)?;
            let mut arguments = [buffer.raw];
            let of = js::JSTypedArrayEnum_JS_TYPED_ARRAY_UINT32;
            Self::checked(context, js::JS_NewTypedArray(context.0, 1, arguments.as_mut_ptr(), of))
        }
    }

    /// The property of that name.
    ///
    /// # Errors
    /// What a getter throws.
    pub fn get(&self, name: &CStr) -> Result<Self, Thrown> {
        // SAFETY: the name ends with a zero.
        Self::checked(self.context, unsafe { js::JS_GetPropertyStr(self.context.0, self.raw, name.as_ptr()) })
    }

    /// The element at an index.
    ///
    /// # Errors
    /// What a getter throws.
    pub fn at(&self, index: u32) -> Result<Self, Thrown> {
        // SAFETY: the context is alive.
        Self::checked(self.context, unsafe { js::JS_GetPropertyUint32(self.context.0, self.raw, index) })
    }

    /// Sets the property of that name.
    ///
    /// # Errors
    /// What a setter throws.
    pub fn set(&self, name: &CStr, value: Self) -> Result<(), Thrown> {
        // SAFETY: the name ends with a zero; the value's reference is given away.
        let set = unsafe { js::JS_SetPropertyStr(self.context.0, self.raw, name.as_ptr(), value.into_raw()) };
        if set < 0 { Err(self.context.thrown()) } else { Ok(()) }
    }

    /// Sets a property that is not among those which a loop over the object sees.
    ///
    /// # Errors
    /// That the object does not change.
    pub fn define(&self, name: &CStr, value: Self) -> Result<(), Thrown> {
        let flags = (js::JS_PROP_WRITABLE | js::JS_PROP_CONFIGURABLE).cast_signed();
        // SAFETY: the name ends with a zero; the value's reference is given away.
        let set =
            unsafe { js::JS_DefinePropertyValueStr(self.context.0, self.raw, name.as_ptr(), value.into_raw(), flags) };
        if set < 0 { Err(self.context.thrown()) } else { Ok(()) }
    }

    /// Calls it as a function, with at most three arguments. The error is what it throws.
    ///
    /// # Errors
    /// See above.
    pub fn call_or_thrown(&self, this: &Self, arguments: &[&Self]) -> Result<Self, Self> {
        Self::or_thrown(self.context, self.called(this, arguments))
    }

    /// As [`Self::checked`], where the error is the exception itself.
    ///
    /// # Errors
    /// See above.
    pub fn or_thrown(context: Context, raw: js::JSValue) -> Result<Self, Self> {
        // SAFETY: it only looks.
        if unsafe { js::JS_VALUE_GET_TAG(raw) } == js::JS_TAG_EXCEPTION {
            return Err(context.exception());
        }
        Ok(Self { context, raw })
    }

    /// Calls it as a function without arguments, for the engine: what it throws stays under way.
    pub fn call_raw(&self, this: &Self) -> js::JSValue {
        // SAFETY: all of them are alive until it returns.
        unsafe { js::JS_Call(self.context.0, self.raw, this.raw, 0, ptr::null_mut()) }
    }

    /// Calls it as a function, with at most three arguments.
    ///
    /// # Errors
    /// What it throws.
    pub fn call(&self, this: &Self, arguments: &[&Self]) -> Result<Self, Thrown> {
        Self::checked(self.context, self.called(this, arguments))
    }

    fn called(&self, this: &Self, arguments: &[&Self]) -> js::JSValue {
        let mut raw: [js::JSValue; 3] = [js::JS_UNDEFINED; 3];
        for (to, from) in raw.iter_mut().zip(arguments) {
            *to = from.raw;
        }
        let count = arguments.len().min(raw.len());
        let count = i32::try_from(count).unwrap_or_default();
        // SAFETY: the arguments are alive until it returns, and are not taken over.
        unsafe { js::JS_Call(self.context.0, self.raw, this.raw, count, raw.as_mut_ptr()) }
    }

    /// Its `length`.
    ///
    /// # Errors
    /// What a getter throws.
    pub fn length(&self) -> Result<u32, Thrown> {
        let mut length = 0_i64;
        // SAFETY: it writes one number.
        if unsafe { js::JS_GetLength(self.context.0, self.raw, &raw mut length) } < 0 {
            return Err(self.context.thrown());
        }
        Ok(u32::try_from(length).unwrap_or(u32::MAX))
    }

    /// Hands its text to `read`; that of any other value is what `String(value)` gives. Half a surrogate pair is not UTF-8
    /// there.
    ///
    /// # Errors
    /// What a `toString` throws.
    pub fn with_text<T>(&self, read: impl FnOnce(&[u8]) -> T) -> Result<T, Thrown> {
        let mut length = 0;
        // SAFETY: it writes one number, and gives as many bytes, which live until they are freed.
        unsafe {
            let text = js::JS_ToCStringLen2(self.context.0, &raw mut length, self.raw, false);
            if text.is_null() {
                return Err(self.context.thrown());
            }
            let result = read(slice::from_raw_parts(text.cast(), size(length)));
            js::JS_FreeCString(self.context.0, text);
            Ok(result)
        }
    }

    /// As [`Self::with_text`], as the owner; half a surrogate pair becomes a replacement.
    ///
    /// # Errors
    /// As [`Self::with_text`].
    pub fn to_text(&self) -> Result<String, Thrown> {
        self.with_text(|text| String::from_utf8_lossy(text).into_owned())
    }

    /// The bytes, where it is a `Uint8Array`.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        // SAFETY: the array is alive as long as this value is, and no script runs while the bytes are borrowed.
        unsafe {
            if js::JS_GetTypedArrayType(self.raw) != js::JSTypedArrayEnum_JS_TYPED_ARRAY_UINT8.cast_signed() {
                return None;
            }
            let (mut offset, mut length, mut all) = (0, 0, 0);
            let none = ptr::null_mut();
            let buffer = js::JS_GetTypedArrayBuffer(self.context.0, self.raw, &raw mut offset, &raw mut length, none);
            let buffer = Self::checked(self.context, buffer).ok()?;
            if buffer.get(c"resizable").ok()?.as_bool() == Some(true) {
                // Of such a buffer the engine has said how long the array was once.
                length = size(self.length().ok()?);
            }
            let bytes = js::JS_GetArrayBuffer(self.context.0, &raw mut all, buffer.raw);
            if bytes.is_null() {
                // Of another type, or without bytes: what was thrown is forgotten.
                drop(self.context.exception());
                return (length == 0).then_some(&[]);
            }
            let bytes: &[u8] = slice::from_raw_parts(bytes, size(all));
            let (offset, length): (usize, usize) = (size(offset), size(length));
            bytes.get(offset..offset.saturating_add(length))
        }
    }

    /// The numbers, where it is a `Uint32Array` or an array of whole numbers that are not negative.
    ///
    /// # Errors
    /// That it is something else.
    pub fn words(&self) -> Result<Vec<u32>, Thrown> {
        // SAFETY: it only looks.
        if unsafe { js::JS_GetTypedArrayType(self.raw) } == js::JSTypedArrayEnum_JS_TYPED_ARRAY_UINT32.cast_signed() {
            return self.typed_words();
        }
        let word = |index| self.at(index)?.as_word().ok_or_else(|| Thrown::said("a number is not whole, or too large"));
        (0..self.length()?).map(word).collect()
    }

    fn typed_words(&self) -> Result<Vec<u32>, Thrown> {
        let (mut offset, mut length, mut all) = (0, 0, 0);
        // SAFETY: it writes two numbers; the buffer's memory lives as long as the buffer, and is copied at once.
        unsafe {
            let buffer =
                js::JS_GetTypedArrayBuffer(self.context.0, self.raw, &raw mut offset, &raw mut length, ptr::null_mut());
            let buffer = Self::checked(self.context, buffer)?;
            let bytes = js::JS_GetArrayBuffer(self.context.0, &raw mut all, buffer.raw);
            if bytes.is_null() {
                return if length == 0 { Ok(Vec::new()) } else { Err(self.context.thrown()) };
            }
            let bytes: &[u8] = slice::from_raw_parts(bytes, size(all));
            let (offset, length): (usize, usize) = (size(offset), size(length));
            let bytes = bytes.get(offset..offset.saturating_add(length)).unwrap_or_default();
            Ok(bytes.as_chunks().0.iter().map(|word| u32::from_ne_bytes(*word)).collect())
        }
    }

    /// The number that it is, if that is whole and not negative.
    pub fn as_word(&self) -> Option<u32> {
        let number = self.as_number().filter(|number| number.fract() == 0.0)?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is whole, and in range")]
        (0.0..=f64::from(u32::MAX)).contains(&number).then_some(number as u32)
    }

    /// Where its prototype is, to be compared.
    pub fn prototype(&self) -> *mut js::c_void {
        // SAFETY: the context is alive; the pointer is only compared.
        unsafe {
            let prototype = Self::owned(self.context, js::JS_GetPrototype(self.context.0, self.raw));
            if prototype.is_object() { js::JS_VALUE_GET_PTR(prototype.raw) } else { ptr::null_mut() }
        }
    }

    /// Where it is, to be compared.
    pub fn pointer(&self) -> *mut js::c_void {
        // SAFETY: the pointer is only compared.
        unsafe { js::JS_VALUE_GET_PTR(self.raw) }
    }

    /// The engine's tag of its type.
    pub fn tag(&self) -> i32 {
        // SAFETY: it only looks.
        unsafe { js::JS_VALUE_GET_TAG(self.raw) }
    }

    /// Whether it is an object, arrays and functions included.
    pub fn is_object(&self) -> bool {
        self.tag() == js::JS_TAG_OBJECT
    }

    /// Whether it is a string.
    pub fn is_string(&self) -> bool {
        matches!(self.tag(), js::JS_TAG_STRING | js::JS_TAG_STRING_ROPE)
    }

    /// Whether it is `null` or `undefined`.
    pub fn is_nothing(&self) -> bool {
        matches!(self.tag(), js::JS_TAG_NULL | js::JS_TAG_UNDEFINED)
    }

    /// Whether it is true or false.
    pub fn as_bool(&self) -> Option<bool> {
        // SAFETY: it is one.
        (self.tag() == js::JS_TAG_BOOL).then(|| unsafe { js::JS_VALUE_GET_BOOL(self.raw) })
    }

    /// The number that it is.
    pub fn as_number(&self) -> Option<f64> {
        // SAFETY: it is what is asked of it.
        unsafe {
            if self.tag() == js::JS_TAG_INT {
                return Some(js::JS_VALUE_GET_INT(self.raw).into());
            }
            js::JS_TAG_IS_FLOAT64(self.tag()).then(|| js::JS_VALUE_GET_FLOAT64(self.raw))
        }
    }

    /// Whether it can be called.
    pub fn is_function(&self) -> bool {
        // SAFETY: the context is alive.
        unsafe { js::JS_IsFunction(self.context.0, self.raw) }
    }

    /// Whether it is an array.
    pub fn is_array(&self) -> bool {
        // SAFETY: it only looks.
        self.is_object() && unsafe { js::JS_IsArray(self.raw) }
    }

    /// What the promise is settled with, after all that can be done has been done; the value itself, if it is not one.
    ///
    /// # Errors
    /// What it was rejected with; that it waits for something.
    pub fn settled(self) -> Result<Self, Thrown> {
        // SAFETY: it only looks.
        if !self.is_object() || !unsafe { js::JS_IsPromise(self.raw) } {
            return Ok(self);
        }
        self.context.run_jobs();
        // SAFETY: it is a promise.
        unsafe {
            let result = || Self::owned(self.context, js::JS_PromiseResult(self.context.0, self.raw));
            match js::JS_PromiseState(self.context.0, self.raw) {
                js::JSPromiseStateEnum_JS_PROMISE_FULFILLED => Ok(result()),
                js::JSPromiseStateEnum_JS_PROMISE_REJECTED => Err(Thrown::of(&result())),
                _ => Err(Thrown::said("the promise waits for something that a stage does not have")),
            }
        }
    }
}

/// An argument of a call by the engine.
///
/// # Safety
/// `arguments` has `count` values.
pub unsafe fn argument(context: Context, count: i32, arguments: *mut js::JSValue, index: usize) -> Value {
    if usize::try_from(count).is_ok_and(|count| index < count) {
        // SAFETY: there are more.
        return Value::borrowed(context, unsafe { arguments.add(index).read() });
    }
    Value::undefined(context)
}

/// A size as the other language has it: their types differ on some machines.
pub fn size<T, U: TryFrom<T> + Default>(size: T) -> U {
    U::try_from(size).unwrap_or_default()
}
