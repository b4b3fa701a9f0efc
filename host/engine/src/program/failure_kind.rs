//! Kinds of failures, as dead letters name them.

use std::fmt;

/// Why a record failed, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// The guest trapped.
    Trap,
    /// More time inside the guest than `limits.cpu`.
    CpuLimit,
    /// More time in all than `limits.wall`.
    WallLimit,
    /// More fuel than `limits.fuel`.
    FuelLimit,
    /// More memory than `limits.memory`.
    MemoryLimit,
    /// Larger tables than `limits.table`.
    TableLimit,
    /// More core instances than `limits.instances`.
    InstancesLimit,
    /// More output from one record than `limits.output`.
    OutputLimit,
    /// More outputs from one record than `limits.output_records`.
    OutputRecordsLimit,
    /// The stage returned an error.
    Returned,
    /// An instance was not ready in time.
    OpenLimit,
    /// The host could not make another instance.
    NoRoom,
    /// The stage broke its interface.
    Contract,
    /// A source could not read it as a record.
    BadInput,
    /// A sink refused it.
    Rejected,
}

impl FailureKind {
    /// All kinds.
    pub const ALL: [Self; 15] = [
        Self::Trap,
        Self::CpuLimit,
        Self::WallLimit,
        Self::FuelLimit,
        Self::MemoryLimit,
        Self::TableLimit,
        Self::InstancesLimit,
        Self::OutputLimit,
        Self::OutputRecordsLimit,
        Self::Returned,
        Self::OpenLimit,
        Self::NoRoom,
        Self::Contract,
        Self::BadInput,
        Self::Rejected,
    ];

    /// The word for it: `trap`, `cpu-limit`, `bad-input` …
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Trap => "trap",
            Self::CpuLimit => "cpu-limit",
            Self::WallLimit => "wall-limit",
            Self::FuelLimit => "fuel-limit",
            Self::MemoryLimit => "memory-limit",
            Self::TableLimit => "table-limit",
            Self::InstancesLimit => "instances-limit",
            Self::OutputLimit => "output-limit",
            Self::OutputRecordsLimit => "output-records-limit",
            Self::Returned => "returned",
            Self::OpenLimit => "open-limit",
            Self::NoRoom => "no-room",
            Self::Contract => "contract",
            Self::BadInput => "bad-input",
            Self::Rejected => "rejected",
        }
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
