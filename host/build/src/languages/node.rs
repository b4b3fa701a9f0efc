//! Starts the drivers of languages whose compilers run in Node.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::zig::Output;
use crate::driver::{self, Form};
use crate::folder::unreadable;
use crate::language::{Job, Language, Made};
use crate::settings::Reach;
use crate::toolchain::{Found, Tool, node};
use sandmill_engine::error::{Error, Result};

/// A driver of an SDK, and its arguments.
pub(super) struct Driver {
    pub(super) tool: &'static Tool,
    /// Below the stage's folder.
    pub(super) program: &'static str,
    /// The file with the function, when the settings do not say.
    pub(super) entry: &'static str,
    /// The module that it evaluates the stage in, where it does. It keeps files of its own then.
    pub(super) engine: Option<fn() -> Result<PathBuf>>,
}

/// What a driver made.
pub(super) struct Driven {
    pub(super) bytes: Vec<u8>,
    pub(super) form: Form,
    /// The tool, with its version.
    pub(super) toolchain: String,
    /// Its program, where it is one of this machine.
    pub(super) compiler: Option<PathBuf>,
}

impl Driver {
    /// Makes a module by the driver alone.
    pub(super) fn build(&self, language: &dyn Language, job: &mut Job<'_>) -> Result<Made> {
        let Driven { bytes: wasm, form: Form { flushes, .. }, toolchain, compiler } = self.run(language, job)?;
        Ok(Made { wasm, inputs: BTreeSet::new(), toolchain, compiler, flushes })
    }

    pub(super) fn run(&self, language: &dyn Language, job: &mut Job<'_>) -> Result<Driven> {
        let found = self.tool.find(language, job)?;
        let output = Output::in_scratch(job.stage)?;
        let folder = &job.stage.folder;
        let reach: Vec<&str> = job.stage.settings.reach.iter().copied().map(Reach::name).collect();
        let mut command = Command::new(node()?);
        command
            .current_dir(folder)
            .arg(self.program)
            .args(["--folder", ".", "--entry"])
            .arg(job.stage.settings.entry(folder, self.entry)?)
            .arg("--tools")
            .arg(tools(&found)?)
            .arg("--out")
            .arg(output.path());
        match self.engine {
            Some(engine) => command.arg("--engine").arg(engine()?).arg("--work").arg(job.stage.scratch()),
            None => command.args(["--world", job.stage.settings.world.name()]),
        };
        if !reach.is_empty() {
            command.args(["--reach", &reach.join(",")]);
        }
        let form = driver::run(command, job)?;
        let path = output.path();
        let bytes = fs::read(&path).map_err(|error| unreadable(&path, error))?;
        let toolchain = format!("{} {}", self.tool.name, found.version);
        Ok(Driven { bytes, form, toolchain, compiler: found.installed() })
    }
}

/// The folder whose `node_modules` has the tool.
fn tools(found: &Found) -> Result<PathBuf> {
    if let Some(folder) = &found.fetched {
        return Ok(folder.clone());
    }
    let above = found.program.ancestors().find(|above| above.join("node_modules").is_dir());
    above.map(Path::to_owned).ok_or_else(|| {
        Error::config(format!("\"{}\" is not in a `node_modules` folder", found.program.display()))
            .hint("name a program in the `node_modules/.bin` of a folder that has the tools")
    })
}
