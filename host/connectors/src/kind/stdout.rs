//! `kind = "stdout"`: standard output.

use std::path::Path;

use async_trait::async_trait;

use super::format::{LINE_DELIMITER, LINE_FORMAT, LineFormat, line_format, lines_in_words, sink_format};
use super::{SinkReader, opened};
use crate::sink;
use sandmill_engine::edge::{PipelineFolder, Sink, SinkSpec, SinkStart, Writers, Writes, setting};
use sandmill_engine::error::Result;
use sandmill_engine::settings::{Fault, Key, Kind, Table};

/// Its keys.
const KEYS: &[Key] = &[LINE_FORMAT, LINE_DELIMITER];

/// The kind in the pipeline file.
pub(super) const KIND: SinkReader = Kind { word: "stdout", keys: KEYS, read };

/// Standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StdoutSink {
    /// How records are written.
    pub format: LineFormat,
}

#[async_trait]
impl SinkSpec for StdoutSink {
    fn summary(&self) -> String {
        format!("standard output ({})", lines_in_words(self.format))
    }

    fn identity(&self, _folder: &PipelineFolder) -> Vec<String> {
        [vec![setting("kind", "\"stdout\"")], sink_format(self.format)].concat()
    }

    fn writes(&self) -> Option<Writes> {
        Some(Writes::Stdout)
    }

    fn writers(&self) -> Writers {
        Writers::One("standard output takes one batch after the other")
    }

    async fn open(&self, _start: SinkStart) -> Result<Box<dyn Sink>> {
        let spec = *self;
        opened(move || sink::stdout(spec)).await
    }
}

fn read(section: &Table<'_>, _: &Path) -> Result<Box<dyn SinkSpec>, Fault> {
    Ok(Box::new(StdoutSink { format: line_format(section)? }))
}
