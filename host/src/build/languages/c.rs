//! C and C++, by the C compiler that Zig carries with its library.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::zig::{Output, STACK_BYTES, TOOL, compile, zig};
use crate::build::files::{below, is_one_of};
use crate::build::folder::Stage;
use crate::build::kit::{Kit, Unpacked, files};
use crate::build::language::{Job, Language, Made, Read, Scaffold};
use crate::build::settings::Settings;
use crate::build::stop::Stop;
use crate::build::talk::Talk;
use crate::build::toolchain::{Status, Tool};
use crate::error::Result;

/// C.
#[derive(Debug)]
pub(super) struct C;

/// What differs between the two.
struct Dialect {
    entry: &'static str,
    /// Endings of what is compiled; headers are found by what is.
    sources: &'static [&'static str],
    headers: &'static [&'static str],
    compiler: &'static str,
    flags: &'static [&'static str],
    kit: &'static Kit,
}

static C_DIALECT: Dialect =
    Dialect { entry: "stage.c", sources: &["c"], headers: &["h"], compiler: "cc", flags: &["-std=gnu17"], kit: &C_KIT };

impl Dialect {
    fn read(&self, folder: &Path, settings: &Settings) -> Result<Read> {
        settings.entry(folder, self.entry)?;
        Ok(Read { name: settings.name(folder)?, sdk: Some(Unpacked::in_stage(self.kit, Path::new(""))) })
    }

    /// The sources of the stage: all of the folder but its tests.
    fn sources(&self, folder: &Path) -> Result<BTreeSet<PathBuf>> {
        below(folder, &|path| is_one_of(path, self.sources) && !is_test(path))
    }

    fn watched(&self, folder: &Path) -> Result<BTreeSet<PathBuf>> {
        let endings = [self.sources, self.headers].concat();
        below(folder, &|path| is_one_of(path, &endings) && !is_test(path))
    }

    fn build(&self, language: &dyn Language, job: &mut Job<'_>) -> Result<Made> {
        let found = TOOL.find(language, job)?;
        let output = Output::in_scratch(job.stage)?;
        let Stage { folder, .. } = job.stage;
        let sources = self.sources(folder)?;
        let mut command = zig(&found, folder);
        command
            .arg(self.compiler)
            .args(["-target", "wasm32-wasi", "-mexec-model=reactor", "-msimd128", "-mbulk-memory", "-Wall", "-Wextra"])
            .args(self.flags)
            .args(if job.debug { ["-O0", "-g"] } else { ["-O2", "-s"] })
            .arg(format!("-Wl,-z,stack-size={STACK_BYTES}"))
            // Places in messages as the author knows them.
            .arg(format!("-ffile-prefix-map={}/=", folder.display()))
            .args(["-I.sandmill/c", "-I."])
            .args(sources.iter().map(|source| source.strip_prefix(folder).unwrap_or(source)))
            .args(
                self.kit
                    .files
                    .iter()
                    .filter(|(path, _)| is_compiled(path))
                    .map(|(path, _)| format!(".sandmill/{path}")),
            )
            .arg("-o")
            .arg(output.path());
        compile(command, job)?;
        output.made(&found)
    }
}

fn is_test(path: &Path) -> bool {
    path.file_stem().is_some_and(|stem| stem.as_encoded_bytes().ends_with(b"_test"))
}

/// Whether a file of the SDK is compiled into every stage.
fn is_compiled(path: &str) -> bool {
    (path.ends_with(".c") || path.ends_with(".cpp")) && !path.contains("trial")
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

    fn status(&self) -> Result<Option<Status>> {
        TOOL.status(self).map(Some)
    }

    fn install(&self, stop: &Stop, talk: &mut dyn Talk) -> Result<()> {
        TOOL.install(self, stop, talk).map(|_| ())
    }

    fn maker(&self) -> String {
        format!("{} stack={STACK_BYTES} {}", TOOL.identity(), C_DIALECT.flags.join(" "))
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

static C_KIT: Kit = Kit {
    files: files![
        "c/README.md",
        "c/sandmill.c",
        "c/sandmill.h",
        "c/sandmill_config.c",
        "c/sandmill_guest.c",
        "c/sandmill_internal.h",
        "c/sandmill_memory.c",
        "c/sandmill_number.c",
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
