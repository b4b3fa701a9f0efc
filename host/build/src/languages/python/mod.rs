//! Python: a module with one decorated function, and CPython itself, in one component, by componentize-py.

mod offsets;
mod uncounted;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::driver;
use crate::files::{below, is_one_of};
use crate::folder::{Stage, unreadable};
use crate::kit::{Kit, Unpacked, files};
use crate::language::{Job, Language, Made, Read, Scaffold};
use crate::settings::{Reach, Settings};
use crate::toolchain::{Found, Installed, Origin, Tool, Version};
use sandmill_engine::error::Result;
use sandmill_engine::plan::Suggested;

/// The language.
#[derive(Debug)]
pub(super) struct Python;

static TOOL: Tool = Tool {
    name: "componentize-py",
    version: "0.25.1",
    megabytes: 126,
    licence: "Apache-2.0 WITH LLVM-exception",
    origin: Origin::Pip { requirements: include_str!("../../../../../guest-sdk/python/toolchain/requirements.txt") },
    program: "bin/componentize-py",
    installed: Some(Installed {
        program: "componentize-py",
        arguments: &["--version"],
        from: Version(0, 25, 1),
        before: Version(0, 26, 0),
    }),
};

impl Language for Python {
    fn name(&self) -> &'static str {
        "python"
    }

    fn title(&self) -> &'static str {
        "Python"
    }

    fn evidence(&self, folder: &Path) -> Option<&'static str> {
        ["stage.py", "pyproject.toml"].into_iter().find(|name| folder.join(name).is_file())
    }

    fn read(&self, folder: &Path, settings: &Settings) -> Result<Read> {
        settings.entry(folder, ENTRY)?;
        Ok(Read { name: settings.name(folder)?, sdk: Some(Unpacked::in_stage(&KIT, Path::new(""))) })
    }

    fn tool(&self) -> Option<&'static Tool> {
        Some(&TOOL)
    }

    fn reaches(&self) -> &'static [Reach] {
        Reach::ALL
    }

    fn maker(&self) -> String {
        TOOL.identity()
    }

    fn watched(&self, stage: &Stage) -> Result<BTreeSet<PathBuf>> {
        below(&stage.folder, &|path| is_one_of(path, &["py", "requirements.txt"]))
    }

    fn build(&self, job: &mut Job<'_>) -> Result<Made> {
        let found = TOOL.find(self, job)?;
        let Stage { folder, settings, .. } = job.stage;
        let sdk = folder.join(".sandmill");
        let scratch = job.stage.scratch();
        fs::create_dir_all(&scratch).map_err(|error| unreadable(&scratch, error))?;
        let output = tempfile::NamedTempFile::new_in(&scratch).map_err(|error| unreadable(&scratch, error))?;
        let reach: Vec<&str> = settings.reach.iter().copied().map(Reach::name).collect();
        let mut command = interpreter(&found)?;
        command
            .current_dir(folder)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .arg(sdk.join("python/build.py"))
            .args(["--folder", ".", "--entry"])
            .arg(settings.entry(folder, ENTRY)?)
            .arg("--wit")
            .arg(sdk.join("wit"))
            .arg("--work")
            .arg(&scratch)
            .arg("--out")
            .arg(output.path());
        if !reach.is_empty() {
            command.args(["--reach", &reach.join(",")]);
        }
        let form = driver::run(command, job)?;
        let mut wasm = fs::read(output.path()).map_err(|error| unreadable(output.path(), error))?;
        uncounted::mark(&mut wasm);
        let wasm = offsets::as_numbers(&wasm)?;
        let toolchain = format!("{} {}", TOOL.name, found.version);
        Ok(Made { wasm, inputs: BTreeSet::new(), toolchain, compiler: found.installed(), flushes: form.flushes })
    }

    fn defaults(&self) -> Suggested {
        Suggested {
            memory: Some(128 << 20),
            cpu: Some(Duration::from_millis(500)),
            warm: Some(true),
            ..Suggested::default()
        }
    }

    fn scaffold(&self) -> Option<Scaffold> {
        Some(Scaffold {
            files: TEMPLATE,
            entry: ENTRY,
            reserved: &["sandmill", "stage"],
            sdk: |folder| Some(Unpacked::in_stage(&KIT, folder)),
        })
    }
}

/// A Python that finds the tool: the one that it was installed for, or any with the folder that it was fetched into.
fn interpreter(found: &Found) -> Result<Command> {
    if let Some(folder) = &found.fetched {
        let mut command = Command::new(crate::toolchain::python()?);
        command.env("PYTHONPATH", folder);
        return Ok(command);
    }
    let script = fs::read(&found.program).map_err(|error| unreadable(&found.program, error))?;
    let first = script.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let named = first.strip_prefix(b"#!").map(|rest| String::from_utf8_lossy(rest).trim().to_owned());
    let named = named.filter(|name| name.contains("python") && !name.contains(' '));
    Ok(Command::new(named.map_or_else(|| OsString::from("python3"), OsString::from)))
}

const ENTRY: &str = "stage.py";

static KIT: Kit = Kit {
    files: files![
        "python/README.md",
        "python/build.py",
        "python/pyproject.toml",
        "python/sandmill/__init__.py",
        "python/sandmill/_columns.py",
        "python/sandmill/_declared.py",
        "python/sandmill/_emitted.py",
        "python/sandmill/_guest.py",
        "python/sandmill/_instance.py",
        "python/sandmill/_lines.py",
        "python/sandmill/_memory.py",
        "python/sandmill/_outputs.py",
        "python/sandmill/_place.py",
        "python/sandmill/_reach.py",
        "python/sandmill/_reader.py",
        "python/sandmill/_script.py",
        "python/sandmill/_source.py",
        "python/sandmill/_trial.py",
        "python/sandmill/_uncounted.py",
        "python/sandmill/log.py",
        "python/sandmill/py.typed",
        "python/script/sandmill.toml",
        "python/script/stage.py",
        "wit/stage.wit",
    ],
};

const TEMPLATE: &[(&str, &str)] = &[
    ("README.md", include_str!("../../../../../guest-sdk/python/template/README.md")),
    (".gitignore", include_str!("../../../../../guest-sdk/python/template/gitignore")),
    ("pyproject.toml", include_str!("../../../../../guest-sdk/python/template/pyproject.toml")),
    ("sandmill.toml", include_str!("../../../../../guest-sdk/python/template/sandmill.toml")),
    ("stage.py", include_str!("../../../../../guest-sdk/python/template/stage.py")),
    ("test_stage.py", include_str!("../../../../../guest-sdk/python/template/test_stage.py")),
];
