//! A value of the language, owned: what counts its references.
#![expect(unsafe_code, reason = "the engine's interface is C's")]

use std::ffi::CStr;
use std::{ptr, slice};

use rquickjs_sys as js;

use crate::engine::{Context, Thrown};

/// A value. Engine and context outlive it: they are never freed.
pub(crate) struct Value {
    pub(crate) context: Context,
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
    pub(crate) fn owned(context: Context, raw: js::JSValue) -> Self {
        Self { context, raw }
    }

    /// Counts one more reference to a value that somebody else owns.
    pub(crate) fn borrowed(context: Context, raw: js::JSValue) -> Self {
        // SAFETY: the context is alive.
        Self { context, raw: unsafe { js::JS_DupValue(context.0, raw) } }
    }

    /// As [`Self::owned`], of what may be an exception.
    ///
    /// # Errors
    /// The exception.
    pub(crate) fn checked(context: Context, raw: js::JSValue) -> Result<Self, Thrown> {
        // SAFETY: it only looks.
        if unsafe { js::JS_VALUE_GET_TAG(raw) } == js::JS_TAG_EXCEPTION {
            return Err(context.thrown());
        }
        Ok(Self { context, raw })
    }

    pub(crate) fn raw(&self) -> js::JSValue {
        self.raw
    }

    pub(crate) fn into_raw(self) -> js::JSValue {
        let raw = self.raw;
        std::mem::forget(self);
        raw
    }

    pub(crate) fn undefined(context: Context) -> Self {
        Self { context, raw: js::JS_UNDEFINED }
    }

    pub(crate) fn text(context: Context, text: &str) -> Result<Self, Thrown> {
        // SAFETY: pointer and length are those of the text.
        let raw = unsafe { js::JS_NewStringLen(context.0, text.as_ptr().cast(), size(text.len())) };
        Self::checked(context, raw)
    }

    pub(crate) fn bytes(context: Context, bytes: &[u8]) -> Result<Self, Thrown> {
        // SAFETY: pointer and length are those of the bytes.
        let raw = unsafe { js::JS_NewUint8ArrayCopy(context.0, bytes.as_ptr(), size(bytes.len())) };
        Self::checked(context, raw)
    }

    pub(crate) fn get(&self, name: &CStr) -> Result<Self, Thrown> {
        // SAFETY: the name ends with a zero.
        Self::checked(self.context, unsafe { js::JS_GetPropertyStr(self.context.0, self.raw, name.as_ptr()) })
    }

    pub(crate) fn at(&self, index: u32) -> Result<Self, Thrown> {
        // SAFETY: the context is alive.
        Self::checked(self.context, unsafe { js::JS_GetPropertyUint32(self.context.0, self.raw, index) })
    }

    pub(crate) fn set(&self, name: &CStr, value: Self) -> Result<(), Thrown> {
        // SAFETY: the name ends with a zero; the value's reference is given away.
        let set = unsafe { js::JS_SetPropertyStr(self.context.0, self.raw, name.as_ptr(), value.into_raw()) };
        if set < 0 { Err(self.context.thrown()) } else { Ok(()) }
    }

    /// Calls it as a function.
    pub(crate) fn call(&self, this: &Self, arguments: &[&Self]) -> Result<Self, Thrown> {
        let mut raw: [js::JSValue; 3] = [js::JS_UNDEFINED; 3];
        for (to, from) in raw.iter_mut().zip(arguments) {
            *to = from.raw;
        }
        let count = arguments.len().min(raw.len());
        let count = i32::try_from(count).unwrap_or_default();
        // SAFETY: the arguments are alive until it returns, and are not taken over.
        let result = unsafe { js::JS_Call(self.context.0, self.raw, this.raw, count, raw.as_mut_ptr()) };
        Self::checked(self.context, result)
    }

    pub(crate) fn length(&self) -> Result<u32, Thrown> {
        let mut length = 0_i64;
        // SAFETY: it writes one number.
        if unsafe { js::JS_GetLength(self.context.0, self.raw, &raw mut length) } < 0 {
            return Err(self.context.thrown());
        }
        Ok(u32::try_from(length).unwrap_or(u32::MAX))
    }

    /// Hands its text to `read`; that of any other value is what `String(value)` gives.
    pub(crate) fn with_text<T>(&self, read: impl FnOnce(&[u8]) -> T) -> Result<T, Thrown> {
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
    pub(crate) fn to_text(&self) -> Result<String, Thrown> {
        self.with_text(|text| String::from_utf8_lossy(text).into_owned())
    }

    /// The bytes, where it is a `Uint8Array`.
    pub(crate) fn as_bytes(&self) -> Option<&[u8]> {
        // SAFETY: the array is alive as long as this value is, and no script runs while the bytes are borrowed.
        unsafe {
            if js::JS_GetTypedArrayType(self.raw) < 0 {
                return None;
            }
            let mut length = 0;
            let bytes = js::JS_GetUint8Array(self.context.0, &raw mut length, self.raw);
            if bytes.is_null() {
                // Of another type: what was thrown is forgotten.
                drop(self.context.exception());
                return None;
            }
            Some(slice::from_raw_parts(bytes, size(length)))
        }
    }

    pub(crate) fn prototype(&self) -> *mut js::c_void {
        // SAFETY: the context is alive; the pointer is only compared.
        unsafe {
            let prototype = Self::owned(self.context, js::JS_GetPrototype(self.context.0, self.raw));
            if prototype.is_object() { js::JS_VALUE_GET_PTR(prototype.raw) } else { ptr::null_mut() }
        }
    }

    pub(crate) fn pointer(&self) -> *mut js::c_void {
        // SAFETY: the pointer is only compared.
        unsafe { js::JS_VALUE_GET_PTR(self.raw) }
    }

    pub(crate) fn tag(&self) -> i32 {
        // SAFETY: it only looks.
        unsafe { js::JS_VALUE_GET_TAG(self.raw) }
    }

    pub(crate) fn is_object(&self) -> bool {
        self.tag() == js::JS_TAG_OBJECT
    }

    pub(crate) fn is_string(&self) -> bool {
        matches!(self.tag(), js::JS_TAG_STRING | js::JS_TAG_STRING_ROPE)
    }

    pub(crate) fn is_nothing(&self) -> bool {
        matches!(self.tag(), js::JS_TAG_NULL | js::JS_TAG_UNDEFINED)
    }

    pub(crate) fn as_bool(&self) -> Option<bool> {
        // SAFETY: it is one.
        (self.tag() == js::JS_TAG_BOOL).then(|| unsafe { js::JS_VALUE_GET_BOOL(self.raw) })
    }

    pub(crate) fn as_number(&self) -> Option<f64> {
        // SAFETY: it is what is asked of it.
        unsafe {
            if self.tag() == js::JS_TAG_INT {
                return Some(js::JS_VALUE_GET_INT(self.raw).into());
            }
            js::JS_TAG_IS_FLOAT64(self.tag()).then(|| js::JS_VALUE_GET_FLOAT64(self.raw))
        }
    }

    pub(crate) fn is_function(&self) -> bool {
        // SAFETY: the context is alive.
        unsafe { js::JS_IsFunction(self.context.0, self.raw) }
    }

    pub(crate) fn is_array(&self) -> bool {
        // SAFETY: it only looks.
        self.is_object() && unsafe { js::JS_IsArray(self.raw) }
    }

    /// What the promise is settled with, after all that can be done has been done; the value itself, if it is not one.
    pub(crate) fn settled(self) -> Result<Self, Thrown> {
        // SAFETY: it only looks.
        if !self.is_object() || !unsafe { js::JS_IsPromise(self.raw) } {
            return Ok(self);
        }
        self.context.run_jobs()?;
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

/// The two languages' types of sizes differ on some machines.
pub(crate) fn size<T, U: TryFrom<T> + Default>(size: T) -> U {
    U::try_from(size).unwrap_or_default()
}
