//! `print!` and its kin for stages: the standard library's write nowhere in a guest. What is printed becomes lines of the log,
//! what is printed to stderr as warnings; natively, in a stage's tests, it is printed.
//!
//! ```
//! use sandmill_stage::println;
//!
//! println!("a line of the log");
//! ```
//!
//! A name that is imported takes precedence over the standard library's, and so it has to be imported by its name: with
//! `use sandmill_stage::*` the compiler says that it is ambiguous.

use std::fmt::Arguments;

pub use crate::{__dbg as dbg, __eprint as eprint, __eprintln as eprintln, __print as print, __println as println};

/// Where a fragment goes.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub enum Stream {
    Out,
    Err,
}

#[doc(hidden)]
pub fn write(stream: Stream, text: Arguments<'_>) {
    #[cfg(target_arch = "wasm32")]
    crate::guest::print(stream, text);
    #[cfg(not(target_arch = "wasm32"))]
    natively(stream, text);
}

#[cfg(not(target_arch = "wasm32"))]
#[expect(clippy::print_stdout, clippy::print_stderr, reason = "that is what the stage's author wants")]
fn natively(stream: Stream, text: Arguments<'_>) {
    match stream {
        Stream::Out => std::print!("{text}"),
        Stream::Err => std::eprint!("{text}"),
    }
}

/// Prints to the log.
#[doc(hidden)]
#[macro_export]
macro_rules! __print {
    ($($text:tt)*) => { $crate::print::write($crate::print::Stream::Out, ::std::format_args!($($text)*)) };
}

/// Prints a line to the log.
#[doc(hidden)]
#[macro_export]
macro_rules! __println {
    () => { $crate::__print!("\n") };
    ($($text:tt)+) => { $crate::__print!("{}\n", ::std::format_args!($($text)+)) };
}

/// Prints a warning to the log.
#[doc(hidden)]
#[macro_export]
macro_rules! __eprint {
    ($($text:tt)*) => { $crate::print::write($crate::print::Stream::Err, ::std::format_args!($($text)*)) };
}

/// Prints a line to the log, as a warning.
#[doc(hidden)]
#[macro_export]
macro_rules! __eprintln {
    () => { $crate::__eprint!("\n") };
    ($($text:tt)+) => { $crate::__eprint!("{}\n", ::std::format_args!($($text)+)) };
}

/// Prints a value with its place and its expression to the log, and gives it back.
#[doc(hidden)]
#[macro_export]
macro_rules! __dbg {
    () => { $crate::__eprintln!("[{}:{}]", ::std::file!(), ::std::line!()) };
    ($value:expr $(,)?) => {
        match $value {
            value => {
                $crate::__eprintln!(
                    "[{}:{}] {} = {:#?}", ::std::file!(), ::std::line!(), ::std::stringify!($value), &value
                );
                value
            }
        }
    };
    ($($value:expr),+ $(,)?) => { ($($crate::__dbg!($value)),+,) };
}
