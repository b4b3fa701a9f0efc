//! `[source]`.

use std::num::NonZeroUsize;
use std::path::Path;

use super::contradiction::consistent_limits;
use super::fault::Fault;
use super::grant::grants;
use super::json;
use super::kind::{Kind, csv_dialect, refuse_csv};
use super::table::Table;
use super::value::Value;
use crate::plan::bounds::{BATCH_BYTES_MAX, RECORD_BYTES_DEFAULT};
use crate::plan::{ComponentSource, FileSource, Generate, Generated, Matter, SourceKind, StdinSource};

/// What TOML's whole numbers reach.
const NUMBER_MAX: u64 = i64::MAX.cast_unsigned();

/// Keys of every source.
pub(super) const COMMON: &[&str] = &["name", "kind", "on_error", "retry"];

/// All kinds of sources.
pub(super) const KINDS: &[Kind<SourceKind>] = &[
    Kind {
        word: "file",
        keys: &["path", "format", "delimiter", "lenient", "header", "columns", "record_max"],
        read: file,
    },
    Kind { word: "stdin", keys: &["format", "delimiter", "lenient", "header", "columns", "record_max"], read: stdin },
    Kind { word: "generate", keys: &["what", "records", "seed", "record_bytes"], read: generate },
    Kind { word: "component", keys: &["component", "config", "limits", "grant"], read: component },
];

fn file(section: &Table<'_>, folder: &Path) -> Result<SourceKind, Fault> {
    let path = section.require("path")?;
    let patterns = path.texts()?;
    if patterns.is_empty() {
        return Err(path.fault("must not be empty").hint("name at least one file or pattern"));
    }
    let patterns = patterns.iter().map(|pattern| join(folder, pattern)).collect::<Result<_, _>>()?;
    let matter = matter(section, &[("bytes", Matter::Files)])?;
    Ok(SourceKind::File(FileSource { patterns, matter, record_bytes_max: record_max(section)? }))
}

fn stdin(section: &Table<'_>, _: &Path) -> Result<SourceKind, Fault> {
    Ok(SourceKind::Stdin(StdinSource { matter: matter(section, &[])?, record_bytes_max: record_max(section)? }))
}

fn generate(section: &Table<'_>, _: &Path) -> Result<SourceKind, Fault> {
    const DEFAULT: NonZeroUsize = NonZeroUsize::new(100).expect("100 is not zero");
    let what = section.require("what")?;
    let text = Generated::Text { bytes: section.or("record_bytes", DEFAULT, |value| value.bytes(BATCH_BYTES_MAX))? };
    let choices = [("numbers", Generated::Numbers), ("text", text), ("access-log", Generated::AccessLog)];
    let what = what.choice(&choices)?;
    if let (Generated::Numbers | Generated::AccessLog, Some(bytes)) = (what, section.get("record_bytes")) {
        return Err(bytes.fault("only what = \"text\" has one"));
    }
    Ok(SourceKind::Generate(Generate {
        what,
        records: section.require("records")?.whole(0..=NUMBER_MAX)?,
        seed: section.or("seed", 1, |value| value.whole(0..=NUMBER_MAX))?,
    }))
}

fn component(section: &Table<'_>, folder: &Path) -> Result<SourceKind, Fault> {
    Ok(SourceKind::Component(ComponentSource {
        component: section.require("component")?.path(folder)?,
        config: json::config(section)?,
        limits: consistent_limits(section)?,
        grants: grants(section, folder)?,
    }))
}

/// `format`, with what this kind of source has beside the formats of all.
fn matter(section: &Table<'_>, more: &[(&str, Matter)]) -> Result<Matter, Fault> {
    let csv = Matter::Csv(csv_dialect(section)?);
    let all = [("lines", Matter::Lines), ("jsonl", Matter::JsonLines), ("csv", csv.clone())];
    let choices: Vec<_> = all.iter().chain(more).cloned().collect();
    let matter = section.or("format", Matter::Lines, |value| value.choice(&choices))?;
    if !matches!(matter, Matter::Csv(_)) {
        refuse_csv(section)?;
    }
    Ok(matter)
}

fn record_max(section: &Table<'_>) -> Result<NonZeroUsize, Fault> {
    section.or("record_max", RECORD_BYTES_DEFAULT, |value| value.bytes(BATCH_BYTES_MAX))
}

/// A pattern, relative to the folder, whose own name is none.
fn join(folder: &Path, value: &Value<'_>) -> Result<String, Fault> {
    let pattern = value.path_text()?;
    if let Err(error) = glob::Pattern::new(pattern) {
        return Err(value
            .fault(&format!("this pattern cannot be read: {}", error.msg))
            .hint("\"*\", \"?\" and \"[\" have a meaning here; \"[[]\" stands for a bracket"));
    }
    let folder =
        folder.to_str().ok_or_else(|| value.fault("the pipeline file's folder has a name that is not UTF-8"))?;
    let path = Path::new(&glob::Pattern::escape(folder)).join(pattern);
    path.into_os_string().into_string().map_err(|_| value.fault("is not UTF-8"))
}
