//! Reads the pipeline file: TOML text becomes a [`Plan`].
//!
//! The text is read by hand from `toml`'s tree of spanned values, not through serde: its tagged enums, which kinds of
//! sources and sinks would need, forget where a value stands. Every error has the file, the line and the column, the
//! line itself as its cause ([`Snippet`](crate::settings::Snippet)), and a hint. Nothing is ignored: a key that is not
//! known is an error.
//!
//! Only [`load`] reads a file, and [`parse`] the scripts that the text names; whether what the pipeline names exists is
//! not this module's question.

mod command;
mod contradiction;
mod grant;
mod json;
mod keys;
mod kind;
mod limits;
mod order;
mod pipeline;
#[cfg(test)]
mod reference;
mod retry;
mod script;
mod source;
mod stage;
mod state;

#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::path::Path;
use std::thread::available_parallelism;

use toml::de::DeTable;

use crate::error::{Error, Result};
use crate::plan::{Beside, Plan, Usage};
use crate::settings::Fault;

/// Longest pipeline file, bytes. Arbitrary: it keeps a log or a device that was taken for one out of memory.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// Reads a pipeline file. A stage that does not say has as many workers as the machine gives this process cores.
///
/// # Errors
/// When the file cannot be read, or for any reason that [`parse`] has.
pub fn load(path: &Path) -> Result<Plan> {
    let text = read(path)
        .map_err(|error| Error::config(format!("cannot read the pipeline file {:?}", path.display())).caused_by(error));
    let text = text.map_err(|error| if path.is_dir() { error.hint(inside(path)) } else { error })?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(Error::config(format!("{:?} is longer than {FILE_BYTES_MAX} bytes", path.display()))
            .hint("is this a pipeline file?"));
    }
    let text = std::str::from_utf8(&text).map_err(|error| {
        let good = String::from_utf8_lossy(text.get(..error.valid_up_to()).unwrap_or_default());
        Fault::at(good.len()..good.len(), "the text is not UTF-8").in_file(path, &good)
    })?;
    let workers = available_parallelism().unwrap_or(NonZeroUsize::MIN);
    parse(text, path, workers)
}

/// Makes a plan of the text of a pipeline file. `file` is where the text comes from: paths in it are relative to its
/// folder, and errors name it. `workers` is for stages that do not say how many they want.
///
/// # Errors
/// When the text is not TOML, has an unknown key or lacks one that is required, when a value is of the wrong
/// kind or out of its bounds, and when the pipeline as a whole is not sound (see [`Plan::assemble`]).
pub fn parse(text: &str, file: &Path, workers: NonZeroUsize) -> Result<Plan> {
    let read = || {
        if text.trim().is_empty() {
            return Err(Fault::at(0..0, "the file is empty").hint(
                "a pipeline has a name, a source and a sink: `sandmill new NAME` creates a stage with such a pipeline",
            ));
        }
        let root = DeTable::parse(text).map_err(|error| Fault::of_toml(&error, text))?;
        let folder = file.parent().unwrap_or(Path::new(""));
        let mut plan = pipeline::read(root.get_ref(), &pipeline::Setting { folder, file, text, workers })?;
        plan.beside.push(Beside { what: "the pipeline file".to_owned(), path: file.to_owned(), how: Usage::Read });
        Ok(plan)
    };
    read().map_err(|fault: Fault| fault.in_file(file, text))
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut text)?;
    Ok(text)
}

fn inside(folder: &Path) -> String {
    format!("this is a folder; did you mean {:?}?", folder.join("pipeline.toml").display())
}
