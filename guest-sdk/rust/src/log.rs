//! Lines for the person who runs the pipeline. The host adds stage and worker, and bounds their length; natively, in a
//! stage's tests, they go to stderr.
//!
//! ```
//! use sandmill_stage::log;
//!
//! let line = "GET /";
//! log::warn!("no status in {line:?}");
//! ```

use std::fmt::Arguments;

pub use crate::{__log_debug as debug, __log_error as error, __log_info as info, __log_warn as warn};

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Of use to the stage's author.
    Debug,
    /// Worth knowing.
    Info,
    /// Something is odd, and the stage went on.
    Warn,
    /// Something went wrong.
    Error,
}

/// Logs a line; [`debug!`], [`info!`], [`warn!`](macro@warn) and [`error!`] are shorter.
pub fn log(level: Level, message: Arguments<'_>) {
    #[cfg(target_arch = "wasm32")]
    crate::guest::log(level, message);
    #[cfg(not(target_arch = "wasm32"))]
    to_stderr(level, message);
}

#[cfg(not(target_arch = "wasm32"))]
#[expect(clippy::print_stderr, reason = "natively there is no host to tell, and the reader is a stage's author")]
fn to_stderr(level: Level, message: Arguments<'_>) {
    eprintln!("{level:?}: {message}");
}

/// Logs a line of use to the stage's author.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_debug {
    ($($message:tt)+) => { $crate::log::log($crate::log::Level::Debug, ::std::format_args!($($message)+)) };
}

/// Logs a line worth knowing.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_info {
    ($($message:tt)+) => { $crate::log::log($crate::log::Level::Info, ::std::format_args!($($message)+)) };
}

/// Logs that something is odd, and the stage went on.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_warn {
    ($($message:tt)+) => { $crate::log::log($crate::log::Level::Warn, ::std::format_args!($($message)+)) };
}

/// Logs that something went wrong.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_error {
    ($($message:tt)+) => { $crate::log::log($crate::log::Level::Error, ::std::format_args!($($message)+)) };
}
