//! JavaScript and TypeScript: a bundle, made by rolldown, in an engine that travels inside this program.

mod engine;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::node::{Driven, Driver};
use crate::driver::Form;
use crate::files::{below, is_one_of};
use crate::folder::{Stage, unreadable};
use crate::kit::{Kit, Unpacked, files};
use crate::language::{Job, Language, Made, Read, Scaffold};
use crate::settings::{Reach, Settings};
use crate::toolchain::{Origin, Tool};
use sandmill_component::kept::{javascript_engine, javascript_engine_sha256};
use sandmill_engine::error::{Error, Result};
use sandmill_engine::plan::Suggested;

/// JavaScript.
#[derive(Debug)]
pub(super) struct JavaScript;

/// TypeScript.
#[derive(Debug)]
pub(super) struct TypeScript;

static TOOL: Tool = Tool {
    name: "rolldown",
    version: "1.3.2",
    megabytes: 22,
    licence: "MIT",
    origin: Origin::Npm {
        package: include_str!("../../../../../guest-sdk/javascript/toolchain/package.json"),
        lock: include_str!("../../../../../guest-sdk/javascript/toolchain/package-lock.json"),
    },
    program: "node_modules/.bin/rolldown",
    installed: None,
};

const DRIVER: &str = ".sandmill/javascript/build.mjs";
static JAVASCRIPT: Driver = Driver { tool: &TOOL, program: DRIVER, entry: "stage.js", engine: Some(javascript_engine) };
static TYPESCRIPT: Driver = Driver { tool: &TOOL, program: DRIVER, entry: "stage.ts", engine: Some(javascript_engine) };

/// What the engine has a way to ask for.
const REACHES: [Reach; 2] = [Reach::Time, Reach::Random];

fn read(folder: &Path, settings: &Settings, driver: &Driver) -> Result<Read> {
    settings.entry(folder, driver.entry)?;
    Ok(Read { name: settings.name(folder)?, sdk: Some(Unpacked::in_stage(&KIT, Path::new(""))) })
}

/// The stage's code, and the engine that it runs on.
fn maker() -> String {
    format!("{}, engine {}", TOOL.identity(), javascript_engine_sha256())
}

fn build(driver: &Driver, language: &dyn Language, job: &mut Job<'_>) -> Result<Made> {
    let Driven { bytes: memory, form: Form { world, flushes }, toolchain, compiler } = driver.run(language, job)?;
    let path = javascript_engine()?;
    let engine = fs::read(&path).map_err(|error| unreadable(&path, error))?;
    let wasm = engine::stage(&engine, &memory, world, &job.stage.settings.reach)
        .map_err(|error| Error::internal("the engine that travels inside this program").caused_by(error.to_string()))?;
    Ok(Made { wasm, inputs: BTreeSet::new(), toolchain, compiler, flushes })
}

fn watched(stage: &Stage) -> Result<BTreeSet<PathBuf>> {
    let endings = ["js", "mjs", "ts", "mts", "json"];
    below(&stage.folder, &|path| is_one_of(path, &endings) && !is_test(path))
}

fn is_test(path: &Path) -> bool {
    path.file_stem().is_some_and(|stem| stem.as_encoded_bytes().ends_with(b".test"))
}

fn suggested() -> Suggested {
    Suggested { memory: Some(128 << 20), cpu: Some(Duration::from_millis(500)), ..Suggested::default() }
}

fn scaffold(files: &'static [(&'static str, &'static str)], entry: &'static str) -> Scaffold {
    Scaffold { files, entry, reserved: &["sandmill"], sdk: |folder| Some(Unpacked::in_stage(&KIT, folder)) }
}

impl Language for JavaScript {
    fn name(&self) -> &'static str {
        "javascript"
    }

    fn title(&self) -> &'static str {
        "JavaScript"
    }

    fn evidence(&self, folder: &Path) -> Option<&'static str> {
        ["stage.js", "stage.mjs"].into_iter().find(|name| folder.join(name).is_file())
    }

    fn read(&self, folder: &Path, settings: &Settings) -> Result<Read> {
        read(folder, settings, &JAVASCRIPT)
    }

    fn tool(&self) -> Option<&'static Tool> {
        Some(&TOOL)
    }

    fn reaches(&self) -> &'static [Reach] {
        &REACHES
    }

    fn maker(&self) -> String {
        maker()
    }

    fn watched(&self, stage: &Stage) -> Result<BTreeSet<PathBuf>> {
        watched(stage)
    }

    fn build(&self, job: &mut Job<'_>) -> Result<Made> {
        build(&JAVASCRIPT, self, job)
    }

    fn defaults(&self) -> Suggested {
        suggested()
    }

    fn scaffold(&self) -> Option<Scaffold> {
        Some(scaffold(TEMPLATE, JAVASCRIPT.entry))
    }
}

impl Language for TypeScript {
    fn name(&self) -> &'static str {
        "typescript"
    }

    fn title(&self) -> &'static str {
        "TypeScript"
    }

    fn evidence(&self, folder: &Path) -> Option<&'static str> {
        // AssemblyScript has the same ending, and a configuration of its own.
        let is_here = folder.join("stage.ts").is_file() && !folder.join("asconfig.json").is_file();
        is_here.then_some("stage.ts")
    }

    fn read(&self, folder: &Path, settings: &Settings) -> Result<Read> {
        read(folder, settings, &TYPESCRIPT)
    }

    fn tool(&self) -> Option<&'static Tool> {
        Some(&TOOL)
    }

    fn reaches(&self) -> &'static [Reach] {
        &REACHES
    }

    fn maker(&self) -> String {
        maker()
    }

    fn watched(&self, stage: &Stage) -> Result<BTreeSet<PathBuf>> {
        watched(stage)
    }

    fn build(&self, job: &mut Job<'_>) -> Result<Made> {
        build(&TYPESCRIPT, self, job)
    }

    fn defaults(&self) -> Suggested {
        suggested()
    }

    fn scaffold(&self) -> Option<Scaffold> {
        Some(scaffold(TEMPLATE_TS, TYPESCRIPT.entry))
    }
}

static KIT: Kit = Kit {
    files: files![
        "javascript/README.md",
        "javascript/build.mjs",
        "javascript/build/engine.mjs",
        "javascript/build/read.mjs",
        "javascript/index.d.ts",
        "javascript/index.js",
        "javascript/package.json",
        "javascript/src/columns.js",
        "javascript/src/declared.js",
        "javascript/src/emitted.js",
        "javascript/src/engine.js",
        "javascript/src/guest.js",
        "javascript/src/instance.js",
        "javascript/src/json.js",
        "javascript/src/log.js",
        "javascript/src/outputs.js",
        "javascript/src/place.js",
        "javascript/src/prepare.js",
        "javascript/src/reach.js",
        "javascript/src/schema.js",
        "javascript/src/source.js",
        "javascript/src/trial.js",
    ],
};

const TEMPLATE: &[(&str, &str)] = &[
    ("README.md", include_str!("../../../../../guest-sdk/javascript/template/README.md")),
    (".gitignore", include_str!("../../../../../guest-sdk/javascript/template/gitignore")),
    ("package.json", include_str!("../../../../../guest-sdk/javascript/template/package.json")),
    ("sandmill.toml", include_str!("../../../../../guest-sdk/javascript/template/sandmill.toml")),
    ("stage.js", include_str!("../../../../../guest-sdk/javascript/template/stage.js")),
    ("stage.test.mjs", include_str!("../../../../../guest-sdk/javascript/template/stage.test.mjs")),
];

const TEMPLATE_TS: &[(&str, &str)] = &[
    ("README.md", include_str!("../../../../../guest-sdk/javascript/template-ts/README.md")),
    (".gitignore", include_str!("../../../../../guest-sdk/javascript/template-ts/gitignore")),
    ("package.json", include_str!("../../../../../guest-sdk/javascript/template-ts/package.json")),
    ("sandmill.toml", include_str!("../../../../../guest-sdk/javascript/template-ts/sandmill.toml")),
    ("stage.test.ts", include_str!("../../../../../guest-sdk/javascript/template-ts/stage.test.ts")),
    ("stage.ts", include_str!("../../../../../guest-sdk/javascript/template-ts/stage.ts")),
    ("tsconfig.json", include_str!("../../../../../guest-sdk/javascript/template-ts/tsconfig.json")),
];
