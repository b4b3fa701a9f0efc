//! Rust: a package that cargo compiles to a `cdylib` library.

mod cargo;
mod flags;
mod kit;
mod manifest;
mod shared;
mod toolchain;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use self::cargo::Cargo;
use self::manifest::Manifest;
use self::toolchain::{ONLY, Toolchain};
use crate::folder::Stage;
use crate::kit::Unpacked;
use crate::language::{Job, Language, Made, Read, Scaffold};
use crate::settings::Settings;
use crate::talk::Talk;
use crate::toolchain::Status;
use sandmill_engine::error::Result;

/// The language.
#[derive(Debug)]
pub(super) struct Rust;

impl Language for Rust {
    fn name(&self) -> &'static str {
        "rust"
    }

    fn title(&self) -> &'static str {
        "Rust"
    }

    fn evidence(&self, folder: &Path) -> Option<&'static str> {
        folder.join("Cargo.toml").exists().then_some("Cargo.toml")
    }

    fn read(&self, folder: &Path, _settings: &Settings) -> Result<Read> {
        let Manifest { name, table } = Manifest::read(folder)?;
        Ok(Read { name, sdk: manifest::wanted_sdk(&table) })
    }

    fn own_status(&self) -> Result<Option<Status>> {
        toolchain::status(self.name()).map(Some)
    }

    fn own_install(&self, talk: &mut dyn Talk) -> Result<()> {
        Toolchain::find(Path::new("."), false, talk).map(|_| ())
    }

    fn maker(&self) -> String {
        format!("{} {}", flags::shared(), flags::link().join(" "))
    }

    fn variable(&self) -> String {
        ONLY.to_owned()
    }

    /// Cargo knows.
    fn watched(&self, _stage: &Stage) -> Result<BTreeSet<PathBuf>> {
        Ok(BTreeSet::new())
    }

    fn build(&self, job: &mut Job<'_>) -> Result<Made> {
        let toolchain = Toolchain::find(&job.stage.folder, job.offline, job.talk)?;
        let cargo = Cargo { stage: job.stage, toolchain: &toolchain, debug: job.debug, stop: job.stop };
        let compiled = cargo.compile(job.talk)?;
        if prints_nowhere(&compiled.module) {
            job.talk.say(PRINTS_NOWHERE);
        }
        let inputs = manifest::inputs(&compiled.dep_info, &job.stage.folder);
        let compiler = toolchain.compiler(&job.stage.folder);
        Ok(Made { wasm: compiled.module, inputs, toolchain: toolchain.name().to_owned(), compiler, flushes: None })
    }

    fn no_export_hint(&self) -> Option<&'static str> {
        Some("call `sandmill_stage::stage!(your_function);` in src/lib.rs")
    }

    fn scaffold(&self) -> Option<Scaffold> {
        Some(Scaffold {
            files: TEMPLATE,
            entry: "src/lib.rs",
            // Names that cargo or the compiler keep for themselves, and that of the crate that every stage uses.
            reserved: &["test", "core", "std", "alloc", "self", "crate", "sandmill-stage"],
            sdk: |folder| Some(Unpacked::in_stage(&kit::KIT, folder)),
        })
    }
}

const PRINTS_NOWHERE: &str = "note: in a stage, output of the standard library's macros is discarded: with `use sandmill_stage::println;` (print, eprintln, dbg …) it goes to the log";

/// Whether a module calls `std::print!` or one of its kin: the names of functions say so, in either form of mangling.
fn prints_nowhere(module: &[u8]) -> bool {
    const NAMES: [&[u8]; 4] = [b"5stdio6__print", b"5stdio7__eprint", b"5stdio6_print17h", b"5stdio7_eprint17h"];
    let mut rest = module;
    while let Some(at) = memchr::memmem::find(rest, b"5stdio") {
        rest = rest.get(at..).unwrap_or_default();
        if NAMES.iter().any(|name| rest.starts_with(name)) {
            return true;
        }
        rest = rest.get(1..).unwrap_or_default();
    }
    false
}

/// The stage itself follows what the SDK needs: with one choice of versions, stages find what another has compiled.
const LOCK: &str = concat!(
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../guest-sdk/rust/Cargo.lock")),
    "\n[[package]]\nname = \"{{name}}\"\nversion = \"0.1.0\"\ndependencies = [\"sandmill-stage\"]\n"
);

const TEMPLATE: &[(&str, &str)] = &[
    ("Cargo.toml", include_str!("template/Cargo.toml.template")),
    ("src/lib.rs", include_str!("template/lib.rs")),
    ("README.md", include_str!("template/README.md")),
    (".gitignore", "target/\n.sandmill/\n"),
    ("Cargo.lock", LOCK),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_that_prints_with_the_standard_library_is_found_by_a_name() {
        for name in ["_RNvNtNtCsebHcaeoSrxy_3std2io5stdio6__print", "_ZN3std2io5stdio7_eprint17h0123456789abcdefE"] {
            assert!(prints_nowhere(format!("5stdio {name}").as_bytes()), "{name}");
        }
        assert!(!prints_nowhere(b"library/std/src/io/stdio.rs 5stdio9StdoutRaw"));
    }

    /// An absolute path in it would be right on one machine only (issue 12).
    #[test]
    fn a_new_stage_has_no_path_of_this_machine() {
        for (path, text) in TEMPLATE {
            assert!(!text.contains(env!("CARGO_MANIFEST_DIR")) && !text.contains("path = \"/"), "{path}: {text}");
        }
        assert!(TEMPLATE[0].1.contains("path = \".sandmill/rust\""));
    }
}
