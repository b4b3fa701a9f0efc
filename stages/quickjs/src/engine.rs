//! The engine: one for each instance, never freed. What it throws, in words.
#![expect(unsafe_code, reason = "the engine's interface is C's")]

use std::ffi::{CStr, CString};
use std::fmt;

use rquickjs_sys as js;

use crate::case;
use crate::value::{Value, size};

/// Where values live.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Context(pub *mut js::JSContext);

/// How a text is to be read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One expression.
    Expression,
    /// Statements; the value of the last is its own.
    Statements,
    /// With `export default`.
    Module,
}

/// What a script threw.
#[derive(Debug)]
pub struct Thrown {
    /// In words: a name and a message.
    pub message: String,
    /// Line and column of the script.
    pub place: Option<(u32, u32)>,
    /// Where it was made, and what called that, a line each.
    pub stack: String,
    /// Whether it is a `Failure`, whose author chose the words.
    pub is_failure: bool,
    /// Whether the same record may succeed later.
    pub retryable: bool,
}

impl Context {
    /// A new engine, whose functions may use so much of the stack: beyond that they throw.
    pub fn new(stack_bytes: usize) -> Self {
        // SAFETY: what is made here is never freed. Without memory both are null, and the instance ends by a trap.
        unsafe {
            let runtime = js::JS_NewRuntime();
            assert!(!runtime.is_null(), "no memory for the engine");
            js::JS_SetMaxStackSize(runtime, size(stack_bytes));
            let context = js::JS_NewContext(runtime);
            assert!(!context.is_null(), "no memory for the engine");
            let context = Self(context);
            case::install(context).expect("no memory for the engine");
            context
        }
    }

    /// Compiles and runs `code`.
    ///
    /// # Errors
    /// What it throws; a mistake in it, with its place.
    pub fn evaluate(self, code: &str, file: &str, form: Form) -> Result<Value, Thrown> {
        let compiled = self.compile(code, file, form)?;
        if form == Form::Module {
            return self.evaluate_module(compiled)?.get(c"default");
        }
        // SAFETY: it takes the compiled code over.
        Value::checked(self, unsafe { js::JS_EvalFunction(self.0, compiled.into_raw()) })
    }

    /// Compiles and runs a module. Gives what it exports, by name.
    ///
    /// # Errors
    /// As [`Self::evaluate`].
    pub fn evaluate_names(self, code: &str, file: &str) -> Result<Value, Thrown> {
        self.evaluate_module(self.compile(code, file, Form::Module)?)
    }

    fn compile(self, code: &str, file: &str, form: Form) -> Result<Value, Thrown> {
        let kind = if form == Form::Module { js::JS_EVAL_TYPE_MODULE } else { js::JS_EVAL_TYPE_GLOBAL };
        // Two lines before the expression are not the script's. The engine takes 0 for no number at all.
        let (text, line) = match form {
            Form::Expression => (format!("(\n\n{code}\n)"), -1),
            Form::Statements | Form::Module => (code.to_owned(), 1),
        };
        let length = text.len();
        let text = CString::new(text).map_err(|_| Thrown::said("a script has no zero bytes"))?;
        let file = CString::new(file).map_err(|_| Thrown::said("the name of the script has a zero byte"))?;
        let flags = kind | js::JS_EVAL_FLAG_STRICT | js::JS_EVAL_FLAG_COMPILE_ONLY;
        let mut options = js::JSEvalOptions {
            version: js::JS_EVAL_OPTIONS_VERSION.cast_signed(),
            eval_flags: flags.cast_signed(),
            filename: file.as_ptr(),
            line_num: line,
        };
        // SAFETY: the text ends with a zero after `length` bytes, and everything lives until the call returns.
        let compiled = unsafe { js::JS_Eval2(self.0, text.as_ptr(), size(length), &raw mut options) };
        Value::checked(self, compiled)
    }

    fn evaluate_module(self, compiled: Value) -> Result<Value, Thrown> {
        // SAFETY: a compiled module's value is a pointer to it; the engine keeps it.
        unsafe {
            let module = js::JS_VALUE_GET_PTR(compiled.raw()).cast();
            let done = Value::checked(self, js::JS_EvalFunction(self.0, compiled.into_raw()))?;
            done.settled()?;
            Value::checked(self, js::JS_GetModuleNamespace(self.0, module))
        }
    }

    /// Throws an error of the language, for the engine: its function returns what this returns.
    #[must_use]
    pub fn throw(self, message: &str) -> js::JSValue {
        self.throw_as(c"Error", message)
    }

    /// The same, as another error of the language's own.
    #[must_use]
    pub fn throw_as(self, name: &CStr, message: &str) -> js::JSValue {
        let made = self.global().get(name).and_then(|class| {
            let text = Value::text(self, message)?;
            class.call(&Value::undefined(self), &[&text])
        });
        // SAFETY: the context is alive; the engine takes the error over.
        made.map_or(js::JS_EXCEPTION, |error| unsafe { js::JS_Throw(self.0, error.into_raw()) })
    }

    /// The object that holds the names which all scripts know.
    pub fn global(self) -> Value {
        // SAFETY: the context is alive.
        Value::owned(self, unsafe { js::JS_GetGlobalObject(self.0) })
    }

    /// A function of ours, that scripts may call.
    pub fn function(self, function: js::JSCFunction, name: &CStr, arguments: i32) -> Value {
        // SAFETY: the function lives as long as the program; the name ends with a zero.
        let raw = unsafe {
            let generic = js::JSCFunctionEnum_JS_CFUNC_generic;
            js::JS_NewCFunction2(self.0, function, name.as_ptr(), arguments, generic, 0)
        };
        Value::owned(self, raw)
    }

    /// Does what promises wait for.
    pub fn run_jobs(self) {
        let mut context = self.0;
        // SAFETY: the context is alive, and so is its runtime.
        while unsafe { js::JS_ExecutePendingJob(js::JS_GetRuntime(self.0), &raw mut context) } != 0 {}
    }

    /// Takes the exception that is under way.
    pub fn exception(self) -> Value {
        // SAFETY: the context is alive.
        Value::owned(self, unsafe { js::JS_GetException(self.0) })
    }

    /// The same, in words.
    pub fn thrown(self) -> Thrown {
        Thrown::of(&self.exception())
    }
}

impl Thrown {
    /// With a message of ours.
    pub fn said(message: impl Into<String>) -> Self {
        Self { message: message.into(), place: None, stack: String::new(), is_failure: false, retryable: false }
    }

    /// The same, at a place of the script.
    #[must_use]
    pub fn at(self, line: u32, column: u32) -> Self {
        Self { place: Some((line, column)), ..self }
    }

    /// What an exception says: name, message, and the place in the script where it was made.
    pub fn of(exception: &Value) -> Self {
        let text = |value: Result<Value, Self>| value.and_then(|value| value.to_text()).ok();
        if !exception.is_object() {
            return Self::said(format!("{} was thrown", text(Ok(exception.clone())).unwrap_or_default()));
        }
        let stack = exception.get(c"stack").ok().filter(Value::is_string);
        let stack = stack.and_then(|stack| stack.to_text().ok()).unwrap_or_default();
        let retryable = exception.get(c"retryable").ok().and_then(|value| value.as_bool());
        let name = text(exception.get(c"name")).unwrap_or_default();
        let is_failure = name == "Failure" && retryable.is_some();
        let message = if is_failure { text(exception.get(c"message")) } else { text(Ok(exception.clone())) };
        let (message, place) = (message.unwrap_or_default(), place(&stack));
        Self { message, place, stack, is_failure, retryable: retryable.unwrap_or(false) }
    }
}

impl fmt::Display for Thrown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Line and column of the topmost place in a stack that is in the script: `    at f (script:2:7)`, `    at script:2:7`.
fn place(stack: &str) -> Option<(u32, u32)> {
    stack.lines().find_map(|line| {
        let place = line.trim_end().trim_end_matches(')');
        if place.contains(PRELUDE) {
            return None;
        }
        let mut parts = place.rsplit(':');
        let (column, line) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        Some((line, column))
    })
}

/// What places in the prelude are called.
pub const PRELUDE: &str = "<sandmill>";
