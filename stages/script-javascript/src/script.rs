//! A script: what it is, and what it makes of a record.
#![expect(unsafe_code, reason = "what it calls is called by C")]

use std::cell::RefCell;
use std::str;

use quickjs::sys as js;
use sandmill_stage::log::{self, Level};
use sandmill_stage::{Failure, Output, Record};

use crate::outputs::{Emitted, Outputs, emit};
use crate::{Config, Input};
use quickjs::{Context, Form, PRELUDE, Reader, Thrown, Value, Values, argument};

/// How much of the stack a script may use: its depth is bounded by an exception that it can catch, and not by a trap.
const STACK_BYTES: usize = 256 << 10;

/// A script that is ready to run.
pub(crate) struct Script {
    context: Context,
    file: String,
    input: Input,
    reader: Reader,
    entry: Entry,
    /// What the script calls `out`.
    out: Value,
    /// The record's key is set in `out`.
    has_key: bool,
}

/// What the script is.
enum Entry {
    Function(Value),
    Object { this: Value, process: Value, flush: Option<Value>, state: Value },
}

/// What scripts emit by `out.emit`, until the function returns.
struct Desk {
    outputs: Outputs,
    emitted: Vec<Emitted>,
}

thread_local! {
    /// An instance has one script, and C calls back without a word of whose.
    static DESK: RefCell<Option<Desk>> = const { RefCell::new(None) };
}

impl Script {
    /// Reads and opens the script.
    ///
    /// # Errors
    /// A mistake in it, as `line:column: what`; what it throws; that it is not a function.
    pub(crate) fn open(config: &Config) -> Result<Self, Failure> {
        let context = Context::new(STACK_BYTES);
        let in_script = |thrown: Thrown| at_its_place(thrown, &config.file);
        let given = prelude(context, config).map_err(in_script)?;
        let script = evaluate(context, &config.script, &config.file).map_err(in_script)?;
        let arguments = context.global().get(c"config").map_err(in_script)?;
        let entry = Entry::of(script, &arguments).map_err(in_script)?;
        let reader = Reader::new(context, Values::All).map_err(in_script)?;
        let out = given.get(c"out").map_err(in_script)?;
        let file = config.file.clone();
        Ok(Self { context, file, input: config.input, reader, entry, out, has_key: false })
    }

    pub(crate) fn process(&mut self, record: Record<'_>, out: &mut Output) -> Result<(), Failure> {
        let done = self.try_process(record, out);
        let emitted = with_desk(|desk| std::mem::take(&mut desk.emitted));
        let returned = done.map_err(|thrown| in_file(thrown, &self.file))?;
        for one in emitted {
            emit(one, out);
        }
        let written = with_desk(|desk| desk.outputs.returned(&returned, record.value, out));
        written.map_err(|thrown| in_file(thrown, &self.file))
    }

    fn try_process(&mut self, record: Record<'_>, _: &mut Output) -> Result<Value, Thrown> {
        let input = self.input(record.value)?;
        self.set_key(record.key)?;
        let nobody = Value::undefined(self.context);
        let returned = match &self.entry {
            Entry::Function(function) => function.call(&nobody, &[&input, &self.out])?,
            Entry::Object { this, process, state, .. } => process.call(this, &[&input, state, &self.out])?,
        };
        returned.settled()
    }

    pub(crate) fn flush(&mut self, out: &mut Output) -> Result<(), Failure> {
        let Entry::Object { this, flush: Some(flush), state, .. } = &self.entry else { return Ok(()) };
        let (this, flush, state) = (this.clone(), flush.clone(), state.clone());
        let done = self.set_key(&[]).and_then(|()| flush.call(&this, &[&state, &self.out])?.settled());
        let emitted = with_desk(|desk| std::mem::take(&mut desk.emitted));
        let returned = done.map_err(|thrown| in_file(thrown, &self.file))?;
        for one in emitted {
            emit(one, out);
        }
        let written = with_desk(|desk| desk.outputs.returned(&returned, &[], out));
        written.map_err(|thrown| in_file(thrown, &self.file))
    }

    fn input(&mut self, value: &[u8]) -> Result<Value, Thrown> {
        if self.input == Input::Bytes {
            return Value::bytes(self.context, value);
        }
        let text = str::from_utf8(value).map_err(|error| Thrown::said(format!("the record is not UTF-8: {error}")))?;
        if self.input == Input::Json { self.reader.read(text) } else { Value::text(self.context, text) }
    }

    fn set_key(&mut self, key: &[u8]) -> Result<(), Thrown> {
        if key.is_empty() && !self.has_key {
            return Ok(());
        }
        self.has_key = !key.is_empty();
        let null = Value::owned(self.context, js::JS_NULL);
        let key = if self.has_key { Value::text(self.context, &String::from_utf8_lossy(key))? } else { null };
        self.out.set(c"key", key)
    }
}

impl Entry {
    fn of(script: Value, arguments: &Value) -> Result<Self, Thrown> {
        if script.is_function() {
            return Ok(Self::Function(script));
        }
        let process = if script.is_object() { script.get(c"process")? } else { script.clone() };
        if !process.is_function() {
            let what = "the script is not a function: write `record => …`, or an object with `process(record)`";
            return Err(Thrown::said(what).at(1, 1));
        }
        let method = |name| script.get(name).map(|method| Some(method).filter(Value::is_function));
        let state = match method(c"open")? {
            Some(open) => open.call(&script, &[arguments])?.settled()?,
            None => arguments.clone(),
        };
        let flush = method(c"flush")?;
        Ok(Self::Object { this: script, process, flush, state })
    }
}

/// Tries what a script may be: where all fail, the error is that of the reading that came furthest.
fn evaluate(context: Context, code: &str, file: &str) -> Result<Value, Thrown> {
    let is_module = code.lines().any(|line| line.trim_start().starts_with("export "));
    if is_module {
        return context.evaluate(code, file, Form::Module);
    }
    let expression = match context.evaluate(code, file, Form::Expression) {
        Err(thrown) if thrown.message.starts_with("SyntaxError") => thrown,
        other => return other,
    };
    match context.evaluate(code, file, Form::Statements) {
        Err(thrown) if thrown.message.starts_with("SyntaxError") => {
            // The end of an expression that is not complete is found behind the script, where it was put in brackets.
            let is_behind = expression.place.is_none_or(|(line, _)| line as usize > code.lines().count());
            Err(if is_behind || thrown.place > expression.place { thrown } else { expression })
        }
        other => other,
    }
}

/// `line:column: what`, behind the file where it has a name of its own.
fn at_its_place(thrown: Thrown, file: &str) -> Failure {
    let file = if file == "script" { String::new() } else { format!("{file}:") };
    match thrown.place {
        Some((line, column)) => Failure::new(format!("{file}{line}:{column}: {}", thrown.message)),
        None => Failure::new(thrown.message),
    }
}

/// Prepares what scripts find. Gives what the prelude gives.
fn prelude(context: Context, config: &Config) -> Result<Value, Thrown> {
    let mut reader = Reader::new(context, Values::All)?;
    let arguments = reader.read(&serde_json::Value::from(config.arguments.clone()).to_string())?;
    context.global().set(c"config", arguments)?;
    let prelude = context.evaluate(include_str!("prelude.js"), PRELUDE, Form::Expression)?;
    let (write, emit) = (context.function(Some(said), c"", 2), context.function(Some(emitted), c"", 3));
    let given = prelude.call(&Value::undefined(context), &[&write, &emit])?;
    let outputs = Outputs::new(context, given.get(c"emitted")?, config.input != Input::Json)?;
    DESK.set(Some(Desk { outputs, emitted: Vec::new() }));
    Ok(given)
}

/// Takes the desk out of its place for the work: values have code of their own, which runs when they are written, and may
/// want to emit.
fn with_desk<T>(work: impl FnOnce(&mut Desk) -> T) -> T {
    let mut desk = DESK.take().expect("the script was opened");
    let result = work(&mut desk);
    DESK.set(Some(desk));
    result
}

/// With the place, where the author did not choose the words.
fn in_file(thrown: Thrown, file: &str) -> Failure {
    let Thrown { message, place, is_failure, retryable, .. } = thrown;
    let failure = match place {
        Some((line, column)) if !is_failure => Failure::new(format!("{message} ({file}:{line}:{column})")),
        Some(_) | None => Failure::new(message),
    };
    if retryable { failure.retryable() } else { failure }
}

/// `console.log` and the like.
unsafe extern "C" fn said(
    context: *mut js::JSContext,
    _: js::JSValue,
    count: i32,
    arguments: *mut js::JSValue,
) -> js::JSValue {
    let context = Context(context);
    // SAFETY: the engine gives as many as it says.
    let (level, text) = unsafe { (argument(context, count, arguments, 0), argument(context, count, arguments, 1)) };
    let level = match level.as_number() {
        Some(0.0) => Level::Debug,
        Some(2.0) => Level::Warn,
        Some(3.0) => Level::Error,
        Some(_) | None => Level::Info,
    };
    if let Ok(text) = text.to_text() {
        log::log(level, format_args!("{text}"));
    }
    js::JS_UNDEFINED
}

/// `out.emit`.
unsafe extern "C" fn emitted(
    context: *mut js::JSContext,
    _: js::JSValue,
    count: i32,
    arguments: *mut js::JSValue,
) -> js::JSValue {
    let given = Context(context);
    // SAFETY: the engine gives as many as it says.
    let [value, key, port] = [0, 1, 2].map(|index| unsafe { argument(given, count, arguments, index) });
    if DESK.with_borrow(Option::is_none) {
        return given.throw("an output emits while it is written");
    }
    let written = with_desk(|desk| {
        let emitted = desk.outputs.emitted(&value, &key, &port)?;
        desk.emitted.push(emitted);
        Ok::<_, Thrown>(())
    });
    match written {
        Ok(()) => js::JS_UNDEFINED,
        Err(error) => given.throw(&error.message),
    }
}
