//! The memory limit of an instance: initial and grown memory, all its memories together. A refusal is recorded, because
//! the guest sees only a failed `memory.grow` and traps on its own some time later.

use wasmtime::ResourceLimiter;

/// Per instance, generous: a Rust guest has one memory and one table, an interpreter such as QuickJS three of each, and
/// CPython comes as 38 core instances. Of the engine's pools only address space is taken up.
pub(super) const MEMORIES_MAX: usize = 4;
pub(super) const TABLES_MAX: usize = 8;
pub(super) const CORE_INSTANCES_MAX: usize = 64;
/// Tables hold function references: a guest needs hundreds, a table bomb asks for billions.
/// What the engine's pools hold, too.
pub(super) const TABLE_ELEMENTS_MAX: usize = 20_000;

/// Counts an instance's memory against its limit.
#[derive(Debug)]
pub(super) struct MemoryLimiter {
    limit: u64,
    used: u64,
    /// What the last growth added: given back when the engine refuses it for reasons of its own.
    last: u64,
    refused: Option<u64>,
}

impl MemoryLimiter {
    pub(super) fn new(limit: u64) -> Self {
        Self { limit, used: 0, last: 0, refused: None }
    }

    /// The most that was asked for and refused, bytes.
    pub(super) fn refused(&self) -> Option<u64> {
        self.refused
    }

    /// Begins a call: refusals of earlier ones are not its own.
    pub(super) fn forget_refusal(&mut self) {
        self.refused = None;
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
        self.last = more;
        self.used = asked;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.used = self.used.saturating_sub(std::mem::take(&mut self.last));
        Ok(())
    }

    fn instances(&self) -> usize {
        CORE_INSTANCES_MAX
    }

    fn tables(&self) -> usize {
        TABLES_MAX
    }

    fn memories(&self) -> usize {
        MEMORIES_MAX
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS_MAX)
    }
}
