//! The memory and table limits of an instance: what it begins with and what it grows to, all its memories and all its
//! tables together. A refusal is recorded, because the guest sees only a failed growth and traps on its own some time
//! later.

use wasmtime::ResourceLimiter;

use sandmill_engine::plan::Limits;
use sandmill_engine::plan::bounds::INSTANCES_MAX;

/// Per instance, generous: a Rust guest has one memory and one table, an interpreter such as QuickJS three of each.
/// Of the engine's pools only address space is taken up.
pub(super) const MEMORIES_MAX: usize = 4;
pub(super) const TABLES_MAX: usize = 8;
/// Of the component, whatever its limit: that is the store's to enforce.
pub(super) const CORE_INSTANCES_MAX: usize = INSTANCES_MAX;

/// What an instance would have too many of, where the engine says so: when it compiles for its pools (of one module, or
/// of all together), or when it makes an instance without them. It has no errors of its own for these.
pub(super) fn too_many(why: &str) -> Option<String> {
    let counts = [
        (
            ["defined memories count of", "linear memories, which exceeds", "memory count too high"],
            MEMORIES_MAX,
            "memories",
        ),
        (["defined tables count of", "tables, which exceeds", "table count too high"], TABLES_MAX, "tables"),
    ];
    let (_, most, what) = counts.into_iter().find(|(words, ..)| words.iter().any(|words| why.contains(words)))?;
    Some(format!("an instance of it would have more than {most} {what}, which no limit allows"))
}

/// Counts what an instance has against what it may have.
#[derive(Debug)]
pub(super) struct MemoryLimiter {
    memory: Count,
    table: Count,
    instances: usize,
    /// Whether any growth was refused, by the limits or by the engine.
    denied: bool,
}

/// Bytes, or elements.
#[derive(Debug)]
struct Count {
    limit: u64,
    used: u64,
    /// What the last growth added: given back when the engine refuses it for reasons of its own.
    last: u64,
    refused: Option<u64>,
}

impl Count {
    fn up_to(limit: u64) -> Self {
        Self { limit, used: 0, last: 0, refused: None }
    }

    fn grow(&mut self, current: usize, desired: usize) -> bool {
        let more = (desired as u64).saturating_sub(current as u64);
        let asked = self.used.saturating_add(more);
        if asked > self.limit {
            self.refused = self.refused.max(Some(asked));
            return false;
        }
        self.last = more;
        self.used = asked;
        true
    }

    fn give_back(&mut self) {
        self.used = self.used.saturating_sub(std::mem::take(&mut self.last));
    }
}

impl MemoryLimiter {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            memory: Count::up_to(limits.memory.get()),
            table: Count::up_to(limits.table.get()),
            instances: limits.instances.get(),
            denied: false,
        }
    }

    /// The most memory that was asked for and refused, bytes.
    pub(super) fn refused(&self) -> Option<u64> {
        self.memory.refused
    }

    /// The most table elements that were asked for and refused.
    pub(super) fn refused_table(&self) -> Option<u64> {
        self.table.refused
    }

    /// Begins a call: refusals of earlier ones are not its own.
    pub(super) fn forget_refusal(&mut self) {
        self.memory.refused = None;
        self.table.refused = None;
    }

    /// Whether any growth was refused since the instance was made: by the limits, or for want of the host's own room.
    pub(super) fn was_denied(&self) -> bool {
        self.denied
    }

    /// Lets the instance have this many bytes of memory more.
    pub(super) fn allow(&mut self, bytes: u64) {
        self.memory.limit = self.memory.limit.saturating_add(bytes);
    }

    /// The memory limit, bytes.
    pub(super) fn limit(&self) -> u64 {
        self.memory.limit
    }

    /// The table limit, elements.
    pub(super) fn table_limit(&self) -> u64 {
        self.table.limit
    }

    /// Bytes that the instance has now.
    pub(super) fn used(&self) -> u64 {
        self.memory.used
    }
}

impl ResourceLimiter for MemoryLimiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let grows = self.memory.grow(current, desired);
        self.denied |= !grows;
        Ok(grows)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.memory.give_back();
        self.denied = true;
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.table.grow(current, desired))
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.table.give_back();
        Ok(())
    }

    fn instances(&self) -> usize {
        self.instances
    }

    fn tables(&self) -> usize {
        TABLES_MAX
    }

    fn memories(&self) -> usize {
        MEMORIES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_memories_and_tables_have_a_name_where_there_are_no_pools_either() {
        let store = |what: &str| too_many(&format!("resource limit exceeded: {what} count too high at 51"));
        assert_eq!(
            store("memory").unwrap(),
            "an instance of it would have more than 4 memories, which no limit allows"
        );
        assert_eq!(store("table").unwrap(), "an instance of it would have more than 8 tables, which no limit allows");
        assert_eq!(store("instance"), None);
    }
}
