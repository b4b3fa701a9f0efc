//! The sink that keeps nothing: its records are counted as delivered by the task that writes to it.

use async_trait::async_trait;

use sandmill_engine::edge::{Records, Rejected, Sink};
use sandmill_engine::error::Result;

/// Takes everything and keeps nothing.
#[derive(Debug)]
pub(super) struct Null;

#[async_trait]
impl Sink for Null {
    async fn write(&mut self, _records: &Records<'_>) -> Result<Vec<Rejected>> {
        Ok(Vec::new())
    }

    async fn writer(&mut self) -> Result<Box<dyn Sink>> {
        Ok(Box::new(Self))
    }
}
