//! Runs the command: from the process's arguments to its exit code.

use std::any::Any;
use std::ffi::OsString;
use std::io::Write as _;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::process::ExitCode;

use clap::{Parser as _, ValueEnum as _};

use super::args::{Arguments, Color};
use super::commands::Done;
use super::{commands, open_files, print, render, usage};
use crate::allocator;
use crate::error::Error;
use crate::exit::Exit;
use crate::pipeline::Conclusion;
use crate::report::Problem;
use crate::sandbox::{COMPILER_VERB, compile_apart, serve_as_compiler};

/// Does what the command line says. All that there is to say has been said when it returns.
#[must_use]
pub fn main() -> ExitCode {
    if let Some(code) = compiler() {
        return ExitCode::from(code);
    }
    compile_apart();
    allocator::keep_freed_memory();
    open_files::allow_many();
    open_files::report_large_ones();
    let default_hook = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        // With RUST_BACKTRACE set, somebody wants to see more than a message.
        if std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value != "0") {
            default_hook(info);
        }
        print::message(&render::problem(&defect(info), print::stderr_columns()));
    }));
    // The hook has told it.
    let Done { exit, conclusion } = panic::catch_unwind(AssertUnwindSafe(perform)).unwrap_or(Exit::Bug.into());
    conclude(conclusion, exit)
}

/// Removes the state of a run that is over, and ends the process with the next step: should it be killed between these
/// two, it has not reported success, and whoever starts it again repeats everything.
#[expect(unsafe_code, reason = "the safe ways to end a process run handlers first, which take time")]
fn conclude(conclusion: Conclusion, exit: Exit) -> ExitCode {
    if conclusion.is_empty() {
        return exit.into();
    }
    // Nothing else is left to be written: what is shown is not kept in a buffer beyond its line.
    std::io::stdout().flush().unwrap_or_default();
    drop(conclusion);
    // SAFETY: nothing runs after this, so nothing can be found half done.
    unsafe { libc::_exit(exit.code().into()) }
}

/// Whether this process is to be a compiler, and how that went. The verb is not one of the command line's: nobody but
/// this program itself uses it.
fn compiler() -> Option<u8> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next()? != COMPILER_VERB {
        return None;
    }
    let arguments: Vec<String> = arguments.filter_map(|argument| argument.into_string().ok()).collect();
    let (mut wasm, mut code, mut words) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
    Some(serve_as_compiler(&arguments, &mut wasm, &mut code, &mut words))
}

fn perform() -> Done {
    // Before the arguments are parsed, because the parser prints its errors itself.
    print::choose(color(std::env::args_os()));
    let performed = match Arguments::try_parse() {
        Ok(arguments) => commands::perform(&arguments),
        Err(said) => usage::tell(said).map(Done::from),
    };
    performed.unwrap_or_else(|error| {
        print::message(&render::problem(&Problem::from(&error), print::stderr_columns()));
        Exit::from(&error).into()
    })
}

/// The value of `--color`; anything that is not a colour choice is left to the parser.
fn color(arguments: impl Iterator<Item = OsString>) -> Color {
    let arguments: Vec<String> = arguments.map(|argument| argument.to_string_lossy().into_owned()).collect();
    let written = arguments.iter().zip(arguments.iter().skip(1).map(Some).chain([None])).find_map(|(this, next)| {
        if this == "--color" { next.map(String::as_str) } else { this.strip_prefix("--color=") }
    });
    written.and_then(|word| Color::from_str(word, false).ok()).unwrap_or_default()
}

/// A panic, told as what it is.
fn defect(info: &PanicHookInfo<'_>) -> Problem {
    let place = info.location().map_or_else(String::new, |place| format!(" at {place}"));
    let error = Error::internal(format!("sandmill panicked{place}"))
        .caused_by(said(info.payload()))
        .hint("this is a bug: please report it, with the command and the pipeline file")
        .hint("RUST_BACKTRACE=1 shows where it comes from");
    Problem::from(&error)
}

fn said(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_decided_before_anything_is_printed() {
        let of = |arguments: &[&str]| color(arguments.iter().map(OsString::from));
        assert_eq!(of(&["sandmill", "rnu"]), Color::Auto);
        assert_eq!(of(&["sandmill", "rnu", "--color", "never"]), Color::Never);
        assert_eq!(of(&["sandmill", "--color=always", "rnu"]), Color::Always);
        assert_eq!(of(&["sandmill", "run", "--color", "mauve"]), Color::Auto);
        assert_eq!(of(&["sandmill", "run", "--color"]), Color::Auto);
    }
}
