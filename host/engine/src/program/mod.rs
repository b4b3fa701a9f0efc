//! The traits between a worker and the code that it runs: something that makes instances, and instances that turn
//! records into outcomes. The sandbox is one maker, native functions are the other.

mod cannot_open;
mod failure_kind;
mod native;
mod warmth;

pub use self::cannot_open::cannot_open;
pub use self::failure_kind::FailureKind;
pub use self::native::{NativeStage, Verdict};
pub use self::warmth::Warmth;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::record::Payload;

/// A worker of a stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerId {
    /// The stage's name.
    pub stage: Arc<str>,
    /// The number of the worker in its pool, from 0.
    pub worker: usize,
}

/// Makes instances.
#[async_trait]
pub trait Program: Send + Sync + fmt::Debug {
    /// A pristine instance, opened with the stage's configuration.
    ///
    /// # Errors
    /// When it traps, exceeds a limit, or its `open` refuses the configuration.
    async fn instantiate(&self, worker: &WorkerId) -> Result<Box<dyn Instance>, GuestFailure>;

    /// Whether its instances are to be given one record, however many the stage lets them have.
    fn takes_one(&self) -> bool {
        false
    }

    /// Whether its instances are open as soon as they are made.
    fn warmth(&self) -> Warmth {
        Warmth::Unneeded
    }

    /// Bytes of log lines that its instances wrote beyond what they may, and that were not kept.
    fn log_bytes_cut(&self) -> u64 {
        0
    }
}

/// An instance. One worker calls it, one call at a time. After an error it is dropped, never called again.
#[async_trait]
pub trait Instance: Send {
    /// Turns records into outcomes. `cpu` and `wall` bound this call.
    ///
    /// # Cancel safety
    /// When the future is dropped the instance must be dropped too.
    ///
    /// # Errors
    /// When the call as a whole failed: no record of it has an outcome.
    async fn process(&mut self, records: &Payload, budget: Budget) -> Result<Outcome, GuestFailure>;

    /// Gives up what the instance holds. The outcome has no origins and no failures.
    ///
    /// # Errors
    /// As [`Self::process`].
    async fn flush(&mut self, budget: Budget) -> Result<Outcome, GuestFailure>;

    /// Time spent inside the guest since the instance was made.
    fn time_in_guest(&self) -> Duration;

    /// Keeps the lines of its log back, until it is known whether the records of a batch have to be tried again one by
    /// one.
    fn hold_words(&mut self) {}

    /// Ends holding: lines that were held are passed on, or dropped if the call will be repeated and print them again.
    fn let_words_go(&mut self, _told: bool) {}

    /// The last lines of its log, without secrets: a screenful at most.
    fn last_words(&self) -> Vec<String> {
        Vec::new()
    }

    /// Linear memory it has now, bytes.
    fn memory_bytes(&self) -> u64 {
        0
    }
}

/// The budget of one invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Processor time inside the guest.
    pub cpu: Duration,
    /// Elapsed time.
    pub wall: Duration,
    /// Fuel, where that is limited.
    pub fuel: Option<u64>,
    /// Records that it is for: what is limited for each record by itself is allowed that many times to `flush`.
    pub records: usize,
}

/// The checked outcome of one invocation: origins and failures are in range, ascend, and share no record.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// The outputs.
    pub emitted: Payload,
    /// The input record of each output; `None`: one to one, in order.
    pub origins: Option<Vec<u32>>,
    /// The port of each output; `None`: all to the first.
    pub ports: Option<Vec<u16>>,
    /// The failed input records, ascending.
    pub failures: Vec<Failure>,
}

impl Outcome {
    /// Number of the call's `records` records that have neither outputs nor a failure.
    pub(crate) fn silent(&self, records: usize) -> usize {
        let heard = self.origins.as_ref().map_or(records, |origins| origins.chunk_by(|a, b| a == b).count());
        records.saturating_sub(heard + self.failures.len())
    }
}

/// Why one record failed, as the stage worded it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The position of the record in the invocation's input.
    pub index: u32,
    /// Whether the same record may succeed later.
    pub retryable: bool,
    /// The stage's message.
    pub message: String,
}

/// The reasons for which a call of a guest fails as a whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GuestFailure {
    /// The guest trapped: a panic, an `unreachable`, an access out of bounds. The guest's code is at fault.
    #[error("{}", trap_text(.reason, .panic.as_deref()))]
    Trap {
        /// The engine's description of the trap.
        reason: String,
        /// Message and place of the panic that led to it, where the guest reported one.
        panic: Option<String>,
        /// The guest's call stack, innermost first, one function a line; empty where the component has no names.
        backtrace: Vec<String>,
    },
    /// It used more time inside the guest than `limits.cpu` allows.
    #[error("used {} of cpu time; limits.cpu allows {}", human(.used), human(.limit))]
    CpuLimit {
        /// Used so far.
        used: Duration,
        /// Allowed for the call.
        limit: Duration,
    },
    /// It took longer in all than `limits.wall` allows.
    #[error("took {}; limits.wall allows {}", human(.used), human(.limit))]
    WallLimit {
        /// Elapsed so far.
        used: Duration,
        /// Allowed for the call.
        limit: Duration,
    },
    /// It used more fuel than `limits.fuel` allows.
    #[error("used up {used} units of fuel; limits.fuel allows {limit}")]
    FuelLimit {
        /// Used when it was stopped.
        used: u64,
        /// Allowed for the call.
        limit: u64,
    },
    /// It asked for more memory than `limits.memory` allows.
    #[error("asked for {} of memory; limits.memory allows {}", bytes(*.asked), bytes(*.limit))]
    MemoryLimit {
        /// The bytes that it would have had in all.
        asked: u64,
        /// Allowed, bytes.
        limit: u64,
    },
    /// Its tables would have been larger than `limits.table` allows.
    #[error("asked for tables of {asked} elements; limits.table allows {limit}")]
    TableLimit {
        /// The elements that it would have had in all.
        asked: u64,
        /// Allowed.
        limit: u64,
    },
    /// It consists of more core instances than `limits.instances` allows.
    #[error("consists of at least {asked} core instances; limits.instances allows {limit}")]
    InstancesLimit {
        /// How many there would have been when it was stopped.
        asked: u64,
        /// Allowed.
        limit: u64,
    },
    /// It made more output of one record than `limits.output` allows.
    #[error("made {} of output from one record; limits.output allows {}", bytes(*.used), bytes(*.limit))]
    OutputLimit {
        /// Keys and values, bytes.
        used: u64,
        /// Allowed for one record, bytes.
        limit: u64,
    },
    /// It made more outputs of one record than `limits.output_records` allows.
    #[error("made {used} outputs from one record; limits.output_records allows {limit}")]
    OutputRecordsLimit {
        /// How many.
        used: u64,
        /// Allowed for one record.
        limit: u64,
    },
    /// It returned an error for the whole call.
    #[error("{0}")]
    Returned(String),
    /// Making an instance, or its `open`, took longer than any instance may take for it.
    #[error("was not ready after {} of cpu time or {} in all", human(.cpu), human(.wall))]
    OpenLimit {
        /// Time inside the guest that is allowed.
        cpu: Duration,
        /// Time in all that is allowed.
        wall: Duration,
    },
    /// The host could not make another instance: this machine has no room for it. Not the guest's fault.
    #[error("no room for another instance: {0}")]
    NoRoom(String),
    /// What it returned breaks the stage interface.
    #[error("broke the stage interface: {0}")]
    Contract(String),
}

impl GuestFailure {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::Trap { .. } => FailureKind::Trap,
            Self::CpuLimit { .. } => FailureKind::CpuLimit,
            Self::WallLimit { .. } => FailureKind::WallLimit,
            Self::FuelLimit { .. } => FailureKind::FuelLimit,
            Self::MemoryLimit { .. } => FailureKind::MemoryLimit,
            Self::TableLimit { .. } => FailureKind::TableLimit,
            Self::InstancesLimit { .. } => FailureKind::InstancesLimit,
            Self::OutputLimit { .. } => FailureKind::OutputLimit,
            Self::OutputRecordsLimit { .. } => FailureKind::OutputRecordsLimit,
            Self::Returned(_) => FailureKind::Returned,
            Self::OpenLimit { .. } => FailureKind::OpenLimit,
            Self::NoRoom(_) => FailureKind::NoRoom,
            Self::Contract(_) => FailureKind::Contract,
        }
    }

    /// The key of `limits` that was exceeded, if one was.
    #[must_use]
    pub fn limit(&self) -> Option<&'static str> {
        match self {
            Self::CpuLimit { .. } => Some("cpu"),
            Self::WallLimit { .. } => Some("wall"),
            Self::FuelLimit { .. } => Some("fuel"),
            Self::MemoryLimit { .. } => Some("memory"),
            Self::TableLimit { .. } => Some("table"),
            Self::InstancesLimit { .. } => Some("instances"),
            Self::OutputLimit { .. } => Some("output"),
            Self::OutputRecordsLimit { .. } => Some("output_records"),
            Self::Trap { .. } | Self::Returned(_) | Self::OpenLimit { .. } | Self::NoRoom(_) | Self::Contract(_) => {
                None
            }
        }
    }

    /// The guest's call stack, if there is one; innermost first.
    #[must_use]
    pub fn backtrace(&self) -> &[String] {
        if let Self::Trap { backtrace, .. } = self { backtrace } else { &[] }
    }
}

fn trap_text(reason: &str, panic: Option<&str>) -> String {
    panic.map_or_else(|| format!("trapped: {reason}"), |panic| format!("panicked: {panic}"))
}

fn human(duration: &Duration) -> String {
    // Rounded to what a person reads: three digits of the largest unit say enough.
    let rounded = match duration.as_millis() {
        0 => Duration::from_micros(u64::try_from(duration.as_micros()).unwrap_or(0)),
        millis => Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX)),
    };
    humantime::format_duration(rounded).to_string()
}

fn bytes(bytes: u64) -> String {
    bytesize::ByteSize(bytes).display().iec().to_string()
}
