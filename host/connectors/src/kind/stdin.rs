//! `kind = "stdin"`: standard input.

use std::num::NonZeroUsize;
use std::path::Path;

use async_trait::async_trait;

use super::format::{
    COLUMNS, DELIMITER, HEADER, LENIENT, RECORD_MAX, SourceFormat, format_in_words, read_format, record_max,
    source_format,
};
use super::{SourceReader, opened};
use crate::source;
use sandmill_engine::edge::{PipelineFolder, Reads, Source, SourceSpec, setting};
use sandmill_engine::error::Result;
use sandmill_engine::plan::SourceKind;
use sandmill_engine::settings::{Fault, Key, Kind, Table};

/// Its keys.
const KEYS: &[Key] = &[
    Key { name: "format", value: "text", default: "`\"lines\"`", meaning: "`\"lines\"`, `\"jsonl\"` or `\"csv\"`" },
    RECORD_MAX,
    DELIMITER,
    HEADER,
    COLUMNS,
    LENIENT,
];

/// The kind in the pipeline file.
pub(super) const KIND: SourceReader = Kind { word: "stdin", keys: KEYS, read };

/// Standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StdinSource {
    /// The format of the records. Never [`SourceFormat::Files`].
    pub format: SourceFormat,
    /// Longest record, bytes; a longer one is a bad record.
    pub record_bytes_max: NonZeroUsize,
}

#[async_trait]
impl SourceSpec for StdinSource {
    fn summary(&self) -> String {
        format!("standard input ({})", format_in_words(&self.format))
    }

    fn identity(&self, _folder: &PipelineFolder) -> Vec<String> {
        [vec![setting("kind", "\"stdin\"")], source_format(&self.format)].concat()
    }

    fn reads(&self) -> Vec<Reads> {
        vec![Reads::Stdin]
    }

    async fn open(&self) -> Result<Box<dyn Source>> {
        let spec = self.clone();
        opened(move || source::stdin(&spec)).await
    }
}

fn read(section: &Table<'_>, _: &Path) -> Result<SourceKind, Fault> {
    Ok(StdinSource { format: read_format(section, &[])?, record_bytes_max: record_max(section)? }.into())
}
