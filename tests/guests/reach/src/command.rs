//! Verbs that only a command has a use for, and no stage is granted.
//!
//! | verb | does |
//! |---|---|
//! | `exit N` | ends the process with this code |
//! | `print TEXT` | prints a line |

use crate::Answer;

/// See above.
#[cfg(target_arch = "wasm32")]
pub fn verbs(verb: &str, rest: &str) -> Answer {
    use crate::raw::wasi::cli::{exit, stdout};
    use crate::{number, said, told};
    Some(match verb {
        "exit" => number(rest).and_then(|code| {
            exit::exit_with_code(u8::try_from(code)?);
            said("still here")
        }),
        "print" => {
            let line = format!("{rest}\n");
            told(stdout::get_stdout().blocking_write_and_flush(line.as_bytes()).map(|()| "printed"))
        }
        _ => return None,
    })
}

/// None.
#[cfg(not(target_arch = "wasm32"))]
pub fn verbs(_: &str, _: &str) -> Answer {
    None
}
