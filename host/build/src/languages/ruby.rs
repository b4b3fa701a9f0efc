//! Ruby: a script, the SDK and the interpreter, in one component. Nothing is compiled: a script is data.

mod interpreter;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use self::interpreter::{ADAPTER, with_text};
use crate::encode;
use crate::files::{below, is_one_of};
use crate::folder::{Stage, unreadable};
use crate::kit::{Kit, Unpacked, files};
use crate::language::{Job, Language, Made, Read, Scaffold};
use crate::settings::{Settings, World};
use crate::toolchain::{Origin, Tool};
use sandmill_engine::error::{Error, Result};
use sandmill_engine::plan::{Reuse, Suggested};

/// The language.
#[derive(Debug)]
pub(super) struct Ruby;

/// With its standard library: a stage without `json` and `time` is not what people write.
static TOOL: Tool = Tool {
    name: "ruby",
    version: "2.10.1",
    megabytes: 104,
    licence: "MIT; Ruby: BSD-2-Clause",
    origin: Origin::Npm {
        package: include_str!("../../../../guest-sdk/ruby/toolchain/package.json"),
        lock: include_str!("../../../../guest-sdk/ruby/toolchain/package-lock.json"),
    },
    program: "node_modules/@ruby/4.0-wasm-wasi/dist/ruby+stdlib.wasm",
    installed: None,
};

/// Exports the stage, and answers what the interpreter imports.
const GLUE: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../guest-sdk/adapters/ruby.wasm"));
/// Evaluated first. It takes the files that follow.
const BOOT: &str = "ruby/boot.rb";

impl Language for Ruby {
    fn name(&self) -> &'static str {
        "ruby"
    }

    fn title(&self) -> &'static str {
        "Ruby"
    }

    fn evidence(&self, folder: &Path) -> Option<&'static str> {
        folder.join(ENTRY).is_file().then_some(ENTRY)
    }

    fn read(&self, folder: &Path, settings: &Settings) -> Result<Read> {
        settings.entry(folder, ENTRY)?;
        Ok(Read { name: settings.name(folder)?, sdk: Some(Unpacked::in_stage(&KIT, Path::new(""))) })
    }

    fn tool(&self) -> Option<&'static Tool> {
        Some(&TOOL)
    }

    fn maker(&self) -> String {
        TOOL.identity()
    }

    fn watched(&self, stage: &Stage) -> Result<BTreeSet<PathBuf>> {
        below(&stage.folder, &|path| is_one_of(path, &["rb"]) && !is_test(path))
    }

    fn build(&self, job: &mut Job<'_>) -> Result<Made> {
        let found = TOOL.find(self, job)?;
        let sources = Sources::read(job.stage)?;
        let interpreter = fs::read(&found.program).map_err(|error| unreadable(&found.program, error))?;
        let unusable = |why: String| {
            Error::config(format!(
                "\"{}\" is not a Ruby interpreter that can be built into a stage",
                found.program.display()
            ))
            .caused_by(why)
            .hint(format!("it is dist/ruby+stdlib.wasm of npm's @ruby/4.0-wasm-wasi {}", TOOL.version))
        };
        let module = with_text(&interpreter, &sources.bundle()).map_err(|error| unusable(error.to_string()))?;
        let component = encode::adapted(&module, ADAPTER, GLUE, sources.world());
        let wasm = component.map_err(|error| unusable(format!("{error:#}")))?;
        let toolchain = format!("@ruby/4.0-wasm-wasi {}", found.version);
        Ok(Made { wasm, inputs: BTreeSet::new(), toolchain, compiler: found.installed(), flushes: sources.flushes() })
    }

    /// Making an instance takes as long as some thousands of records, and compiling the interpreter half a minute.
    fn defaults(&self) -> Suggested {
        Suggested {
            memory: Some(256 << 20),
            cpu: Some(Duration::from_secs(1)),
            compile: Some(Duration::from_secs(300)),
            reuse: Some(Reuse::Worker),
            ..Suggested::default()
        }
    }

    fn scaffold(&self) -> Option<Scaffold> {
        Some(Scaffold {
            files: TEMPLATE,
            entry: ENTRY,
            reserved: &["sandmill"],
            sdk: |folder| Some(Unpacked::in_stage(&KIT, folder)),
        })
    }
}

fn is_test(path: &Path) -> bool {
    let stem = path.file_stem().unwrap_or_default().as_encoded_bytes();
    stem.starts_with(b"test_") || stem.ends_with(b"_test") || stem.ends_with(b"_spec")
}

/// The files of a stage, of which the first has the function.
struct Sources(Vec<(String, Vec<u8>)>);

impl Sources {
    fn read(stage: &Stage) -> Result<Self> {
        let entry = stage.folder.join(stage.settings.entry(&stage.folder, ENTRY)?);
        let others = stage.language.watched(stage)?.into_iter().filter(|path| *path != entry);
        let read = |path: PathBuf| {
            let text = fs::read(&path).map_err(|error| unreadable(&path, error))?;
            let name = path.strip_prefix(&stage.folder).unwrap_or(&path);
            Ok((name.to_string_lossy().into_owned(), text))
        };
        std::iter::once(entry.clone()).chain(others).map(read).collect::<Result<_>>().map(Self)
    }

    /// As `boot.rb` reads it, after that program with its length.
    fn bundle(&self) -> Vec<u8> {
        let boot = KIT.files.iter().find(|(name, _)| *name == BOOT).map_or("", |(_, text)| text);
        let library = KIT.files.iter().filter(|(name, _)| name.starts_with("ruby/lib/"));
        let library = library.map(|(name, text)| (format!(".sandmill/{name}"), text.as_bytes()));
        let own = self.0.iter().map(|(name, text)| (name.clone(), text.as_slice()));
        let files: Vec<(String, &[u8])> = own.chain(library).collect();
        let mut bundle = Vec::new();
        number(&mut bundle, boot.len() + 1);
        bundle.extend_from_slice(boot.as_bytes());
        bundle.push(0);
        number(&mut bundle, files.len());
        for (name, text) in files {
            number(&mut bundle, name.len());
            number(&mut bundle, text.len());
            bundle.extend_from_slice(name.as_bytes());
            bundle.extend_from_slice(text);
        }
        bundle
    }

    /// What the component exports. The interpreter would only say so when it runs.
    fn world(&self) -> World {
        if self.begins_a_line("Sandmill.source") { World::RecordSource } else { World::Stage }
    }

    /// Whether the stage gives outputs at its end: it has a method of that name, or nobody mentions it.
    fn flushes(&self) -> Option<bool> {
        if self.begins_a_line("def flush") {
            return Some(true);
        }
        let mentions = |text: &[u8]| String::from_utf8_lossy(text).contains("flush");
        (!self.0.iter().any(|(_, text)| mentions(text))).then_some(false)
    }

    fn begins_a_line(&self, words: &str) -> bool {
        let is_there =
            |text: &[u8]| String::from_utf8_lossy(text).lines().any(|line| line.trim_start().starts_with(words));
        self.0.iter().any(|(_, text)| is_there(text))
    }
}

/// Four bytes, the least significant first.
fn number(bytes: &mut Vec<u8>, number: usize) {
    bytes.extend_from_slice(&u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes());
}

const ENTRY: &str = "stage.rb";

static KIT: Kit = Kit {
    files: files![
        "ruby/README.md",
        "ruby/boot.rb",
        "ruby/lib/sandmill.rb",
        "ruby/lib/sandmill/columns.rb",
        "ruby/lib/sandmill/declared.rb",
        "ruby/lib/sandmill/emitted.rb",
        "ruby/lib/sandmill/guest.rb",
        "ruby/lib/sandmill/instance.rb",
        "ruby/lib/sandmill/json.rb",
        "ruby/lib/sandmill/log.rb",
        "ruby/lib/sandmill/open_source.rb",
        "ruby/lib/sandmill/outputs.rb",
        "ruby/lib/sandmill/place.rb",
        "ruby/lib/sandmill/reach.rb",
        "ruby/lib/sandmill/schema.rb",
        "ruby/lib/sandmill/trial.rb",
        "ruby/sig/sandmill.rbs",
        "wit/stage.wit",
    ],
};

const TEMPLATE: &[(&str, &str)] = &[
    ("README.md", include_str!("../../../../guest-sdk/ruby/template/README.md")),
    (".gitignore", include_str!("../../../../guest-sdk/ruby/template/gitignore")),
    ("sandmill.toml", include_str!("../../../../guest-sdk/ruby/template/sandmill.toml")),
    ("stage.rb", include_str!("../../../../guest-sdk/ruby/template/stage.rb")),
    ("test_stage.rb", include_str!("../../../../guest-sdk/ruby/template/test_stage.rb")),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(text: &str) -> Sources {
        Sources(vec![("stage.rb".to_owned(), text.as_bytes().to_vec())])
    }

    #[test]
    fn a_text_says_what_it_is_without_being_run() {
        assert_eq!(stage("Sandmill.stage { |line| line }").world(), World::Stage);
        assert_eq!(stage("# Sandmill.source is for others\nSandmill.stage").world(), World::Stage);
        assert_eq!(stage("require \"sandmill\"\n  Sandmill.source do").world(), World::RecordSource);
        let flushes = ["class A\n  def flush = []\nend", "Sandmill.stage", "include Flushing # has flush"].map(stage);
        assert_eq!(flushes.map(|stage| stage.flushes()), [Some(true), Some(false), None]);
    }

    /// `boot.rb` reads it, and takes the first file for the one with the stage.
    #[test]
    fn the_boot_program_comes_first_and_then_the_stage() {
        let bundle = stage("x = 1").bundle();
        let word = |at: usize| u32::from_le_bytes(bundle[at..at + 4].try_into().unwrap()) as usize;
        let boot = word(0);
        assert_eq!(bundle[4 + boot - 1], 0, "as C ends a text");
        assert_eq!(word(4 + boot), 1 + KIT.files.iter().filter(|(name, _)| name.starts_with("ruby/lib/")).count());
        let first = 8 + boot;
        assert_eq!((word(first), word(first + 4)), ("stage.rb".len(), "x = 1".len()));
        assert_eq!(&bundle[first + 8..first + 21], b"stage.rbx = 1");
    }

    #[test]
    fn the_adapter_is_what_its_text_says() {
        let text = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../guest-sdk/adapters/ruby.wat"));
        assert!(wat::parse_str(text).unwrap() == GLUE, "assemble guest-sdk/adapters/ruby.wat again: scripts/adapters");
    }
}
