//! Go, by its own compiler. The module carries Go's runtime, which asks WASI for clocks and random numbers: the host joins
//! it to an adapter that answers from inside.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::zig::Output;
use crate::files::{below, is_one_of};
use crate::folder::{Stage, unreadable};
use crate::kit::{Kit, Unpacked, files};
use crate::language::{Job, Language, Made, Read, Scaffold};
use crate::mistakes::{does_not_compile, with_places};
use crate::process;
use crate::settings::{Reach, Settings};
use crate::toolchain::{Installed, Origin, Tool, Version};
use sandmill_engine::error::Result;
use sandmill_engine::plan::Suggested;

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
        let flushes = flushes(&self.watched(job.stage)?);
        Ok(Made { wasm, inputs: BTreeSet::new(), toolchain, compiler: found.installed(), flushes })
    }

    fn no_export_hint(&self) -> Option<&'static str> {
        Some("import \"sandmill\", and call `sandmill.Stage(function)` in main")
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

/// Whether a type of the program gives outputs at its end, read from its sources: no symbol of the module says so. `None` where
/// a package of somebody else may have such a type.
fn flushes(sources: &BTreeSet<PathBuf>) -> Option<bool> {
    let text = |path: &PathBuf| fs::read_to_string(path).unwrap_or_default();
    let is_code =
        |path: &&PathBuf| path.to_string_lossy().ends_with(".go") && !path.to_string_lossy().ends_with("_test.go");
    if sources.iter().filter(is_code).any(|path| text(path).lines().any(declares_flush)) {
        return Some(true);
    }
    let is_alone =
        sources.iter().filter(|path| path.ends_with("go.mod")).all(|path| requires_only_the_sdk(&text(path)));
    is_alone.then_some(false)
}

/// `func (c count) Flush(out *sandmill.Output) error {`
fn declares_flush(line: &str) -> bool {
    let method = line.strip_prefix("func (").and_then(|line| line.split_once(") Flush("));
    method.and_then(|(_, rest)| rest.split_once(')')).is_some_and(|(parameters, result)| {
        parameters.contains('*')
            && parameters.trim_end().ends_with("Output")
            && result.trim_start().starts_with("error")
    })
}

fn requires_only_the_sdk(manifest: &str) -> bool {
    let requirements = manifest.lines().map(str::trim).filter_map(|line| {
        let line = line.strip_prefix("require ").unwrap_or(line);
        line.split_once(' ').filter(|(word, version)| *word != "module" && version.starts_with('v'))
    });
    requirements.map(|(module, _)| module).all(|module| module == "sandmill")
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
        "go/ascii/ascii.go",
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
    fn a_method_flush_that_takes_outputs_says_that_the_stage_has_some_at_its_end() {
        for line in [
            "func (c count) Flush(out *sandmill.Output) error {",
            "func (h *hello) Flush(*sdk.Output) error { return nil }",
            "func (b *Batches[T]) Flush(out *Output) error {",
        ] {
            assert!(declares_flush(line), "{line}");
        }
        for line in ["func (w *writer) Flush() error {", "// func (c count) Flush(out *sandmill.Output) error {", ""] {
            assert!(!declares_flush(line), "{line}");
        }
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            fs::write(folder.path().join(name), text).unwrap();
            folder.path().join(name)
        };
        let manifest = file("go.mod", "module visits\n\nrequire sandmill v0.0.0\n\nreplace x.y/z => ../\n");
        let plain = file("main.go", "func main() {}\n");
        let flushing = "func (c count) Flush(out *sandmill.Output) error {\n";
        let (kept, tested) = (file("count.go", flushing), file("count_test.go", flushing));
        assert_eq!(flushes(&BTreeSet::from([manifest.clone(), plain.clone(), tested])), Some(false));
        assert_eq!(flushes(&BTreeSet::from([manifest, plain.clone(), kept])), Some(true));
        let others = file("go.mod", "require (\n\tsandmill v0.0.0\n\tgithub.com/a/b v1.2.3 // indirect\n)\n");
        assert_eq!(flushes(&BTreeSet::from([others, plain])), None, "nobody can tell");
    }

    #[test]
    fn the_package_is_that_of_the_entry() {
        assert_eq!(package_of(Path::new("main.go")), ".");
        assert_eq!(package_of(Path::new("cmd/stage/main.go")), "./cmd/stage");
    }
}
