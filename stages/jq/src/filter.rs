//! A filter: from its text to something that runs, and one run of it.

use std::cell::RefCell;
use std::fmt;

use jaq_core::data::HasLut;
use jaq_core::load::{Arena, File, Loader, span};
use jaq_core::{Compiler, Ctx, DataT, Exn, Lut, ValXs, Vars, load};
use jaq_json::Val;
use sandmill_stage::{Failure, Output};
use serde_json::{Map, Value};

use crate::direct::Direct;
use crate::library::Needed;
use crate::{functions, names, read, write};

/// The variable that holds the record's key.
pub(crate) const KEY: &str = "$__key";
/// The variable that holds all arguments.
const ARGUMENTS: &str = "$ARGS";

/// What filters run on: JSON values, with a place for what they emit on the way.
#[derive(Clone, Copy)]
pub(crate) struct Jq;

impl DataT for Jq {
    type V<'a> = Val;
    type Data<'a> = Run<'a>;
}

/// One run of a filter.
#[derive(Clone, Copy)]
pub(crate) struct Run<'a> {
    lut: &'a Lut<Jq>,
    emitted: &'a RefCell<Vec<Emitted>>,
}

/// An output that has not waited to be the filter's own.
pub(crate) struct Emitted {
    pub(crate) port: u16,
    /// None: the record's.
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Val,
}

impl<'a> HasLut<'a, Jq> for Run<'a> {
    fn lut(&self) -> &'a Lut<Jq> {
        self.lut
    }
}

impl Run<'_> {
    pub(crate) fn emit(&self, emitted: Emitted) {
        self.emitted.borrow_mut().push(emitted);
    }
}

/// A filter that is ready to run.
pub(crate) struct Filter {
    compiled: jaq_core::Filter<Jq>,
    /// The same without the interpreter, where it is simple enough.
    direct: Option<Direct>,
    /// The values of the variables, but the last: the record's key.
    arguments: Vec<Val>,
}

/// Why a text is not a filter, and where that shows.
#[derive(Debug)]
pub(crate) struct Mistake {
    line: usize,
    column: usize,
    what: String,
}

impl Filter {
    /// Compiles `code`, which finds `arguments` in its variables.
    ///
    /// # Errors
    /// The first mistake in it.
    pub(crate) fn compile(code: &str, arguments: &Map<String, Value>) -> Result<Self, Mistake> {
        let variables: Vec<String> = arguments.keys().map(|name| format!("${name}")).collect();
        let variables: Vec<&str> = variables.iter().map(String::as_str).chain([ARGUMENTS, KEY]).collect();
        let compiled = compile(code, &variables)?;
        let all = Value::from(Map::from_iter([("named".to_owned(), arguments.clone().into())]));
        let values = arguments.values().chain([&all]);
        let argument = |value: &Value| read::value(&value.to_string()).map_err(|error| Mistake::of_argument(&error));
        let values = values.map(argument).collect::<Result<_, _>>()?;
        Ok(Self { compiled, direct: Direct::plan(code, arguments), arguments: values })
    }

    /// Runs it on a record, and emits what it gives.
    ///
    /// # Errors
    /// The record is not JSON; what the filter says; that an output is not JSON.
    pub(crate) fn run(&self, record: &str, key: &[u8], out: &mut Output) -> Result<(), Failure> {
        let direct = self.direct.as_ref().and_then(|direct| direct.run(record, key, &self.arguments, out));
        direct.unwrap_or_else(|| self.interpret(record, key, out))
    }

    /// As [`Self::run`], by the language's interpreter.
    pub(crate) fn interpret(&self, record: &str, key: &[u8], out: &mut Output) -> Result<(), Failure> {
        let input = read::value(record)?;
        let emitted = RefCell::default();
        let key = if key.is_empty() { Val::Null } else { Val::utf8_str(key.to_vec()) };
        let variables = self.arguments.iter().cloned().chain([key]);
        for value in run(&self.compiled, &emitted, variables, input) {
            emit(&emitted, out)?;
            let value = value.map_err(why)?;
            out.try_emit_with(|buffer| write::value(&value, buffer))?;
        }
        emit(&emitted, out)
    }
}

/// Compiles `code`, which finds `variables`.
///
/// # Errors
/// The first mistake in it.
pub(crate) fn compile(code: &str, variables: &[&str]) -> Result<jaq_core::Filter<Jq>, Mistake> {
    let arena = Arena::default();
    let needed = Needed::of(code);
    let modules = Loader::new(functions::definitions(&needed.definitions))
        .load(&arena, File { code, path: () })
        .map_err(|errors| unread(code, errors))?;
    let compiler =
        Compiler::default().with_funs(functions::natives(&needed)).with_global_vars(variables.iter().copied());
    compiler.compile(modules).map_err(|errors| undefined(code, errors))
}

/// Runs the interpreter.
pub(crate) fn run<'a>(
    filter: &'a jaq_core::Filter<Jq>,
    emitted: &'a RefCell<Vec<Emitted>>,
    variables: impl IntoIterator<Item = Val>,
    input: Val,
) -> ValXs<'a, Val> {
    let run = Run { lut: &filter.lut, emitted };
    filter.id.run((Ctx::<Jq>::new(run, Vars::new(variables)), input))
}

/// Passes on what the filter has emitted on its way.
fn emit(emitted: &RefCell<Vec<Emitted>>, out: &mut Output) -> Result<(), Failure> {
    for Emitted { port, key, value } in emitted.take() {
        let mut text = Vec::new();
        write::value(&value, &mut text)?;
        match key {
            None => out.emit_to(port, text),
            Some(key) => out.emit_keyed_to(port, key, text),
        }
    }
    Ok(())
}

fn why(exception: Exn<'_, Val>) -> Failure {
    said(error(exception))
}

/// What ended a run.
pub(crate) fn error(exception: Exn<'_, Val>) -> jaq_core::Error<Val> {
    exception.get_err().unwrap_or_else(|_| jaq_core::Error::str("the filter ended itself"))
}

/// What jq would say.
pub(crate) fn said(error: jaq_core::Error<Val>) -> Failure {
    Failure::new(match error.into_val() {
        Val::TStr(text) => String::from_utf8_lossy(&text).into_owned(),
        other => format!("{other} (not a string)"),
    })
}

/// The first mistake of a filter that cannot be read.
fn unread(code: &str, errors: load::Errors<&str, ()>) -> Mistake {
    let first = errors.into_iter().next().map(|(_, error)| error);
    match first {
        Some(load::Error::Io(errors)) => {
            let at = errors.first().map_or("", |(path, _)| *path);
            Mistake::at(code, at, "a filter that travels in a pipeline has no modules to import".to_owned())
        }
        Some(load::Error::Lex(errors)) => match errors.into_iter().next() {
            Some((load::lex::Expect::Delim(open), _)) => {
                Mistake::at(code, open, format!("this {} is not closed", quoted(open.get(..1).unwrap_or(open))))
            }
            Some((expected, found)) => Mistake::at(code, found, unexpected(expected.as_str(), first_char(found))),
            None => Mistake::at(code, "", "the filter cannot be read".to_owned()),
        },
        Some(load::Error::Parse(errors)) => match errors.into_iter().next() {
            Some((expected, found)) => Mistake::at(code, found, unexpected(expected.as_str(), found)),
            None => Mistake::at(code, "", "the filter cannot be read".to_owned()),
        },
        None => Mistake::at(code, "", "the filter cannot be read".to_owned()),
    }
}

/// The first name in the filter that means nothing.
fn undefined(code: &str, errors: jaq_core::compile::Errors<&str, ()>) -> Mistake {
    let first = errors.into_iter().flat_map(|(_, errors)| errors).next();
    let Some((name, kind)) = first else { return Mistake::at(code, "", "the filter cannot be compiled".to_owned()) };
    Mistake::at(code, name, names::undefined(name, &kind))
}

fn unexpected(expected: &str, found: &str) -> String {
    match found {
        "" => format!("the filter ends where {expected} is expected"),
        found => format!("{} is not expected here, but {expected}", quoted(found.lines().next().unwrap_or(found))),
    }
}

fn first_char(text: &str) -> &str {
    text.char_indices().nth(1).map_or(text, |(at, _)| text.get(..at).unwrap_or(text))
}

fn quoted(text: &str) -> String {
    format!("`{text}`")
}

impl Mistake {
    /// At `part` of `code`; at its end, when `part` is empty.
    fn at(code: &str, part: &str, what: String) -> Self {
        let at = if part.is_empty() { code.trim_end().len() } else { span(code, part).start };
        let before = code.get(..at).unwrap_or(code);
        let line_at = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.matches('\n').count() + 1;
        let column = before.get(line_at..).unwrap_or_default().chars().count() + 1;
        Self { line, column, what }
    }

    fn of_argument(error: &Failure) -> Self {
        Self { line: 1, column: 1, what: format!("an argument cannot be read: {}", error.message()) }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.what)
    }
}
