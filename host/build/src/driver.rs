//! Runs programs of the SDKs that build with the language's own tools, and read what they report at the end.

use std::process::Command;

use serde::Deserialize;

use super::language::Job;
use super::mistakes::does_not_compile;
use super::process;
use super::settings::World;
use super::talk::Talk;
use sandmill_engine::error::{Error, Result};

/// Lines of a refusal that are shown: the last ones say what it is.
const LINES_MAX: usize = 20;

/// What a driver prints as the last line of its output, as JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Form {
    /// What the component exports.
    pub(super) world: World,
    /// Whether it gives outputs at its end; `None` where nobody can tell.
    pub(super) flushes: Option<bool>,
}

/// Runs a driver.
///
/// # Errors
/// When it cannot be run, refuses the stage, or does not say what it made.
pub(super) fn run(command: Command, job: &mut Job<'_>) -> Result<Form> {
    let folder = &job.stage.folder;
    let done = process::run(command, job.stop, &mut Quiet(job.talk))?;
    if !done.succeeded {
        // All of it is about one mistake: a traceback, or the source line with its place.
        let lines: Vec<String> = done.said.into_iter().filter(|line| !line.trim().is_empty()).collect();
        let last = lines.len().saturating_sub(LINES_MAX);
        return Err(does_not_compile(folder, vec![lines.get(last..).unwrap_or_default().join("\n")]));
    }
    done.said
        .iter()
        .rev()
        .find_map(|line| serde_json::from_str(line).ok())
        .ok_or_else(|| Error::internal(format!("the build of \"{}\" did not report what it built", folder.display())))
}

/// Passes on what is for people.
struct Quiet<'a>(&'a mut dyn Talk);

impl Talk for Quiet<'_> {
    fn say(&mut self, line: &str) {
        if serde_json::from_str::<Form>(line).is_err() {
            self.0.say(line);
        }
    }
}
