//! The functions that filters find beside those of the language's core: jq's library, but for what reaches the world
//! outside, and what a stage has of its own.

use jaq_core::load::parse::Def;
use jaq_core::native::{self, Filter, Fun, v};
use jaq_core::{Bind, Cv, Error, Exn, RunPtr, ValXs, load};
use jaq_json::Val;
use jaq_std::ValT as _;
use sandmill_stage::log::{self, Level};

use crate::filter::{Emitted, Jq};
use crate::library::Needed;
use crate::names;

/// Functions that are defined in jq's own language, as far as they are `needed`, and not refused.
pub(crate) fn definitions(needed: &str) -> Vec<Def<&str>> {
    load::parse(needed, |parser| parser.defs()).unwrap_or_default()
}

/// Functions that are not, as far as they are `needed`.
pub(crate) fn natives<'n>(needed: &'n Needed<'_>) -> impl Iterator<Item = Fun<Jq>> + use<'n> {
    let library = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
    let library = library.filter(|(name, ..)| !names::is_refused(name) && !LOGS.contains(name));
    library.chain(own()).filter(|(name, ..)| needed.has(name))
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

/// The output that a filter names.
pub(crate) fn port(value: &Val) -> Checked<u16> {
    let port = value.as_isize().and_then(|port| u16::try_from(port).ok());
    port.ok_or_else(|| Error::str(format_args!("{value} is not the number of an output: they are counted from 0")))
}

/// The key that a filter gives an output.
pub(crate) fn key(value: &Val) -> Checked<Vec<u8>> {
    match value {
        Val::TStr(text) | Val::BStr(text) => Ok(text.to_vec()),
        Val::Null => Ok(Vec::new()),
        other => Err(Error::str(format_args!("the key {other} is not a string: say `tostring` or `tojson`"))),
    }
}
