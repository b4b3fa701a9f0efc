//! A stage's bundle: a module that is evaluated once, before there are records.
#![expect(unsafe_code, reason = "the build calls it")]

use std::cell::RefCell;
use std::ffi::CStr;

use quickjs::{Context, Thrown, Value};

use crate::{host, natives};

/// How much of the stack a script may use: its depth is bounded by an exception, and not by a trap.
const STACK_BYTES: usize = 256 << 10;
/// What places in the bundle are called: the SDK finds the author's lines for them.
const FILE: &str = "bundle.mjs";

thread_local! {
    /// An instance has one bundle.
    static EXPORTED: RefCell<Option<Value>> = const { RefCell::new(None) };
    /// Where the build finds what `sandmill_javascript_evaluate` says.
    static SAID: RefCell<(String, [usize; 2])> = const { RefCell::new((String::new(), [0; 2])) };
}

/// Evaluates a bundle, and keeps what it exports under `name`.
///
/// # Errors
/// What it throws, with the places it comes from.
pub(crate) fn evaluate(code: &str, name: &CStr) -> Result<(), String> {
    let context = Context::new(STACK_BYTES);
    quickjs::set_clock(host::microseconds);
    let evaluated = natives::give(context).and_then(|()| context.evaluate_names(code, FILE));
    let exported = evaluated.and_then(|names| names.get(name));
    EXPORTED.set(Some(exported.map_err(|thrown| in_words(&thrown))?));
    Ok(())
}

fn in_words(thrown: &Thrown) -> String {
    if thrown.stack.is_empty() { thrown.message.clone() } else { format!("{}\n{}", thrown.message, thrown.stack) }
}

#[cfg_attr(not(target_arch = "wasm32"), expect(dead_code, reason = "only a component's exports call it"))]
/// Calls a method of what the bundle exports. What that throws is a text: the SDK has made it one.
///
/// # Errors
/// That text.
pub(crate) fn call<T>(
    method: &CStr,
    arguments: impl FnOnce(Context) -> Result<Vec<Value>, Thrown>,
    read: impl FnOnce(Value) -> Result<T, Thrown>,
) -> Result<T, String> {
    let exported =
        EXPORTED.with_borrow(Clone::clone).ok_or("the bundle was not evaluated: this is a bug in Sandmill")?;
    let in_words = |thrown: Thrown| thrown.message;
    let arguments = arguments(exported.context).map_err(in_words)?;
    let arguments: Vec<&Value> = arguments.iter().collect();
    let called = exported.get(method).map_err(in_words)?.call_or_thrown(&exported, &arguments);
    let got = called.map_err(|thrown| thrown.to_text().unwrap_or_default())?;
    read(got).map_err(in_words)
}

/// Room for a bundle.
#[unsafe(no_mangle)]
extern "C" fn sandmill_javascript_room(bytes: usize) -> *mut u8 {
    Box::leak(vec![0; bytes].into_boxed_slice()).as_mut_ptr()
}

/// Evaluates the bundle that was written there.
///
/// # Safety
/// `at` came from `sandmill_javascript_room(bytes)`, and is not used again.
#[unsafe(no_mangle)]
unsafe extern "C" fn sandmill_javascript_evaluate(at: *mut u8, bytes: usize) -> *const [usize; 2] {
    // SAFETY: as this function's.
    let code = unsafe { Vec::from_raw_parts(at, bytes, bytes) };
    let evaluated = match String::from_utf8(code) {
        Ok(code) => evaluate(&code, c"stage"),
        Err(error) => Err(format!("the bundle is not UTF-8: {error}")),
    };
    SAID.with_borrow_mut(|(message, words)| {
        *message = evaluated.err().unwrap_or_default();
        *words = [message.as_ptr().addr(), message.len()];
        &raw const *words
    })
}
