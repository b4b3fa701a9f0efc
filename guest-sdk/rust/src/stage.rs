//! A stage that keeps state between records, or wants to emit without an allocation.

use std::fmt;
use std::marker::PhantomData;

use serde::de::DeserializeOwned;

use crate::output::{Outcome, Output};
use crate::record::Batch;
use crate::{Failure, Record, config};

/// A stage with state: opened once for each instance, called for every record. One that keeps records, or what it has
/// counted, for its end implements [`Flush`] too.
///
/// How long an instance lives is for the pipeline file to say. With `reuse = "worker"` it sees many batches; with the
/// default, `reuse = "batch"`, state does not outlive the batch.
///
/// ```
/// use sandmill_stage::{Failure, Flush, Output, Record, Stage};
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
/// }
///
/// impl Flush for Longest {
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
}

/// A stage that gives outputs at its end: counts, groups, whatever it has kept.
///
/// There is one result for each instance, so the whole input has one result only where there is one instance: with
/// `reuse = "worker"` and `workers = 1` in the pipeline file. The component says that it implements this trait, and
/// `sandmill check` warns where a pipeline file would get results of parts of the input.
pub trait Flush: Stage {
    /// Gives up what the stage holds: the input has ended, or the instance is about to be retired.
    ///
    /// # Errors
    /// Why what it holds is lost.
    fn flush(&mut self, out: &mut Output) -> Result<(), Failure>;
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

/// What the macros ask of a type: how it is opened, and whether it implements [`Flush`]. What is written for this type itself
/// takes precedence over what [`Unflushed`] gives to all, where its bounds hold: so the compiler decides.
#[derive(Debug)]
pub struct Form<S>(PhantomData<S>);

impl<S: Flush> Form<S> {
    /// It gives outputs at its end.
    pub const FLUSHES: bool = true;

    /// Opens the stage.
    ///
    /// # Errors
    /// Why the configuration does not fit.
    pub fn open(config: &str) -> Result<Box<dyn Instance>, Failure> {
        let stage = S::open(config::parse(config)?)?;
        Ok(Box::new(StageInstance { stage, flush: Some(S::flush) }))
    }
}

/// The same for a type that does not implement [`Flush`].
pub trait Unflushed {
    /// It gives no outputs at its end.
    const FLUSHES: bool = false;

    /// Opens the stage.
    ///
    /// # Errors
    /// Why the configuration does not fit.
    fn open(config: &str) -> Result<Box<dyn Instance>, Failure>;
}

impl<S: Stage> Unflushed for Form<S> {
    fn open(config: &str) -> Result<Box<dyn Instance>, Failure> {
        Ok(Box::new(StageInstance { stage: S::open(config::parse(config)?)?, flush: None }))
    }
}

type FlushOf<S> = fn(&mut S, &mut Output) -> Result<(), Failure>;

struct StageInstance<S> {
    stage: S,
    flush: Option<FlushOf<S>>,
}

impl<S> fmt::Debug for StageInstance<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StageInstance")
    }
}

impl<S: Stage> Instance for StageInstance<S> {
    fn process(&mut self, batch: Batch) -> Outcome {
        let mut out = Output::for_batch(&batch);
        out.each(&batch, |record, out| self.stage.process(record, out));
        out.finish()
    }

    fn flush(&mut self) -> Result<Outcome, Failure> {
        let mut out = Output::default();
        if let Some(flush) = self.flush {
            flush(&mut self.stage, &mut out)?;
        }
        Ok(out.finish())
    }
}
