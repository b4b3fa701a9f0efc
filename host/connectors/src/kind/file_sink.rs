//! `kind = "file"` of a sink: one file of text.

use std::path::{Path, PathBuf};

use async_trait::async_trait;

use super::format::{
    IfExists, LINE_DELIMITER, LINE_FORMAT, LineFormat, if_exists, line_format, lines_in_words, sink_format,
};
use super::{SinkReader, opened};
use crate::sink;
use sandmill_engine::edge::{PipelineFolder, Sink, SinkSpec, SinkStart, Writers, Writes, setting};
use sandmill_engine::error::Result;
use sandmill_engine::settings::{Fault, Key, Kind, Table};

/// Its keys.
const KEYS: &[Key] = &[
    Key { name: "path", value: "path", default: "required", meaning: "the file" },
    LINE_FORMAT,
    LINE_DELIMITER,
    Key {
        name: "if_exists",
        value: "text",
        default: "`\"replace\"`",
        meaning: "`\"replace\"`, `\"append\"` or `\"fail\"`",
    },
];

/// The kind in the pipeline file.
pub(super) const KIND: SinkReader = Kind { word: "file", keys: KEYS, read };

/// A sink that writes one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSink {
    /// Where; missing folders are made.
    pub path: PathBuf,
    /// How.
    pub format: LineFormat,
    /// What to do if the file exists.
    pub if_exists: IfExists,
}

#[async_trait]
impl SinkSpec for FileSink {
    fn summary(&self) -> String {
        format!("{} ({})", self.path.display(), lines_in_words(self.format))
    }

    fn identity(&self, folder: &PipelineFolder) -> Vec<String> {
        let begin = vec![setting("kind", "\"file\""), folder.path("path", &self.path)];
        [begin, sink_format(self.format)].concat()
    }

    fn writes(&self) -> Option<Writes> {
        Some(Writes::File(self.path.clone()))
    }

    fn writers(&self) -> Writers {
        Writers::One("a file takes one batch after the other, at its end")
    }

    async fn open(&self, start: SinkStart) -> Result<Box<dyn Sink>> {
        let if_exists = if start.appends { IfExists::Append } else { self.if_exists };
        let spec = Self { if_exists, ..self.clone() };
        opened(move || sink::file(spec, start.resumes)).await
    }
}

fn read(section: &Table<'_>, base: &Path) -> Result<Box<dyn SinkSpec>, Fault> {
    Ok(Box::new(FileSink {
        path: section.require("path")?.path(base)?,
        format: line_format(section)?,
        if_exists: if_exists(section, IfExists::Replace)?,
    }))
}
