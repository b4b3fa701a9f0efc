//! `kind = "null"`: nowhere.

use std::path::Path;

use async_trait::async_trait;

use super::SinkReader;
use crate::sink;
use sandmill_engine::edge::{PipelineFolder, Sink, SinkSpec, SinkStart, Writers, setting};
use sandmill_engine::error::Result;
use sandmill_engine::settings::{Fault, Kind, Table};

/// The kind in the pipeline file.
pub(super) const KIND: SinkReader = Kind { word: "null", keys: &[], read };

/// Nowhere: records are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NullSink;

#[async_trait]
impl SinkSpec for NullSink {
    fn summary(&self) -> String {
        "nowhere: records are counted".to_owned()
    }

    fn identity(&self, _folder: &PipelineFolder) -> Vec<String> {
        vec![setting("kind", "\"null\"")]
    }

    fn writers(&self) -> Writers {
        Writers::Many
    }

    async fn open(&self, _start: SinkStart) -> Result<Box<dyn Sink>> {
        Ok(sink::null())
    }
}

#[expect(clippy::unnecessary_wraps, reason = "all kinds are read through one type of function")]
fn read(_: &Table<'_>, _: &Path) -> Result<Box<dyn SinkSpec>, Fault> {
    Ok(Box::new(NullSink))
}
