//! The sink that keeps nothing: its records are counted as delivered by whoever writes to it.

use async_trait::async_trait;

use sandmill_engine::edge::{Rejected, Sink};
use sandmill_engine::error::Result;
use sandmill_engine::record::Payload;

/// Takes everything and keeps nothing.
#[derive(Debug)]
pub(super) struct Null;

#[async_trait]
impl Sink for Null {
    async fn write(&mut self, _records: &Payload) -> Result<Vec<Rejected>> {
        Ok(Vec::new())
    }
}
