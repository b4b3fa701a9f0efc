//! AssemblyScript: a class, compiled to a small module by its own compiler.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::node::Driver;
use crate::files::{below, is_one_of};
use crate::folder::Stage;
use crate::kit::{Kit, Unpacked, files};
use crate::language::{Job, Language, Made, Read, Scaffold};
use crate::settings::Settings;
use crate::toolchain::{Origin, Tool};
use sandmill_engine::error::Result;

/// The language.
#[derive(Debug)]
pub(super) struct AssemblyScript;

static TOOL: Tool = Tool {
    name: "assemblyscript",
    version: "0.28.20",
    megabytes: 60,
    licence: "Apache-2.0",
    origin: Origin::Npm {
        package: include_str!("../../../../guest-sdk/assemblyscript/toolchain/package.json"),
        lock: include_str!("../../../../guest-sdk/assemblyscript/toolchain/package-lock.json"),
    },
    program: "node_modules/.bin/asc",
    installed: None,
};

static DRIVER: Driver =
    Driver { tool: &TOOL, program: ".sandmill/assemblyscript/build.mjs", entry: "stage.ts", engine: None };

impl Language for AssemblyScript {
    fn name(&self) -> &'static str {
        "assemblyscript"
    }

    fn title(&self) -> &'static str {
        "AssemblyScript"
    }

    fn evidence(&self, folder: &Path) -> Option<&'static str> {
        folder.join("asconfig.json").is_file().then_some("asconfig.json")
    }

    fn read(&self, folder: &Path, settings: &Settings) -> Result<Read> {
        settings.entry(folder, DRIVER.entry)?;
        Ok(Read { name: settings.name(folder)?, sdk: Some(Unpacked::in_stage(&KIT, Path::new(""))) })
    }

    fn tool(&self) -> Option<&'static Tool> {
        Some(&TOOL)
    }

    fn maker(&self) -> String {
        TOOL.identity()
    }

    fn watched(&self, stage: &Stage) -> Result<BTreeSet<PathBuf>> {
        below(&stage.folder, &|path| is_one_of(path, &["ts", "json"]))
    }

    fn build(&self, job: &mut Job<'_>) -> Result<Made> {
        DRIVER.build(self, job)
    }

    fn scaffold(&self) -> Option<Scaffold> {
        Some(Scaffold {
            files: TEMPLATE,
            entry: DRIVER.entry,
            reserved: &["sandmill", "assembly"],
            sdk: |folder| Some(Unpacked::in_stage(&KIT, folder)),
        })
    }
}

static KIT: Kit = Kit {
    files: files![
        "assemblyscript/README.md",
        "assemblyscript/ascii.ts",
        "assemblyscript/buffer.ts",
        "assemblyscript/build.mjs",
        "assemblyscript/config.ts",
        "assemblyscript/exports.ts",
        "assemblyscript/guest.ts",
        "assemblyscript/json.ts",
        "assemblyscript/log.ts",
        "assemblyscript/output.ts",
        "assemblyscript/panic.ts",
        "assemblyscript/print.ts",
        "assemblyscript/record.ts",
        "assemblyscript/sandmill.ts",
        "assemblyscript/stage.ts",
        "assemblyscript/text.ts",
        "assemblyscript/trial.mjs",
    ],
};

const TEMPLATE: &[(&str, &str)] = &[
    ("README.md", include_str!("../../../../guest-sdk/assemblyscript/template/README.md")),
    (".gitignore", include_str!("../../../../guest-sdk/assemblyscript/template/gitignore")),
    ("sandmill.toml", include_str!("../../../../guest-sdk/assemblyscript/template/sandmill.toml")),
    ("stage.test.mjs", include_str!("../../../../guest-sdk/assemblyscript/template/stage.test.mjs")),
    ("stage.ts", include_str!("../../../../guest-sdk/assemblyscript/template/stage.ts")),
];
