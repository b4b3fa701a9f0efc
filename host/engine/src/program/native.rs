//! A stage that is a function of the host program: no sandbox, same runner. The baseline that the sandbox is measured
//! against, and the way to put trusted code between untrusted stages. A panic counts as a trap.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::{Budget, Failure, GuestFailure, Instance, Outcome, Program, WorkerId};
use crate::panic::panic_message;
use crate::record::Payload;
use crate::time::Instant;

/// A native function's verdict on one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It has written its outputs (none: the record is dropped).
    Done,
    /// The record failed; what was written for it is taken back.
    Failed(String),
    /// The same, but another attempt may succeed.
    Retryable(String),
}

type Function = dyn Fn(Option<&[u8]>, &[u8], &mut Payload) -> Verdict + Send + Sync;

/// A stage that is a function from one record (key, value) to any number of records, pushed onto the payload it is
/// given.
#[derive(Clone)]
pub struct NativeStage {
    function: Arc<Function>,
    is_pure: bool,
}

impl NativeStage {
    /// Wraps a function.
    pub fn new(function: impl Fn(Option<&[u8]>, &[u8], &mut Payload) -> Verdict + Send + Sync + 'static) -> Self {
        Self { function: Arc::new(function), is_pure: false }
    }

    /// Says that what the function does with a record depends on that record alone, and does nothing else. With order by key,
    /// records of one key may then be processed at the same time; they leave in order all the same.
    #[must_use]
    pub fn pure(self) -> Self {
        Self { is_pure: true, ..self }
    }

    /// Whether [it was said](Self::pure).
    pub(crate) fn is_pure(&self) -> bool {
        self.is_pure
    }
}

impl fmt::Debug for NativeStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NativeStage")
    }
}

#[async_trait]
impl Program for NativeStage {
    async fn instantiate(&self, _worker: &WorkerId) -> Result<Box<dyn Instance>, GuestFailure> {
        Ok(Box::new(NativeInstance { function: Arc::clone(&self.function), busy: Duration::ZERO }))
    }
}

struct NativeInstance {
    function: Arc<Function>,
    busy: Duration,
}

#[async_trait]
impl Instance for NativeInstance {
    async fn process(&mut self, records: &Payload, _budget: Budget) -> Result<Outcome, GuestFailure> {
        let begun = Instant::now();
        // The function is dropped with the instance after a panic, and outputs start empty: nothing torn is seen again.
        let outcome = catch_unwind(AssertUnwindSafe(|| run(&*self.function, records)));
        self.busy += begun.elapsed();
        outcome.map_err(|panic| GuestFailure::Trap {
            reason: "the function panicked".to_owned(),
            panic: Some(panic_message(&*panic)),
            backtrace: Vec::new(),
        })
    }

    async fn flush(&mut self, _budget: Budget) -> Result<Outcome, GuestFailure> {
        Ok(Outcome::default())
    }

    fn time_in_guest(&self) -> Duration {
        self.busy
    }
}

fn run(function: &Function, records: &Payload) -> Outcome {
    let mut outcome = Outcome::default();
    let mut origins = Vec::with_capacity(records.len());
    for (index, value) in (0_u32..).zip(records.values().iter()) {
        let key = records.key(index as usize);
        let before = outcome.emitted.len();
        let (retryable, message) = match function(key, value, &mut outcome.emitted) {
            Verdict::Done => {
                origins.resize(outcome.emitted.len(), index);
                continue;
            }
            Verdict::Failed(message) => (false, message),
            Verdict::Retryable(message) => (true, message),
        };
        outcome.emitted.truncate(before);
        outcome.failures.push(Failure { index, retryable, message });
    }
    let one_to_one = origins.len() == records.len() && (0_u32..).zip(&origins).all(|(a, b)| a == *b);
    outcome.origins = (!one_to_one).then_some(origins);
    outcome
}
