//! `kind = "generate"`: records made up from a seed.

use std::num::NonZeroUsize;
use std::path::Path;

use async_trait::async_trait;

use super::SourceReader;
use crate::source;
use sandmill_engine::edge::{PipelineFolder, Source, SourceSpec, setting};
use sandmill_engine::error::Result;
use sandmill_engine::plan::SourceKind;
use sandmill_engine::plan::bounds::BATCH_BYTES_MAX;
use sandmill_engine::settings::{Fault, Key, Kind, Table};

/// What TOML's whole numbers reach.
const NUMBER_MAX: u64 = i64::MAX.cast_unsigned();

/// Its keys.
const KEYS: &[Key] = &[
    Key { name: "what", value: "text", default: "required", meaning: "`\"numbers\"`, `\"text\"` or `\"access-log\"`" },
    Key { name: "records", value: "count", default: "required", meaning: "how many records, from 0" },
    Key { name: "seed", value: "count", default: "1", meaning: "the same seed gives the same records" },
    Key {
        name: "record_bytes",
        value: "size",
        default: "100",
        meaning: "`\"text\"` only: the length of each record, 1 byte to 1 GiB",
    },
];

/// The kind in the pipeline file.
pub(super) const KIND: SourceReader = Kind { word: "generate", keys: KEYS, read };

/// Records made up from a seed: for demos and benches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generate {
    /// The kind of records to make.
    pub what: Generated,
    /// Number of records.
    pub records: u64,
    /// The seed: the same seed makes the same records.
    pub seed: u64,
}

/// The kinds of records that `generate` makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generated {
    /// `1`, `2`, `3` …
    Numbers,
    /// Printable text of this many bytes.
    Text {
        /// Length of each record, bytes.
        bytes: NonZeroUsize,
    },
    /// Lines as a web server writes them ("combined" format), bots and health checks included, and now and then a line
    /// that is broken.
    AccessLog,
}

#[async_trait]
impl SourceSpec for Generate {
    fn summary(&self) -> String {
        let what = match self.what {
            Generated::Numbers => "numbers".to_owned(),
            Generated::Text { bytes } => format!("texts of {bytes} bytes"),
            Generated::AccessLog => "lines of an access log".to_owned(),
        };
        format!("{} generated {what}, seed {}", self.records, self.seed)
    }

    fn identity(&self, _folder: &PipelineFolder) -> Vec<String> {
        let (what, bytes) = match self.what {
            Generated::Numbers => ("numbers", None),
            Generated::AccessLog => ("access-log", None),
            Generated::Text { bytes } => ("text", Some(bytes)),
        };
        let mut lines = vec![setting("kind", "\"generate\""), setting("what", format_args!("{what:?}"))];
        lines.extend([setting("records", self.records), setting("seed", self.seed)]);
        lines.extend(bytes.map(|bytes| setting("record_bytes", bytes)));
        lines
    }

    async fn open(&self) -> Result<Box<dyn Source>> {
        Ok(source::generated(self))
    }
}

fn read(section: &Table<'_>, _: &Path) -> Result<SourceKind, Fault> {
    const DEFAULT: NonZeroUsize = NonZeroUsize::new(100).expect("100 is not zero");
    let what = section.require("what")?;
    let text = Generated::Text { bytes: section.or("record_bytes", DEFAULT, |value| value.bytes(BATCH_BYTES_MAX))? };
    let choices = [("numbers", Generated::Numbers), ("text", text), ("access-log", Generated::AccessLog)];
    let what = what.choice(&choices)?;
    if let (Generated::Numbers | Generated::AccessLog, Some(bytes)) = (what, section.get("record_bytes")) {
        return Err(bytes.fault("only what = \"text\" has one"));
    }
    Ok(Generate {
        what,
        records: section.require("records")?.whole(0..=NUMBER_MAX)?,
        seed: section.or("seed", 1, |value| value.whole(0..=NUMBER_MAX))?,
    }
    .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_generated_is_described_as_the_pipeline_file_says_it() {
        let what = Generated::Text { bytes: 100.try_into().unwrap() };
        let lines = Generate { what, records: 7, seed: 1 }.identity(&PipelineFolder::of(Path::new("")));
        assert_eq!(lines.join(", "), r#"kind = "generate", what = "text", records = 7, seed = 1, record_bytes = 100"#);
    }
}
