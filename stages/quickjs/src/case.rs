//! `toUpperCase` and `toLowerCase`: the engine's own look each character up in the tables of Unicode. Text that is ASCII,
//! which most is, changes many times as fast without them.
#![expect(unsafe_code, reason = "the engine, which is C, calls it")]

use std::cell::RefCell;
use std::ffi::CStr;

use rquickjs_sys as js;

use crate::engine::{Context, Thrown};
use crate::value::Value;

const UPPER: &CStr = c"toUpperCase";
const LOWER: &CStr = c"toLowerCase";

thread_local! {
    /// The engine's own functions, for upper and lower case. An instance has one engine.
    static OWN: RefCell<[Option<Value>; 2]> = const { RefCell::new([None, None]) };
}

/// Puts the faster functions in place of the engine's own, which still do the rest.
pub(crate) fn install(context: Context) -> Result<(), Thrown> {
    let strings = context.global().get(c"String")?.get(c"prototype")?;
    OWN.set([Some(strings.get(UPPER)?), Some(strings.get(LOWER)?)]);
    strings.define(UPPER, context.function(Some(to_upper), UPPER, 0))?;
    strings.define(LOWER, context.function(Some(to_lower), LOWER, 0))
}

unsafe extern "C" fn to_upper(
    context: *mut js::JSContext,
    this: js::JSValue,
    _: i32,
    _: *mut js::JSValue,
) -> js::JSValue {
    changed(&Value::borrowed(Context(context), this), 0, <[u8]>::make_ascii_uppercase)
}

unsafe extern "C" fn to_lower(
    context: *mut js::JSContext,
    this: js::JSValue,
    _: i32,
    _: *mut js::JSValue,
) -> js::JSValue {
    changed(&Value::borrowed(Context(context), this), 1, <[u8]>::make_ascii_lowercase)
}

fn changed(this: &Value, own: usize, change: fn(&mut [u8])) -> js::JSValue {
    if let Some(changed) = this.is_string().then(|| ascii(this, change)).flatten() {
        return changed.into_raw();
    }
    let own = OWN.with_borrow(|functions| functions.get(own).cloned().flatten());
    own.map_or(js::JS_UNDEFINED, |own| own.call_raw(this))
}

/// The text in the other case, if all of it is ASCII.
fn ascii(text: &Value, change: fn(&mut [u8])) -> Option<Value> {
    let changed = text.with_text(|text| {
        text.is_ascii().then(|| {
            let mut text = text.to_owned();
            change(&mut text);
            text
        })
    });
    Value::utf8(text.context, &changed.ok()??).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::engine::Form;

    fn evaluated(code: &str) -> String {
        let context = Context::new(256 << 10);
        context.evaluate(code, "test", Form::Expression).unwrap().to_text().unwrap()
    }

    #[test]
    fn text_changes_its_case_as_unicode_has_it() {
        for (code, expected) in [
            ("'Straße'.toUpperCase()", "STRASSE"),
            ("'ΌΣΟΣ'.toLowerCase()", "όσος"),
            ("'aZ09 [`{@'.toUpperCase() + 'aZ09 [`{@'.toLowerCase()", "AZ09 [`{@az09 [`{@"),
            ("''.toUpperCase()", ""),
            ("('a' + 'b'.repeat(9999)).toUpperCase().length", "10000"),
            ("String.prototype.toUpperCase.call(12.5) + String.prototype.toLowerCase.call(true)", "12.5true"),
            ("'x'.toUpperCase.name + 'x'.toLowerCase.length", "toUpperCase0"),
            ("Object.keys(String.prototype).length", "0"),
            ("(() => { try { String.prototype.toUpperCase.call(null) } catch (e) { return e.name } })()", "TypeError"),
        ] {
            assert_eq!(evaluated(code), expected, "{code}");
        }
    }

    proptest! {
        #[test]
        fn any_text_changes_as_in_rust(text in any::<String>()) {
            let context = Context::new(256 << 10);
            let text = Value::text(context, &text).unwrap();
            let upper = text.get(UPPER).unwrap().call(&text, &[]).unwrap().to_text().unwrap();
            prop_assert_eq!(upper, text.to_text().unwrap().to_uppercase());
        }
    }
}
