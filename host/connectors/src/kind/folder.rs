//! `kind = "folder"`: one file for each record.

use std::path::{Path, PathBuf};

use async_trait::async_trait;

use super::{SinkReader, opened};
use crate::sink;
use sandmill_engine::edge::{PipelineFolder, Sink, SinkSpec, SinkStart, Writers, Writes, setting};
use sandmill_engine::error::Result;
use sandmill_engine::settings::{Fault, Key, Kind, Table};

/// Its keys.
const KEYS: &[Key] = &[Key { name: "path", value: "path", default: "required", meaning: "the folder" }];

/// The kind in the pipeline file.
pub(super) const KIND: SinkReader = Kind { word: "folder", keys: KEYS, read };

/// A sink that writes one file per record, named by the record's key, which must be a plain relative path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderSink {
    /// The folder; created if missing.
    pub path: PathBuf,
}

#[async_trait]
impl SinkSpec for FolderSink {
    fn summary(&self) -> String {
        format!("{} (one file per record)", self.path.display())
    }

    fn identity(&self, folder: &PipelineFolder) -> Vec<String> {
        vec![setting("kind", "\"folder\""), folder.path("path", &self.path)]
    }

    fn writes(&self) -> Option<Writes> {
        Some(Writes::Folder(self.path.clone()))
    }

    fn writers(&self) -> Writers {
        Writers::Many
    }

    async fn open(&self, _start: SinkStart) -> Result<Box<dyn Sink>> {
        let spec = self.clone();
        opened(move || sink::folder(spec)).await
    }
}

fn read(section: &Table<'_>, base: &Path) -> Result<Box<dyn SinkSpec>, Fault> {
    Ok(Box::new(FolderSink { path: section.require("path")?.path(base)? }))
}
