//! `kind = "file"` of a source: files, by their paths and patterns.

use std::num::NonZeroUsize;
use std::path::Path;

use async_trait::async_trait;

use super::format::{
    COLUMNS, DELIMITER, HEADER, LENIENT, RECORD_MAX, SourceFormat, format_in_words, read_format, record_max,
    record_max_line, source_format,
};
use super::{SourceReader, opened};
use crate::source;
use sandmill_engine::edge::{PipelineFolder, Reads, Source, SourceSpec, setting, texts};
use sandmill_engine::error::Result;
use sandmill_engine::plan::SourceKind;
use sandmill_engine::settings::{Fault, Key, Kind, Table, Value};

/// Its keys.
const KEYS: &[Key] = &[
    Key {
        name: "path",
        value: "path, or array of paths",
        default: "required",
        meaning: "a file, a pattern (`\"logs/**/*.log\"`), or several; [patterns](files.md#paths)",
    },
    Key {
        name: "format",
        value: "text",
        default: "`\"lines\"`",
        meaning: "`\"lines\"`, `\"jsonl\"`, `\"csv\"` or `\"bytes\"`: each file is a record",
    },
    RECORD_MAX,
    DELIMITER,
    HEADER,
    COLUMNS,
    LENIENT,
];

/// The kind in the pipeline file.
pub(super) const KIND: SourceReader = Kind { word: "file", keys: KEYS, read };

/// Files, read one after the other in the order of their names. `.gz` and `.zst` are read as what they hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSource {
    /// Paths and glob patterns, absolute or relative to the working folder (the pipeline file's own relative paths have
    /// been joined to its folder). Each must match at least one file.
    pub patterns: Vec<String>,
    /// The format of the records.
    pub format: SourceFormat,
    /// Longest record, bytes; a longer one is a bad record.
    pub record_bytes_max: NonZeroUsize,
}

#[async_trait]
impl SourceSpec for FileSource {
    fn summary(&self) -> String {
        format!("{} ({})", self.patterns.join(", "), format_in_words(&self.format))
    }

    fn identity(&self, folder: &PipelineFolder) -> Vec<String> {
        let patterns: Vec<_> = self.patterns.iter().map(|pattern| folder.place(Path::new(pattern))).collect();
        let begin = vec![setting("kind", "\"file\""), setting("path", texts(&patterns))];
        [begin, source_format(&self.format), vec![record_max_line(self.record_bytes_max)]].concat()
    }

    fn reads(&self) -> Vec<Reads> {
        self.patterns.iter().cloned().map(Reads::Files).collect()
    }

    async fn open(&self) -> Result<Box<dyn Source>> {
        let spec = self.clone();
        opened(move || source::files(&spec)).await
    }
}

fn read(section: &Table<'_>, folder: &Path) -> Result<SourceKind, Fault> {
    let path = section.require("path")?;
    let patterns = path.texts()?;
    if patterns.is_empty() {
        return Err(path.fault("must not be empty").hint("name at least one file or pattern"));
    }
    let patterns = patterns.iter().map(|pattern| join(folder, pattern)).collect::<Result<_, _>>()?;
    let format = read_format(section, &[("bytes", SourceFormat::Files)])?;
    Ok(FileSource { patterns, format, record_bytes_max: record_max(section)? }.into())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CsvDialect;

    /// Issue 12: a refusal said "files *.bz2 as Lines, up to 16777216 bytes".
    #[test]
    fn files_are_described_as_the_pipeline_file_says_it() {
        let lines_of = |format| {
            let patterns = vec!["*.bz2".into()];
            let spec = FileSource { patterns, format, record_bytes_max: (16 << 20).try_into().unwrap() };
            spec.identity(&PipelineFolder::of(Path::new(""))).join(", ")
        };
        assert_eq!(
            lines_of(SourceFormat::Lines),
            r#"kind = "file", path = "*.bz2", format = "lines", record_max = "16MiB""#
        );
        let csv = lines_of(SourceFormat::Csv(CsvDialect {
            delimiter: b'\t',
            columns: vec!["a".into()],
            ..CsvDialect::default()
        }));
        let expected = r#"format = "csv", delimiter = "\t", lenient = false, header = true, columns = ["a"]"#;
        assert!(csv.contains(expected), "{csv}");
    }
}
