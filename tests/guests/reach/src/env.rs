//! Verbs for the grants `env` and `secret`.
//!
//! | verb | does |
//! |---|---|
//! | `env NAME` | gives a variable, or `nothing` |
//! | `environment` | gives all: `A=1 B=2` |
//! | `env-to-log NAME`, `env-to-failure NAME`, `env-to-panic NAME` | tells a variable where it does not belong |
//! | `process` | gives the arguments and the current folder that it is told |

use sandmill_stage::{Failure, env, log};

use crate::{Answer, said};

/// See above.
#[expect(clippy::panic, reason = "it is told to")]
pub fn verbs(verb: &str, rest: &str) -> Answer {
    let value = || env::var(rest).unwrap_or_else(|| "nothing".to_owned());
    Some(match verb {
        "env" => said(value()),
        "environment" => {
            said(env::vars().iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" "))
        }
        "env-to-log" => {
            log::warn!("{rest} is {}", value());
            said("logged")
        }
        "env-to-failure" => Err(Failure::new(format!("{rest} is {}", value()))),
        "env-to-panic" => panic!("{rest} is {}", value()),
        #[cfg(target_arch = "wasm32")]
        "process" => {
            use crate::raw::wasi::cli::environment;
            said(format!("{:?} {:?}", environment::get_arguments(), environment::initial_cwd()))
        }
        _ => return None,
    })
}
