//! Go, by its own compiler. The module carries Go's runtime, which asks WASI for clocks and random numbers: the host joins
//! it to an adapter that answers from inside.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::zig::Output;
use crate::build::files::{below, is_one_of};
use crate::build::folder::{Stage, unreadable};
use crate::build::kit::{Kit, Unpacked, files};
use crate::build::language::{Job, Language, Made, Read, Scaffold};
use crate::build::mistakes::{does_not_compile, with_places};
use crate::build::process;
use crate::build::settings::{Reach, Settings};
use crate::build::toolchain::{Installed, Origin, Tool, Version};
use crate::error::Result;
use crate::plan::Suggested;

/// The language.
#[derive(Debug)]
pub(super) struct Go;

static TOOL: Tool = Tool {
    name: "go",
    version: "1.27.3",
    megabytes: 253,
    licence: "BSD-3-Clause",
    origin: Origin::Pip { requirements: include_str!("../../../../guest-sdk/go/toolchain/requirements.txt") },
    program: "bin/go",
    installed: Some(Installed {
        program: "go",
        arguments: &["version"],
        // The first that exports functions of a library for WASI.
        from: Version(1, 24, 0),
        before: Version(2, 0, 0),
    }),
};

impl Language for Go {
    fn name(&self) -> &'static str {
        "go"
    }

    fn title(&self) -> &'static str {
        "Go"
    }

    fn evidence(&self, folder: &Path) -> Option<&'static str> {
        folder.join("go.mod").is_file().then_some("go.mod")
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
        below(&stage.folder, &|path| is_one_of(path, &["go", "go.mod", "go.sum"]))
    }

    fn build(&self, job: &mut Job<'_>) -> Result<Made> {
        let found = TOOL.find(self, job)?;
        let output = Output::in_scratch(job.stage)?;
        let folder = &job.stage.folder;
        let package = package_of(&job.stage.settings.entry(folder, ENTRY)?);
        let mut command = Command::new(&found.program);
        command
            .current_dir(folder)
            // No other compiler than the one that was found, whatever go.mod asks for.
            .envs([("GOTOOLCHAIN", "local"), ("GOOS", "wasip1"), ("GOARCH", "wasm"), ("GOTELEMETRY", "off")])
            // The stage's own module, whatever workspace it lies in.
            .envs([("GOWORK", "off"), ("GOFLAGS", "-mod=mod")])
            .args(["build", "-buildmode=c-shared", "-trimpath", "-o"])
            .arg(output.path())
            .args(["-ldflags", if job.debug { "" } else { "-s -w" }]);
        if job.stage.settings.world.is_source() {
            command.args(["-tags", "sandmill_source"]);
        }
        command.arg(package);
        if job.offline {
            command.env("GOPROXY", "off");
        }
        let done = process::run(command, job.stop, job.talk)?;
        if !done.succeeded {
            return Err(does_not_compile(folder, mistakes(&done.said)));
        }
        let wasm = fs::read(output.path()).map_err(|error| unreadable(&output.path(), error))?;
        let toolchain = format!("{} {}", TOOL.name, found.version);
        Ok(Made { wasm, inputs: BTreeSet::new(), toolchain, compiler: found.installed(), flushes: None })
    }

    fn defaults(&self) -> Suggested {
        Suggested {
            memory: Some(128 << 20),
            cpu: Some(Duration::from_millis(250)),
            warm: Some(true),
            ..Suggested::default()
        }
    }

    fn scaffold(&self) -> Option<Scaffold> {
        Some(Scaffold {
            files: TEMPLATE,
            entry: ENTRY,
            reserved: &["sandmill", "main", "go", "test", "internal", "vendor"],
            sdk: |folder| Some(Unpacked::in_stage(&KIT, folder)),
        })
    }
}

/// The package that a file is in, as the compiler names it: `./cmd`.
fn package_of(entry: &Path) -> String {
    let folder = entry.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.map_or_else(|| ".".to_owned(), |folder| format!("./{}", folder.display()))
}

/// `./main.go:12:2: undefined: x`
fn mistakes(said: &[String]) -> Vec<String> {
    let has_place = |line: &&String| {
        let mut parts = line.split(':');
        parts.next().is_some_and(|file| file.ends_with(".go"))
            && parts.next().is_some_and(|line| line.parse::<u32>().is_ok())
    };
    let found: Vec<String> = said.iter().filter(has_place).cloned().collect();
    if found.is_empty() { with_places(said) } else { found }
}

const ENTRY: &str = "main.go";

static KIT: Kit = Kit {
    files: files![
        "go/README.md",
        "go/doc.go",
        "go/failure.go",
        "go/go.mod",
        "go/guest.go",
        "go/guest.s",
        "go/guest_source.go",
        "go/guest_stage.go",
        "go/json.go",
        "go/log.go",
        "go/native.go",
        "go/output.go",
        "go/record.go",
        "go/shapes.go",
        "go/source.go",
        "go/stage.go",
        "go/trial.go",
    ],
};

const TEMPLATE: &[(&str, &str)] = &[
    (".gitignore", include_str!("../../../../guest-sdk/go/template/.gitignore")),
    ("README.md", include_str!("../../../../guest-sdk/go/template/README.md")),
    ("go.mod", include_str!("../../../../guest-sdk/go/template/go.mod")),
    ("main.go", include_str!("../../../../guest-sdk/go/template/main.go")),
    ("main_test.go", include_str!("../../../../guest-sdk/go/template/main_test.go")),
    ("sandmill.toml", include_str!("../../../../guest-sdk/go/template/sandmill.toml")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_found_among_what_the_compiler_says() {
        let said = ["# shout", "./main.go:12:2: undefined: x", "words/a.go:3:1: syntax error: non-declaration"];
        let said = said.map(str::to_owned);
        assert_eq!(mistakes(&said), said[1..]);
    }

    #[test]
    fn the_package_is_that_of_the_entry() {
        assert_eq!(package_of(Path::new("main.go")), ".");
        assert_eq!(package_of(Path::new("cmd/stage/main.go")), "./cmd/stage");
    }
}
