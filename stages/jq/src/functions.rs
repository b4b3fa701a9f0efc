//! The functions that filters find beside those of the language's core: jq's library, but for what reaches the world
//! outside, and what a stage has of its own.

use jaq_core::load::parse::Def;
use jaq_core::native::{self, Filter, Fun, v};
use jaq_core::{Bind, Cv, Error, Exn, RunPtr, ValXs, load};
use jaq_json::Val;
use jaq_std::ValT as _;
use sandmill_stage::log::{self, Level};

use crate::filter::{Emitted, Jq};
use crate::names;

/// Functions that are defined in jq's own language.
pub(crate) fn definitions() -> impl Iterator<Item = Def<&'static str>> {
    let own = load::parse(include_str!("library.jq"), |parser| parser.defs()).unwrap_or_default();
    let library = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
    library.filter(|definition| !names::is_refused(definition.name)).chain(own)
}

/// Functions that are not.
pub(crate) fn all() -> impl Iterator<Item = Fun<Jq>> {
    let library = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
    library.filter(|(name, ..)| !names::is_refused(name) && !LOGS.contains(name)).chain(own())
}

/// Those of the library that write to a log of its own.
const LOGS: [&str; 2] = ["debug_empty", "stderr_empty"];

fn own() -> [Fun<Jq>; 5] {
    let (value, filter) = (Bind::Var(()), Bind::Fun(()));
    let own: [Filter<RunPtr<Jq>>; 5] = [
        ("to", [value.clone(), filter.clone()].into(), |cv| to(cv)),
        ("to", [value.clone(), value.clone(), filter.clone()].into(), |cv| keyed_to(cv)),
        ("keyed", [value, filter].into(), |cv| keyed(cv)),
        ("debug_empty", v(0), |cv| said(Level::Debug, &cv.1)),
        ("stderr_empty", v(0), |cv| said(Level::Warn, &cv.1)),
    ];
    own.map(native::run::<Jq>)
}

fn said<'a>(level: Level, value: &Val) -> ValXs<'a, Val> {
    match value {
        Val::TStr(text) => log::log(level, format_args!("{}", String::from_utf8_lossy(text))),
        other => log::log(level, format_args!("{other}")),
    }
    Box::new(std::iter::empty())
}

fn to<'a>(mut cv: Cv<'a, Jq>) -> ValXs<'a, Val> {
    let filter = cv.0.pop_fun();
    let port = port(&cv.0.pop_var());
    sent(cv, filter, port, None)
}

fn keyed<'a>(mut cv: Cv<'a, Jq>) -> ValXs<'a, Val> {
    let filter = cv.0.pop_fun();
    let key = key(&cv.0.pop_var());
    sent(cv, filter, Ok(0), Some(key))
}

fn keyed_to<'a>(mut cv: Cv<'a, Jq>) -> ValXs<'a, Val> {
    let filter = cv.0.pop_fun();
    let key = key(&cv.0.pop_var());
    let port = port(&cv.0.pop_var());
    sent(cv, filter, port, Some(key))
}

type Function<'a> = (jaq_core::compile::TermId, jaq_core::Ctx<'a, Jq>);
type Checked<T> = Result<T, Error<Val>>;

/// Emits what the function makes of the input, and gives nothing.
fn sent<'a>(
    cv: Cv<'a, Jq>,
    (function, context): Function<'a>,
    port: Checked<u16>,
    key: Option<Checked<Vec<u8>>>,
) -> ValXs<'a, Val> {
    let (port, key) = match (port, key.transpose()) {
        (Ok(port), Ok(key)) => (port, key),
        (Err(error), _) | (_, Err(error)) => return Box::new(std::iter::once(Err(Exn::from(error)))),
    };
    let run = *cv.0.data();
    Box::new(function.run((context, cv.1)).filter_map(move |value| match value {
        Ok(value) => {
            run.emit(Emitted { port, key: key.clone(), value });
            None
        }
        Err(exception) => Some(Err(exception)),
    }))
}

fn port(value: &Val) -> Checked<u16> {
    let port = value.as_isize().and_then(|port| u16::try_from(port).ok());
    port.ok_or_else(|| Error::str(format_args!("{value} is not the number of an output: they are counted from 0")))
}

fn key(value: &Val) -> Checked<Vec<u8>> {
    match value {
        Val::TStr(text) | Val::BStr(text) => Ok(text.to_vec()),
        Val::Null => Ok(Vec::new()),
        other => Err(Error::str(format_args!("the key {other} is not a string: say `tostring` or `tojson`"))),
    }
}
