//! A stage that keeps state between records, or wants to emit without an allocation.

use std::fmt;

use serde::de::DeserializeOwned;

use crate::output::{Outcome, Output};
use crate::record::Batch;
use crate::{Failure, Record, config};

/// A stage with state: opened once for each instance, called for every record, flushed before it is retired.
///
/// How long an instance lives is for the pipeline file to say. With `reuse = "worker"` it sees many batches; with the
/// default, `reuse = "batch"`, state does not outlive the batch.
///
/// ```
/// use sandmill_stage::{Failure, Output, Record, Stage};
///
/// struct Longest(Vec<u8>);
///
/// impl Stage for Longest {
///     type Config = sandmill_stage::NoConfig;
///
///     fn open(_: Self::Config) -> Result<Self, Failure> {
///         Ok(Self(Vec::new()))
///     }
///
///     fn process(&mut self, record: Record<'_>, _: &mut Output) -> Result<(), Failure> {
///         if record.value.len() > self.0.len() {
///             self.0 = record.value.to_vec();
///         }
///         Ok(())
///     }
///
///     fn flush(&mut self, out: &mut Output) -> Result<(), Failure> {
///         out.emit(std::mem::take(&mut self.0));
///         Ok(())
///     }
/// }
/// sandmill_stage::stage!(impl Longest);
/// # fn main() {}
/// ```
pub trait Stage: Sized + 'static {
    /// What the pipeline file's `config` table is read as; [`NoConfig`](crate::NoConfig) when there is nothing to set.
    type Config: DeserializeOwned;

    /// Makes the stage, before the first record.
    ///
    /// # Errors
    /// Why it cannot work with this configuration. The pipeline does not start.
    fn open(config: Self::Config) -> Result<Self, Failure>;

    /// Takes a record, and emits what it makes of it: nothing, one output, or many.
    ///
    /// # Errors
    /// Why the record failed; what was emitted for it is taken back.
    fn process(&mut self, record: Record<'_>, out: &mut Output) -> Result<(), Failure>;

    /// Gives up what the stage holds: the input has ended, or the instance is about to be retired.
    ///
    /// # Errors
    /// Why what it holds is lost.
    fn flush(&mut self, out: &mut Output) -> Result<(), Failure> {
        let _ = out;
        Ok(())
    }
}

/// An open stage, of whatever form: what the exported functions call.
pub trait Instance: fmt::Debug {
    /// Takes the records of one invocation.
    fn process(&mut self, batch: Batch) -> Outcome;

    /// Gives up what it holds.
    ///
    /// # Errors
    /// Why what it holds is lost.
    fn flush(&mut self) -> Result<Outcome, Failure>;
}

/// Opens a stage.
///
/// # Errors
/// Why the configuration does not fit.
pub fn open<S: Stage>(config: &str) -> Result<Box<dyn Instance>, Failure> {
    Ok(Box::new(StageInstance(S::open(config::parse(config)?)?)))
}

struct StageInstance<S>(S);

impl<S> fmt::Debug for StageInstance<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StageInstance")
    }
}

impl<S: Stage> Instance for StageInstance<S> {
    fn process(&mut self, batch: Batch) -> Outcome {
        let mut out = Output::for_batch(&batch);
        out.each(&batch, |record, out| self.0.process(record, out));
        out.finish()
    }

    fn flush(&mut self) -> Result<Outcome, Failure> {
        let mut out = Output::default();
        self.0.flush(&mut out)?;
        Ok(out.finish())
    }
}
