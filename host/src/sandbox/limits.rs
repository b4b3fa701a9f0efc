//! The memory limit of an instance: initial and grown memory, all its memories together. A refusal is recorded, because
//! the guest sees only a failed `memory.grow` and traps on its own some time later.

use wasmtime::ResourceLimiter;

/// Tables hold function references: a guest needs hundreds, a table bomb asks for billions.
const TABLE_ELEMENTS_MAX: usize = 1 << 20;

/// Counts an instance's memory against its limit.
#[derive(Debug)]
pub(super) struct MemoryLimiter {
    limit: u64,
    used: u64,
    refused: Option<u64>,
}

impl MemoryLimiter {
    pub(super) fn new(limit: u64) -> Self {
        Self { limit, used: 0, refused: None }
    }

    /// The most that was asked for and refused, bytes.
    pub(super) fn refused(&self) -> Option<u64> {
        self.refused
    }

    /// The limit, bytes.
    pub(super) fn limit(&self) -> u64 {
        self.limit
    }
}

impl ResourceLimiter for MemoryLimiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let more = (desired as u64).saturating_sub(current as u64);
        let asked = self.used.saturating_add(more);
        if asked > self.limit {
            self.refused = self.refused.max(Some(asked));
            return Ok(false);
        }
        self.used = asked;
        Ok(true)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS_MAX)
    }
}
