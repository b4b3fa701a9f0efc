//! Filters as people write them for records, without what makes the language's interpreter general: no boxed iterators, and
//! no values of what a filter only looks at or passes on.
//!
//! A filter is either planned here as a whole or not at all, and a record that is unusual (no object, names with escapes, a
//! name twice, no JSON) is left to the interpreter, too. Wherever both can work they give the same, errors included: what is
//! not quick here is handed to the interpreter's own operations and functions.
mod compact;
mod emit;
mod gives;
mod operate;
mod plan;
mod run;
mod value;

use std::cell::RefCell;

use jaq_json::Val;
use json_text::Members;
use sandmill_stage::{Failure, Output};
use serde_json::{Map, Value as Argument};

use self::plan::Node;
use self::run::Run;
use self::value::Record;

type Error = jaq_core::Error<Val>;

/// A filter that is run here.
pub(crate) struct Direct {
    filter: Node,
    members: RefCell<Members>,
}

impl Direct {
    /// Gives nothing where `code` says more than is planned here.
    pub(crate) fn plan(code: &str, arguments: &Map<String, Argument>) -> Option<Self> {
        Some(Self { filter: plan::filter(code, arguments)?, members: RefCell::default() })
    }

    /// Runs it on a record and emits what it gives, if the record is one of those that are usual.
    pub(crate) fn run(
        &self,
        text: &str,
        key: &[u8],
        arguments: &[Val],
        out: &mut Output,
    ) -> Option<Result<(), Failure>> {
        self.members.borrow_mut().read(text)?;
        let record = Record { text, members: &self.members.borrow(), key, arguments };
        Some(Run { record: &record }.emit(&self.filter, out))
    }
}

#[cfg(test)]
mod tests;
