//! C and C++, by the C compiler that Zig carries with its library.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::zig::{Output, STACK_BYTES, TOOL, compile, zig};
use crate::files::{below, is_one_of};
use crate::folder::Stage;
use crate::kit::{Kit, Unpacked, files};
use crate::language::{Job, Language, Made, Read, Scaffold};
use crate::settings::{Reach, Settings};
use crate::toolchain::Tool;
use sandmill_engine::error::{Error, Result};

/// C.
#[derive(Debug)]
pub(super) struct C;

/// C++.
#[derive(Debug)]
pub(super) struct Cpp;

/// What differs between the two.
struct Dialect {
    entry: &'static str,
    /// Endings of what is compiled, and of what that includes.
    endings: &'static [&'static str],
    kit: &'static Kit,
}

static C_DIALECT: Dialect = Dialect { entry: "stage.c", endings: &["c", "h"], kit: &C_KIT };

static CPP_DIALECT: Dialect = Dialect { entry: "stage.cpp", endings: &["c", "h", "cpp", "hpp"], kit: &CPP_KIT };

/// For every file. Asserts stay: they are how C says what must not happen.
const FLAGS: [&str; 8] =
    ["-target", "wasm32-wasi", "-UNDEBUG", "-msimd128", "-Wall", "-Wextra", "-I.sandmill/cpp", "-I.sandmill/c"];
const C_FLAGS: [&str; 1] = ["-std=gnu17"];
/// All files are optimised as one: the SDK calls the stage for each record, and the stage calls the SDK.
const OPTIMISED: [&str; 3] = ["-O2", "-g0", "-flto"];
const DEBUGGED: [&str; 2] = ["-O0", "-g"];
/// Which of the two worlds the SDK exports.
const SOURCE_FLAG: &str = "-DSM_WORLD_SOURCE";
/// The sandbox runs no exceptions: docs/decisions/0058-wasm-exceptions-stay-off.md says why.
const CPP_FLAGS: [&str; 3] = ["-std=c++23", "-fno-exceptions", "-fno-rtti"];

impl Dialect {
    fn read(&self, folder: &Path, settings: &Settings) -> Result<Read> {
        settings.entry(folder, self.entry)?;
        Ok(Read { name: settings.name(folder)?, sdk: Some(Unpacked::in_stage(self.kit, Path::new(""))) })
    }

    fn maker(&self) -> String {
        let flags = [&FLAGS[..], &C_FLAGS, &CPP_FLAGS, &OPTIMISED].concat();
        format!("{} stack={STACK_BYTES} {}", TOOL.identity(), flags.join(" "))
    }

    /// The files of the stage but its tests.
    fn watched(&self, folder: &Path) -> Result<BTreeSet<PathBuf>> {
        below(folder, &|path| is_one_of(path, self.endings) && !is_test(path))
    }

    /// What is compiled, relative to the folder: the stage's own files first, whose mark the host reads.
    fn sources(&self, folder: &Path) -> Result<Vec<PathBuf>> {
        let own = self.watched(folder)?.into_iter().filter(|path| is_one_of(path, &["c", "cpp"]));
        let own = own.map(|path| path.strip_prefix(folder).map(Path::to_owned).unwrap_or(path));
        let sdk = self.kit.files.iter().filter(|(path, _)| is_compiled(path));
        Ok(own.chain(sdk.map(|(path, _)| Path::new(".sandmill").join(path))).collect())
    }

    fn build(&self, language: &dyn Language, job: &mut Job<'_>) -> Result<Made> {
        let found = TOOL.find(language, job)?;
        let output = Output::in_scratch(job.stage)?;
        let folder = &job.stage.folder;
        let optimised = if job.debug { &DEBUGGED[..] } else { &OPTIMISED };
        let sources = self.sources(folder)?;
        for (number, source) in sources.iter().enumerate() {
            let is_c = source.extension().is_some_and(|ending| ending == "c");
            let mut command = zig(&found, folder);
            command
                .arg(if is_c { "cc" } else { "c++" })
                .args(FLAGS)
                .args(if is_c { &C_FLAGS[..] } else { &CPP_FLAGS })
                .args(job.stage.settings.world.is_source().then_some(SOURCE_FLAG))
                .args(optimised)
                .arg("-c")
                .arg(source)
                .arg("-o")
                .arg(output.object(number));
            compile(command, job)?;
        }
        let has_cpp = sources.iter().any(|source| source.extension().is_some_and(|ending| ending == "cpp"));
        let mut command = zig(&found, folder);
        command
            .arg(if has_cpp { "c++" } else { "cc" })
            .args(["-target", "wasm32-wasi", "-mexec-model=reactor"])
            .args(optimised)
            .arg(format!("-Wl,-z,stack-size={STACK_BYTES}"))
            .args((0..sources.len()).map(|number| output.object(number)))
            .arg("-o")
            .arg(output.path());
        compile(command, job).map_err(|error| self.unlinked(error))?;
        output.made(&found)
    }

    /// What the linker misses is what the SDK's macro makes.
    fn unlinked(&self, error: Error) -> Error {
        if !error.causes().iter().any(|cause| cause.contains("sandmill_stage")) {
            return error;
        }
        let call = if self.entry == "stage.c" { "SM_STAGE(your_function)" } else { "SANDMILL_STAGE(your_function)" };
        error.hint(format!("{} needs `{call}` after the function", self.entry))
    }
}

fn is_test(path: &Path) -> bool {
    path.file_stem().is_some_and(|stem| stem.as_encoded_bytes().ends_with(b"_test"))
}

/// Whether a file of the SDK is compiled into every stage.
fn is_compiled(path: &str) -> bool {
    path.ends_with(".c") && !path.contains("trial")
}

impl Language for C {
    fn name(&self) -> &'static str {
        "c"
    }

    fn title(&self) -> &'static str {
        "C"
    }

    fn evidence(&self, folder: &Path) -> Option<&'static str> {
        folder.join(C_DIALECT.entry).is_file().then_some(C_DIALECT.entry)
    }

    fn read(&self, folder: &Path, settings: &Settings) -> Result<Read> {
        C_DIALECT.read(folder, settings)
    }

    fn tool(&self) -> Option<&'static Tool> {
        Some(&TOOL)
    }

    fn reaches(&self) -> &'static [Reach] {
        Reach::ALL
    }

    fn maker(&self) -> String {
        C_DIALECT.maker()
    }

    fn watched(&self, stage: &Stage) -> Result<BTreeSet<PathBuf>> {
        C_DIALECT.watched(&stage.folder)
    }

    fn build(&self, job: &mut Job<'_>) -> Result<Made> {
        C_DIALECT.build(self, job)
    }

    fn scaffold(&self) -> Option<Scaffold> {
        Some(Scaffold {
            files: C_TEMPLATE,
            entry: C_DIALECT.entry,
            reserved: &["sandmill"],
            sdk: |folder| Some(Unpacked::in_stage(&C_KIT, folder)),
        })
    }
}

impl Language for Cpp {
    fn name(&self) -> &'static str {
        "cpp"
    }

    fn title(&self) -> &'static str {
        "C++"
    }

    fn evidence(&self, folder: &Path) -> Option<&'static str> {
        folder.join(CPP_DIALECT.entry).is_file().then_some(CPP_DIALECT.entry)
    }

    fn read(&self, folder: &Path, settings: &Settings) -> Result<Read> {
        CPP_DIALECT.read(folder, settings)
    }

    fn tool(&self) -> Option<&'static Tool> {
        Some(&TOOL)
    }

    fn reaches(&self) -> &'static [Reach] {
        Reach::ALL
    }

    fn maker(&self) -> String {
        CPP_DIALECT.maker()
    }

    fn watched(&self, stage: &Stage) -> Result<BTreeSet<PathBuf>> {
        CPP_DIALECT.watched(&stage.folder)
    }

    fn build(&self, job: &mut Job<'_>) -> Result<Made> {
        CPP_DIALECT.build(self, job)
    }

    fn scaffold(&self) -> Option<Scaffold> {
        Some(Scaffold {
            files: CPP_TEMPLATE,
            entry: CPP_DIALECT.entry,
            reserved: &["sandmill"],
            sdk: |folder| Some(Unpacked::in_stage(&CPP_KIT, folder)),
        })
    }
}

static C_KIT: Kit = Kit {
    files: files![
        "c/README.md",
        "c/sandmill.c",
        "c/sandmill.h",
        "c/sandmill_config.c",
        "c/sandmill_guest.c",
        "c/sandmill_guest.h",
        "c/sandmill_guest_source.c",
        "c/sandmill_guest_stage.c",
        "c/sandmill_internal.h",
        "c/sandmill_memory.c",
        "c/sandmill_number.c",
        "c/sandmill_source.c",
        "c/sandmill_text.c",
        "c/sandmill_trial.c",
        "c/sandmill_trial.h",
    ],
};

const C_TEMPLATE: &[(&str, &str)] = &[
    (".gitignore", include_str!("../../../../guest-sdk/c/template/.gitignore")),
    ("README.md", include_str!("../../../../guest-sdk/c/template/README.md")),
    ("compile_flags.txt", include_str!("../../../../guest-sdk/c/template/compile_flags.txt")),
    ("sandmill.toml", include_str!("../../../../guest-sdk/c/template/sandmill.toml")),
    ("stage.c", include_str!("../../../../guest-sdk/c/template/stage.c")),
    ("stage_test.c", include_str!("../../../../guest-sdk/c/template/stage_test.c")),
];

static CPP_KIT: Kit = Kit {
    files: files![
        "cpp/README.md",
        "cpp/sandmill.hpp",
        "cpp/sandmill_new.c",
        "cpp/sandmill_new.h",
        "cpp/sandmill_trial.hpp",
        "c/README.md",
        "c/sandmill.c",
        "c/sandmill.h",
        "c/sandmill_config.c",
        "c/sandmill_guest.c",
        "c/sandmill_guest.h",
        "c/sandmill_guest_source.c",
        "c/sandmill_guest_stage.c",
        "c/sandmill_internal.h",
        "c/sandmill_memory.c",
        "c/sandmill_number.c",
        "c/sandmill_source.c",
        "c/sandmill_text.c",
        "c/sandmill_trial.c",
        "c/sandmill_trial.h",
    ],
};

const CPP_TEMPLATE: &[(&str, &str)] = &[
    (".gitignore", include_str!("../../../../guest-sdk/cpp/template/.gitignore")),
    ("README.md", include_str!("../../../../guest-sdk/cpp/template/README.md")),
    ("compile_flags.txt", include_str!("../../../../guest-sdk/cpp/template/compile_flags.txt")),
    ("sandmill.toml", include_str!("../../../../guest-sdk/cpp/template/sandmill.toml")),
    ("stage.cpp", include_str!("../../../../guest-sdk/cpp/template/stage.cpp")),
    ("stage_test.cpp", include_str!("../../../../guest-sdk/cpp/template/stage_test.cpp")),
];
