//! Sources between the plan and the run: open, and not read yet.

use std::sync::Arc;

use super::overlap::Reads;
use crate::edge::{Settlement, Source};
use crate::error::Result;
use crate::plan::{ComponentSource, OnError, Retry, SourceKind, SourcePlan};

/// An open source, or a component that will be opened.
pub(super) struct OpenSource {
    pub(super) name: Arc<str>,
    pub(super) on_error: OnError,
    pub(super) retry: Retry,
    pub(super) opening: Opening,
}

pub(super) enum Opening {
    Done(Box<dyn Source>),
    Component(Box<ComponentSource>),
}

impl OpenSource {
    /// `None` where it is still to be opened.
    fn opened(&self) -> Option<&dyn Source> {
        match &self.opening {
            Opening::Done(source) => Some(source.as_ref()),
            Opening::Component(_) => None,
        }
    }

    /// The files that it will read.
    pub(super) fn reads(&self) -> Reads {
        let files = self.opened().map(Source::files).unwrap_or_default();
        Reads { source: Arc::clone(&self.name), files }
    }

    /// How it learns that it need not give a record again. A component says so itself, chunk by chunk.
    pub(super) fn settlement(&self) -> Settlement {
        self.opened().map_or(Settlement::Cursor, Source::settlement)
    }
}

/// Opens a source: its files are found, and no record is read.
///
/// # Errors
/// When there is none, or it cannot be read.
pub(super) async fn open_source(SourcePlan { name, kind, on_error, retry }: SourcePlan) -> Result<OpenSource> {
    let opening = match kind {
        SourceKind::Component(component) => Opening::Component(component),
        SourceKind::Connector(spec) => {
            Opening::Done(spec.open().await.map_err(|error| error.within(format!("source \"{name}\"")))?)
        }
    };
    Ok(OpenSource { name, on_error, retry, opening })
}
