//! A sink that calls a function for each record.

use async_trait::async_trait;

use crate::edge::{Records, Rejected, Sink};
use crate::error::Result;

/// Gives each record to a function, key and value.
pub(super) struct ForEach<F>(pub(super) F);

#[async_trait]
impl<F: FnMut(Option<&[u8]>, &[u8]) + Send> Sink for ForEach<F> {
    async fn write(&mut self, records: &Records<'_>) -> Result<Vec<Rejected>> {
        for (index, value) in records.values().iter().enumerate() {
            (self.0)(records.key(index), value);
        }
        Ok(Vec::new())
    }
}
