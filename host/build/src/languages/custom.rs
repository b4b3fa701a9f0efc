//! Any other language: a command builds a module, and the host makes a component of it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::files;
use crate::folder::{Stage, unreadable};
use crate::language::{Job, Language, Made, Read, Scaffold};
use crate::mistakes::{does_not_compile, with_places};
use crate::process;
use crate::settings::{FILE, Reach, Settings};
use sandmill_engine::error::{Error, Result};

/// The language.
#[derive(Debug)]
pub(super) struct Custom;

impl Language for Custom {
    fn name(&self) -> &'static str {
        "custom"
    }

    fn title(&self) -> &'static str {
        "another language"
    }

    /// Only settings say so.
    fn evidence(&self, _folder: &Path) -> Option<&'static str> {
        None
    }

    fn read(&self, folder: &Path, settings: &Settings) -> Result<Read> {
        let missing = |key: &str, example: &str| {
            Err(Error::config(format!("\"{}\" does not say `{key}`", folder.join(FILE).display()))
                .hint(format!("a stage with `language = \"custom\"` needs it: {example}")))
        };
        if settings.build.is_empty() {
            return missing("build", "`build = [\"make\", \"wasm\"]`");
        }
        if settings.output.is_none() {
            return missing("output", "`output = \"stage.wasm\"`");
        }
        Ok(Read { name: settings.name(folder)?, sdk: None })
    }

    fn has_command(&self) -> bool {
        true
    }

    fn reaches(&self) -> &'static [Reach] {
        Reach::ALL
    }

    fn maker(&self) -> String {
        String::new()
    }

    /// What the settings list, else every file of the folder but what the build leaves.
    fn watched(&self, stage: &Stage) -> Result<BTreeSet<PathBuf>> {
        let output = stage.settings.output.clone().unwrap_or_default();
        let patterns = patterns(stage)?;
        let counts = |path: &Path| {
            let listed = patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches_path(path));
            listed && path != output && path != Path::new("pipeline.toml")
        };
        files::below(&stage.folder, &counts)
    }

    fn build(&self, job: &mut Job<'_>) -> Result<Made> {
        let Stage { folder, settings, .. } = job.stage;
        let [program, arguments @ ..] = settings.build.as_slice() else {
            return Err(Error::internal("a build without a command"));
        };
        let mut command = Command::new(program);
        command.args(arguments).current_dir(folder);
        let done = process::run(command, job.stop, job.talk)?;
        if !done.succeeded {
            return Err(does_not_compile(folder, with_places(&done.said)));
        }
        let output = folder.join(settings.output.as_deref().unwrap_or(Path::new("")));
        let wasm = fs::read(&output)
            .map_err(|error| unreadable(&output, error).hint(format!("`build` in {FILE} must create it")))?;
        let toolchain = settings.build.join(" ");
        Ok(Made { wasm, inputs: BTreeSet::new(), toolchain, compiler: None, flushes: None })
    }

    /// Nobody knows what it would hold.
    fn scaffold(&self) -> Option<Scaffold> {
        None
    }
}

fn patterns(stage: &Stage) -> Result<Vec<glob::Pattern>> {
    let read = |pattern: &String| {
        glob::Pattern::new(pattern).map_err(|error| {
            Error::config(format!("\"{}\": {pattern:?} is not a pattern", stage.folder.join(FILE).display()))
                .caused_by(error)
        })
    };
    stage.settings.inputs.iter().map(read).collect()
}
