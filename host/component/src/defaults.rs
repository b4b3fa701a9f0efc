//! Settings that a component suggests for its stage, in a custom section of its own: TOML, written by the build of its
//! language.
//!
//! ```toml
//! memory = "128MiB"
//! cpu = "500ms"
//! compile = "5min"
//! reuse = "batch"
//! warm = true
//! language = "python"
//! toolchain = "componentize-py 0.25.1"
//! ```
//!
//! A command suggests nothing, and has 128 MiB of memory: programs bring a runtime along.
//!
//! Nobody vouches for it, so it is short, has no other keys, and no number beyond what a pipeline file may say
//! ([`StagePlan::suggest`](sandmill_engine::plan::StagePlan::suggest)).

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};
use wasmparser::{BinaryReader, ComponentExportSectionReader, Export, ExportSectionReader, ExternalKind};

use crate::section;
use sandmill_engine::error::{Error, Result};
use sandmill_engine::legible::one_line;
use sandmill_engine::plan::{Reuse, Suggested};

/// The export of a command, before the version.
pub const RUN: &str = "wasi:cli/run@0.2.";

/// The name of the section.
pub const SECTION: &str = "sandmill:defaults";
/// Default memory of a command: Go's collector and CPython want more than a stage in C.
const COMMAND_MEMORY_BYTES: u64 = 128 << 20;
/// Its longest content, bytes.
const BYTES_MAX: usize = 4096;
/// Longest name of a language or toolchain, bytes.
const NAME_BYTES_MAX: usize = 200;

/// As it is written in the section.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cpu: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    compile: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reuse: Option<Reuse>,
    #[serde(skip_serializing_if = "Option::is_none")]
    warm: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    toolchain: Option<String>,
}

/// Adds what a component suggests to it. Of several such sections the last one counts.
///
/// # Errors
/// When it is longer than a section may be.
pub fn embed(component: &mut Vec<u8>, suggested: &Suggested) -> Result<()> {
    let Suggested { memory, cpu, compile, reuse, warm, language, toolchain } = suggested.clone();
    let written = Written {
        memory: memory.map(|bytes| format!("{bytes}B")),
        cpu: cpu.map(|time| humantime::format_duration(time).to_string()),
        compile: compile.map(|time| humantime::format_duration(time).to_string()),
        reuse,
        warm,
        language,
        toolchain,
    };
    let text = toml::to_string(&written).map_err(|error| Error::internal("defaults are TOML").caused_by(error))?;
    read(text.as_bytes()).map_err(|why| Error::config(format!("the component's defaults cannot be written: {why}")))?;
    section::append(component, SECTION, text.as_bytes());
    Ok(())
}

/// What the component in this file suggests; nothing where it suggests nothing, or the file cannot be read: whoever
/// loads it says why.
///
/// # Errors
/// When the section is not what it should be.
pub fn of_file(path: &Path) -> Result<Option<Suggested>> {
    let seen = File::open(path).and_then(|file| look(&mut BufReader::new(file))).unwrap_or_default();
    told(seen, path)
}

/// The same, for a component in memory.
pub fn of(wasm: &[u8], path: &Path) -> Result<Option<Suggested>> {
    told(look(&mut io::Cursor::new(wasm)).unwrap_or_default(), path)
}

fn told(seen: Seen, path: &Path) -> Result<Option<Suggested>> {
    let read = match seen.found {
        None if seen.is_command => {
            return Ok(Some(Suggested { memory: Some(COMMAND_MEMORY_BYTES), ..Suggested::default() }));
        }
        None => return Ok(None),
        Some(Found::TooLong(bytes)) => Err(format!("they are {bytes} bytes long, and {BYTES_MAX} are allowed")),
        Some(Found::Text(text)) => read(&text),
    };
    read.map(Some).map_err(|why| {
        Error::config(format!("the defaults in component \"{}\" cannot be read", path.display()))
            .caused_by(one_line(&why))
            .hint("build it again with this version of sandmill")
    })
}

/// The sections at the top of a file.
#[derive(Default)]
struct Seen {
    found: Option<Found>,
    is_command: bool,
}

enum Found {
    Text(Vec<u8>),
    TooLong(u64),
}

/// Sections that list exports: of a module, of a component.
const MODULE_EXPORTS: u8 = 7;
const COMPONENT_EXPORTS: u8 = 11;
/// As much of such a list is looked at. Arbitrary: a command has a few exports.
const EXPORT_BYTES_MAX: u64 = 1 << 20;

/// Looks for the section among those at the top, of which it reads no more than their heads; and at what is exported.
fn look(wasm: &mut (impl Read + Seek)) -> io::Result<Seen> {
    let mut head = [0; 8];
    wasm.read_exact(&mut head)?;
    let exports = if head.ends_with(&[0, 0]) { MODULE_EXPORTS } else { COMPONENT_EXPORTS };
    let mut seen = Seen::default();
    let mut kind = [0; 1];
    while head.starts_with(b"\0asm") && wasm.read(&mut kind)? == 1 {
        let length = length(wasm)?;
        let end = wasm.stream_position()?.saturating_add(length);
        if kind == [0] {
            seen.found = content(wasm, end)?.or(seen.found);
        }
        if kind == [exports] && length <= EXPORT_BYTES_MAX {
            let mut content = Vec::new();
            wasm.by_ref().take(length).read_to_end(&mut content)?;
            seen.is_command |= exports_a_program(exports, &content);
        }
        wasm.seek(SeekFrom::Start(end))?;
    }
    Ok(seen)
}

/// Whether a list of exports has what makes a command.
fn exports_a_program(kind: u8, content: &[u8]) -> bool {
    let list = BinaryReader::new(content, 0);
    match kind {
        MODULE_EXPORTS => ExportSectionReader::new(list)
            .is_ok_and(|exports| exports.into_iter().flatten().any(|export| is_start(&export))),
        _ => ComponentExportSectionReader::new(list)
            .is_ok_and(|exports| exports.into_iter().flatten().any(|export| export.name.name.starts_with(RUN))),
    }
}

/// The content of a custom section that ends there, if it is ours.
fn content(wasm: &mut (impl Read + Seek), end: u64) -> io::Result<Option<Found>> {
    if length(wasm)? != SECTION.len() as u64 {
        return Ok(None);
    }
    let mut name = [0; SECTION.len()];
    wasm.read_exact(&mut name)?;
    if name != SECTION.as_bytes() {
        return Ok(None);
    }
    let bytes = end.saturating_sub(wasm.stream_position()?);
    if bytes > BYTES_MAX as u64 {
        return Ok(Some(Found::TooLong(bytes)));
    }
    let mut text = Vec::new();
    wasm.take(bytes).read_to_end(&mut text)?;
    Ok(Some(Found::Text(text)))
}

/// A length as Wasm writes it, in at most five bytes.
fn length(wasm: &mut impl Read) -> io::Result<u64> {
    let mut length = 0;
    for shift in [0, 7, 14, 21, 28] {
        let mut byte = [0; 1];
        wasm.read_exact(&mut byte)?;
        let [byte] = byte;
        length |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(length);
        }
    }
    Err(io::ErrorKind::InvalidData.into())
}

fn read(text: &[u8]) -> std::result::Result<Suggested, String> {
    if text.len() > BYTES_MAX {
        return Err(format!("they are {} bytes long, and {BYTES_MAX} are allowed", text.len()));
    }
    let text = std::str::from_utf8(text).map_err(|error| error.to_string())?;
    let written: Written = toml::from_str(text).map_err(|error| error.message().to_owned())?;
    let memory = written.memory.map(|text| text.trim().parse::<ByteSize>().map(|ByteSize(bytes)| bytes));
    let time = |text: String| humantime::parse_duration(text.trim());
    let name = |name: Option<String>| match name {
        Some(name) if name.len() > NAME_BYTES_MAX => Err(format!("a name has more than {NAME_BYTES_MAX} bytes")),
        name => Ok(name),
    };
    Ok(Suggested {
        memory: memory.transpose().map_err(|why| format!("memory: {why}"))?,
        cpu: written.cpu.map(time).transpose().map_err(|why| format!("cpu: {why}"))?.filter(|time| !time.is_zero()),
        compile: written.compile.map(time).transpose().map_err(|why| format!("compile: {why}"))?,
        reuse: written.reuse,
        warm: written.warm,
        language: name(written.language)?,
        toolchain: name(written.toolchain)?,
    })
}

/// Whether this export makes a command of a core module.
pub fn is_start(export: &Export<'_>) -> bool {
    export.name == "_start" && export.kind == ExternalKind::Func
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn component() -> Vec<u8> {
        wat::parse_str("(component (core module (func)) (component))").unwrap()
    }

    /// With this text in the section.
    fn saying(text: &str) -> Vec<u8> {
        wat::parse_str(format!("(component (@custom \"sandmill:defaults\" \"{text}\") (core module (func)))")).unwrap()
    }

    fn read_of(wasm: &[u8]) -> Result<Option<Suggested>> {
        of(wasm, Path::new("x.wasm"))
    }

    #[test]
    fn what_is_embedded_is_read_and_the_component_is_still_one() {
        let mut wasm = component();
        assert_eq!(read_of(&wasm).unwrap(), None);
        let suggested = Suggested {
            memory: Some(128 << 20),
            cpu: Some(Duration::from_millis(500)),
            compile: Some(Duration::from_secs(300)),
            reuse: Some(Reuse::Batch),
            warm: Some(true),
            language: Some("python".to_owned()),
            toolchain: Some("componentize-py 0.25.1".to_owned()),
        };
        embed(&mut wasm, &suggested).unwrap();
        assert_eq!(read_of(&wasm).unwrap(), Some(suggested));
        embed(&mut wasm, &Suggested::default()).unwrap();
        assert_eq!(read_of(&wasm).unwrap(), Some(Suggested::default()), "the last one counts");
        wasmparser::validate(&wasm).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.wasm");
        std::fs::write(&path, &wasm).unwrap();
        assert_eq!(of_file(&path).unwrap(), Some(Suggested::default()));
        assert_eq!(of_file(Path::new("missing.wasm")).unwrap(), None);
    }

    #[test]
    fn what_nobody_vouches_for_is_bounded_and_has_no_other_keys() {
        for (text, why) in [
            ("grant = 1", "unknown field `grant`"),
            ("memory = 5", "invalid type"),
            ("memory = \\22much\\22", "memory: "),
            ("cpu = \\22soon\\22", "cpu: "),
            ("reuse = \\22always\\22", "unknown variant"),
            ("\\ff", "utf-8"),
        ] {
            let refused = format!("{:?}", read_of(&saying(text)).unwrap_err());
            assert!(refused.contains(why), "{text}: {refused}");
        }
        let long = read_of(&saying(&" ".repeat(BYTES_MAX + 1))).unwrap_err();
        assert!(format!("{long:?}").contains("4097 bytes long"), "{long:?}");
        let name = "x".repeat(NAME_BYTES_MAX + 1);
        assert!(embed(&mut component(), &Suggested { language: Some(name), ..Suggested::default() }).is_err());
    }

    #[test]
    fn what_is_cut_off_or_is_no_component_suggests_nothing() {
        let whole = saying("memory = \\2264MiB\\22");
        for end in 0..whole.len() {
            drop(read_of(&whole[..end]));
        }
        assert_eq!(read_of(b"").unwrap(), None);
        assert_eq!(read_of(b"\0asm\x01\0\0\0\0\xff\xff\xff\xff\xff\xff").unwrap(), None);
        assert_eq!(read_of(&saying("memory = \\2264MiB\\22")).unwrap().unwrap().memory, Some(64 << 20));
    }
}
