//! A source: makes records from nothing but its configuration.

use std::fmt;

use serde::de::DeserializeOwned;

use crate::output::{Outcome, Output};
use crate::{Failure, config};

/// Makes records, a chunk at a time, until it is done.
///
/// ```
/// use sandmill_stage::{Failure, Output, Pulled, Source};
///
/// struct Countdown(u32);
///
/// #[derive(serde::Deserialize)]
/// struct Config {
///     from: u32,
/// }
///
/// impl Source for Countdown {
///     type Config = Config;
///
///     fn open(config: Config, cursor: Option<String>) -> Result<Self, Failure> {
///         Ok(Self(cursor.map_or(Ok(config.from), |cursor| cursor.parse())?))
///     }
///
///     fn pull(&mut self, max: u32, out: &mut Output) -> Result<Pulled, Failure> {
///         for _ in 0..max.min(self.0) {
///             out.emit(self.0.to_string());
///             self.0 -= 1;
///         }
///         Ok(Pulled { done: self.0 == 0, cursor: self.0.to_string() })
///     }
/// }
/// sandmill_stage::source!(Countdown);
/// # fn main() {}
/// ```
pub trait Source: Sized + 'static {
    /// What the pipeline file's `config` table is read as; [`NoConfig`](crate::NoConfig) when there is nothing to set.
    type Config: DeserializeOwned;

    /// Makes the source. `cursor` is where to begin, as a [`Pulled`] of an earlier run said; none at the start.
    ///
    /// # Errors
    /// Why it cannot work with this configuration, or begin there. The pipeline does not start.
    fn open(config: Self::Config, cursor: Option<String>) -> Result<Self, Failure>;

    /// Emits at most `max` records. Fewer, or none, does not mean the end: [`Pulled::done`] does.
    ///
    /// # Errors
    /// Why there are no more records; what was emitted by this call is lost.
    fn pull(&mut self, max: u32, out: &mut Output) -> Result<Pulled, Failure>;
}

/// How far a source has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pulled {
    /// There are no records after these.
    pub done: bool,
    /// Where the next records begin: what [`Source::open`] is given to go on from here.
    pub cursor: String,
}

/// An open source: what the exported functions call.
pub trait OpenSource: fmt::Debug {
    /// Takes at most `max` records.
    ///
    /// # Errors
    /// Why there are no more.
    fn pull(&mut self, max: u32) -> Result<(Outcome, Pulled), Failure>;
}

/// Opens a source.
///
/// # Errors
/// Why the configuration or the cursor does not fit.
pub fn open<S: Source>(config: &str, cursor: Option<String>) -> Result<Box<dyn OpenSource>, Failure> {
    Ok(Box::new(Opened(S::open(config::parse(config)?, cursor)?)))
}

struct Opened<S>(S);

impl<S> fmt::Debug for Opened<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opened")
    }
}

impl<S: Source> OpenSource for Opened<S> {
    fn pull(&mut self, max: u32) -> Result<(Outcome, Pulled), Failure> {
        let mut out = Output::default();
        let pulled = self.0.pull(max, &mut out)?;
        let outcome = out.finish();
        if !outcome.ports.is_empty() {
            return Err("a source has one output: it cannot emit to another".into());
        }
        Ok((outcome, pulled))
    }
}
