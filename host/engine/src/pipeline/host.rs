//! What the pipelines of a process share.

use std::sync::Arc;

use super::runtimes::{Runtimes, Shared};
use crate::error::Result;
use crate::loader::Loader;

/// What pipelines run on: threads for everything that waits or copies, and the loader of components, which has the cache
/// of compiled code. Pipelines that are prepared with the same host share both.
#[derive(Clone, Debug)]
pub struct Host {
    loader: Arc<dyn Loader>,
    shared: Arc<Shared>,
}

impl Host {
    /// Starts the threads. They end with the last pipeline of the host, or with the host if that lives longer.
    ///
    /// # Errors
    /// When the process cannot start threads.
    pub fn start(loader: impl Loader + 'static) -> Result<Self> {
        Ok(Self { loader: Arc::new(loader), shared: Arc::new(Shared::start()?) })
    }

    pub(super) fn loader(&self) -> &dyn Loader {
        &*self.loader
    }

    pub(super) fn runtimes(&self) -> Runtimes {
        Runtimes::on(Arc::clone(&self.shared))
    }
}
