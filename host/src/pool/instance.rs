//! What a worker needs of the code it runs: something that makes instances, and instances that turn records into
//! outcomes. The sandbox is one maker, native functions are the other.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::record::Payload;

/// Which worker of which stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerId {
    /// The stage.
    pub stage: Arc<str>,
    /// Which worker of its pool, from 0.
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
}

/// One instance. It is called by one worker, one call at a time. After an error it is dropped, never called again.
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
}

/// What one invocation may use up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Time inside the guest.
    pub cpu: Duration,
    /// Time in all.
    pub wall: Duration,
}

/// What became of the records of one invocation, checked: origins and failures are in range, ascend, and share no record.
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

/// Why one record failed, in the stage's own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which record of the invocation's input.
    pub index: u32,
    /// Whether the same record may succeed later.
    pub retryable: bool,
    /// The stage's message.
    pub message: String,
}

/// Why a call of a guest failed as a whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GuestFailure {
    /// The guest trapped: a panic, an `unreachable`, an access out of bounds. The guest's code is at fault.
    #[error("{}", trap_text(.reason, .panic.as_deref()))]
    Trap {
        /// What the engine says of the trap.
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
    /// It asked for more memory than `limits.memory` allows.
    #[error("asked for {} of memory; limits.memory allows {}", bytes(*.asked), bytes(*.limit))]
    MemoryLimit {
        /// What it would have had in all, bytes.
        asked: u64,
        /// Allowed, bytes.
        limit: u64,
    },
    /// It returned an error for the whole call.
    #[error("{0}")]
    Returned(String),
    /// The host could not make another instance: this machine has no room for it. Not the guest's fault.
    #[error("there is no room for another instance: {0}")]
    NoRoom(String),
    /// What it returned breaks the stage interface.
    #[error("broke the stage interface: {0}")]
    Contract(String),
}

impl GuestFailure {
    /// A word for tables and machine-readable reports.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Trap { .. } => "trap",
            Self::CpuLimit { .. } => "cpu-limit",
            Self::WallLimit { .. } => "wall-limit",
            Self::MemoryLimit { .. } => "memory-limit",
            Self::Returned(_) => "returned",
            Self::NoRoom(_) => "no-room",
            Self::Contract(_) => "contract",
        }
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
