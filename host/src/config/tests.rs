//! Pipeline files, good and bad.

use std::any::Any;
use std::num::NonZeroUsize;
use std::path::Path;

use super::parse;
use crate::error::{Error, ErrorKind};
use crate::plan::{ComponentSource, Plan};
use crate::settings::Snippet;

mod accepted;
mod granted;
mod loaded;
mod mutated;
mod refused;
mod scripted;

fn read(text: &str) -> Result<Plan, Error> {
    parse(text, Path::new("jobs/pipeline.toml"), NonZeroUsize::new(3).expect("3 is not zero"))
}

fn good(text: &str) -> Plan {
    read(text).unwrap_or_else(|error| panic!("{error}\n{:?}\n{text}", error.causes()))
}

/// The message without the file's name, then the hints.
fn refusal(text: &str) -> String {
    let error = read(text).map(|_| ()).expect_err(text);
    assert_eq!(error.kind(), ErrorKind::Config);
    let snippet = Snippet::of(&error).expect("every error shows its line");
    let message = error.to_string();
    let place = format!("jobs/pipeline.toml:{}:{}: ", snippet.line(), snippet.column());
    assert!(message.starts_with(&place), "{message}");
    let lines = [&message["jobs/pipeline.toml:".len()..]].into_iter().chain(error.hints().iter().map(String::as_str));
    lines.collect::<Vec<_>>().join(" | ")
}

/// The settings of a source.
fn source<T: 'static>(plan: &Plan, index: usize) -> &T {
    let crate::plan::SourceKind::Connector(spec) = &plan.sources[index].kind else { panic!("{plan:?}") };
    (&**spec as &dyn Any).downcast_ref().unwrap_or_else(|| panic!("another kind: {spec:?}"))
}

/// The component of the first source.
fn component_source(plan: &Plan) -> &ComponentSource {
    plan.sources[0].kind.component().expect("a component")
}

/// The settings of a sink.
fn sink<T: 'static>(plan: &Plan, index: usize) -> &T {
    let spec = &plan.sinks[index].spec;
    (&**spec as &dyn Any).downcast_ref().unwrap_or_else(|| panic!("another kind: {spec:?}"))
}
