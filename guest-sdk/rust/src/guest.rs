//! The Wasm side: generated bindings, and what the exported functions do. One instance holds one stage or source.

use std::cell::RefCell;
use std::fmt::{self, Arguments};
use std::panic::PanicHookInfo;

use crate::Failure;
use crate::column::Column;
use crate::log::Level;
use crate::output::Outcome;
use crate::print::Stream;
use crate::record::Batch;
use crate::source::OpenSource;
use crate::stage::Instance;

use self::stage::sandmill::stage::host;

/// Bindings of the world `stage`.
#[expect(
    clippy::all,
    clippy::restriction,
    missing_docs,
    unreachable_pub,
    unsafe_code,
    unused_qualifications,
    reason = "generated"
)]
pub mod stage {
    include!("bindings/stage.rs");
}

/// Bindings of the world `record-source`.
#[expect(
    clippy::all,
    clippy::restriction,
    missing_docs,
    unreachable_pub,
    unsafe_code,
    unused_qualifications,
    reason = "generated"
)]
pub mod record_source {
    include!("bindings/record_source.rs");
}

use self::record_source::exports::sandmill::stage::source::{Batch as SourceBatch, Chunk};
use self::record_source::sandmill::stage::types as source_types;
use self::stage::exports::sandmill::stage::transform::{Batch as StageBatch, Outcome as StageOutcome};
use self::stage::sandmill::stage::types as stage_types;

thread_local! {
    static STAGE: RefCell<Option<Box<dyn Instance>>> = const { RefCell::new(None) };
    static SOURCE: RefCell<Option<Box<dyn OpenSource>>> = const { RefCell::new(None) };
}

/// `transform.open`.
///
/// # Errors
/// Why the stage cannot work with this configuration.
pub fn open_stage(config: &str, open: impl FnOnce(&str) -> Result<Box<dyn Instance>, Failure>) -> Result<(), String> {
    report_panics();
    let instance = open(config).map_err(Failure::into_message)?;
    STAGE.set(Some(instance));
    Ok(())
}

/// `transform.process`.
///
/// # Errors
/// When the stage is not open.
pub fn process(input: StageBatch) -> Result<StageOutcome, String> {
    let batch = Batch {
        values: Column { data: input.values.data, ends: input.values.ends },
        keys: Column { data: input.keys.data, ends: input.keys.ends },
    };
    with_stage(|stage| Ok(stage.process(batch)))
}

/// `transform.flush`.
///
/// # Errors
/// Why what the stage holds is lost.
pub fn flush() -> Result<StageOutcome, String> {
    with_stage(|stage| stage.flush())
}

/// `source.open`.
///
/// # Errors
/// Why the source cannot work with this configuration, or begin there.
pub fn open_source(open: impl FnOnce() -> Result<Box<dyn OpenSource>, Failure>) -> Result<(), String> {
    report_panics();
    let source = open().map_err(Failure::into_message)?;
    SOURCE.set(Some(source));
    Ok(())
}

/// `source.pull`.
///
/// # Errors
/// Why there are no more records.
pub fn pull(max: u32) -> Result<Chunk, String> {
    SOURCE.with_borrow_mut(|source| {
        let source = source.as_mut().ok_or("pull was called before open")?;
        let (outcome, pulled) = source.pull(max).map_err(Failure::into_message)?;
        let Batch { values, keys } = outcome.emitted;
        let records = SourceBatch {
            values: source_types::Column { data: values.data, ends: values.ends },
            keys: source_types::Column { data: keys.data, ends: keys.ends },
        };
        Ok(Chunk { records, cursor: pulled.cursor, done: pulled.done })
    })
}

pub(crate) fn log(level: Level, message: Arguments<'_>) {
    let level = match level {
        Level::Debug => host::Level::Debug,
        Level::Info => host::Level::Info,
        Level::Warn => host::Level::Warn,
        Level::Error => host::Level::Error,
    };
    host::log(level, &fmt::format(message));
}

pub(crate) fn print(stream: Stream, text: Arguments<'_>) {
    let level = match stream {
        Stream::Out => host::Level::Info,
        Stream::Err => host::Level::Warn,
    };
    match text.as_str() {
        Some(text) => host::write(level, text.as_bytes()),
        None => host::write(level, fmt::format(text).as_bytes()),
    }
}

fn with_stage(call: impl FnOnce(&mut dyn Instance) -> Result<Outcome, Failure>) -> Result<StageOutcome, String> {
    STAGE.with_borrow_mut(|stage| {
        let stage = stage.as_mut().ok_or("a stage was called before open")?;
        call(stage.as_mut()).map(lower).map_err(Failure::into_message)
    })
}

fn lower(outcome: Outcome) -> StageOutcome {
    let Batch { values, keys } = outcome.emitted;
    let failures = outcome.failures.into_iter().map(|(index, failure)| stage_types::Failure {
        index,
        retryable: failure.is_retryable(),
        message: failure.into_message(),
    });
    StageOutcome {
        emitted: StageBatch {
            values: stage_types::Column { data: values.data, ends: values.ends },
            keys: stage_types::Column { data: keys.data, ends: keys.ends },
        },
        origins: outcome.origins,
        ports: outcome.ports,
        failures: failures.collect(),
    }
}

/// A panic ends in a trap that says nothing, so the host is told beforehand.
fn report_panics() {
    std::panic::set_hook(Box::new(|panic: &PanicHookInfo<'_>| {
        let message = panic.payload_as_str().unwrap_or("a panic without a message");
        let place = panic.location().map_or_else(String::new, ToString::to_string);
        host::panicked(message, &place);
    }));
}
