//! Zig, which compiles C and C++ as well: one tool for three languages.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::files::{below, is_one_of};
use crate::folder::{Stage, unreadable};
use crate::kit::{Kit, Unpacked, files};
use crate::language::{Job, Language, Made, Read, Scaffold};
use crate::mistakes::{does_not_compile, with_places};
use crate::process;
use crate::settings::{Reach, Settings};
use crate::toolchain::{Found, Installed, Origin, Tool, Version};
use sandmill_engine::error::Result;

/// A guest that needs a deeper stack than this recurses without a bound.
pub(super) const STACK_BYTES: u32 = 256 << 10;

/// The compiler of all three.
pub(super) static TOOL: Tool = Tool {
    name: "zig",
    version: "0.17.0",
    megabytes: 411,
    licence: "MIT",
    origin: Origin::Pip { requirements: include_str!("../../../../guest-sdk/zig/toolchain/requirements.txt") },
    program: "ziglang/zig",
    installed: Some(Installed {
        program: "zig",
        arguments: &["version"],
        from: Version(0, 17, 0),
        before: Version(0, 18, 0),
    }),
};

/// The language.
#[derive(Debug)]
pub(super) struct Zig;

impl Language for Zig {
    fn name(&self) -> &'static str {
        "zig"
    }

    fn title(&self) -> &'static str {
        "Zig"
    }

    fn evidence(&self, folder: &Path) -> Option<&'static str> {
        ["stage.zig", "build.zig"].into_iter().find(|name| folder.join(name).is_file())
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
        format!("{} stack={STACK_BYTES}", TOOL.identity())
    }

    fn watched(&self, stage: &Stage) -> Result<BTreeSet<PathBuf>> {
        below(&stage.folder, &|path| is_one_of(path, &["zig"]))
    }

    fn build(&self, job: &mut Job<'_>) -> Result<Made> {
        let found = TOOL.find(self, job)?;
        let output = Output::in_scratch(job.stage)?;
        let folder = &job.stage.folder;
        let entry = job.stage.settings.entry(folder, ENTRY)?;
        let mut command = zig(&found, folder);
        command
            .args(["build-exe", "-target", "wasm32-wasi", "-mcpu", "generic+simd128", "-mexec-model=reactor"])
            .args(["-fno-entry", "-rdynamic", "-O", if job.debug { "Debug" } else { "ReleaseSafe" }])
            .args(["--stack", &STACK_BYTES.to_string()])
            .args(["--dep", "stage", "--dep", "sandmill", "-Mroot=.sandmill/zig/guest.zig"])
            .args(["--dep", "sandmill"])
            .arg(format!("-Mstage={}", entry.display()))
            .arg("-Msandmill=.sandmill/zig/sandmill.zig")
            .arg(format!("-femit-bin={}", output.path().display()));
        compile(command, job)?;
        output.made(&found)
    }

    fn scaffold(&self) -> Option<Scaffold> {
        Some(Scaffold {
            files: TEMPLATE,
            entry: ENTRY,
            reserved: &["sandmill", "std", "builtin", "root"],
            sdk: |folder| Some(Unpacked::in_stage(&KIT, folder)),
        })
    }
}

/// The compiler, in the stage's folder, with its caches in the user's.
pub(super) fn zig(found: &Found, folder: &Path) -> Command {
    let mut command = Command::new(&found.program);
    command.current_dir(folder);
    if let Some(cache) = sandmill_component::cache::user_folder() {
        // What is compiled of the C library is for all stages; what is compiled of a stage is in its own folder.
        command.env("ZIG_GLOBAL_CACHE_DIR", cache.join("zig"));
    }
    command.env("ZIG_LOCAL_CACHE_DIR", folder.join("target/zig-cache"));
    command
}

/// Runs a compiler that begins each mistake with its place.
pub(super) fn compile(command: Command, job: &mut Job<'_>) -> Result<()> {
    let done = process::run(command, job.stop, job.talk)?;
    if done.succeeded { Ok(()) } else { Err(does_not_compile(&job.stage.folder, with_places(&done.said))) }
}

/// The module that a compiler leaves, in a file of its own: two builds of one folder at once do not mix.
pub(super) struct Output(tempfile::TempDir);

impl Output {
    pub(super) fn in_scratch(stage: &Stage) -> Result<Self> {
        let scratch = stage.scratch();
        let made = fs::create_dir_all(&scratch).and_then(|()| tempfile::tempdir_in(&scratch));
        made.map(Self).map_err(|error| unreadable(&scratch, error))
    }

    pub(super) fn path(&self) -> PathBuf {
        self.0.path().join("module.wasm")
    }

    /// A file beside it, for a step on the way.
    pub(super) fn object(&self, number: usize) -> PathBuf {
        self.0.path().join(format!("{number}.o"))
    }

    pub(super) fn made(&self, found: &Found) -> Result<Made> {
        let path = self.path();
        let wasm = fs::read(&path).map_err(|error| unreadable(&path, error))?;
        let toolchain = format!("{} {}", TOOL.name, found.version);
        Ok(Made { wasm, inputs: BTreeSet::new(), toolchain, compiler: found.installed(), flushes: None })
    }
}

const ENTRY: &str = "stage.zig";

static KIT: Kit = Kit {
    files: files![
        "zig/JsonText.zig",
        "zig/Output.zig",
        "zig/README.md",
        "zig/ascii.zig",
        "zig/config.zig",
        "zig/guest.zig",
        "zig/json.zig",
        "zig/memory.zig",
        "zig/sandmill.zig",
        "zig/source.zig",
        "zig/tests.zig",
        "zig/trial.zig",
    ],
};

const TEMPLATE: &[(&str, &str)] = &[
    (".gitignore", include_str!("../../../../guest-sdk/zig/template/.gitignore")),
    ("README.md", include_str!("../../../../guest-sdk/zig/template/README.md")),
    ("build.zig", include_str!("../../../../guest-sdk/zig/template/build.zig")),
    ("sandmill.toml", include_str!("../../../../guest-sdk/zig/template/sandmill.toml")),
    ("stage.zig", include_str!("../../../../guest-sdk/zig/template/stage.zig")),
];
