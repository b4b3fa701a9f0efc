//! Verbs for the grant `clock`.
//!
//! | verb | does |
//! |---|---|
//! | `now`, `monotonic` | tells the time, nanoseconds |
//! | `sleep MS` | sleeps so many milliseconds |

use std::time::Duration;

use sandmill_stage::clock;

use crate::{Answer, number, said};

/// See above.
pub fn verbs(verb: &str, rest: &str) -> Answer {
    Some(match verb {
        "now" => said(clock::now().as_nanos().to_string()),
        "monotonic" => said(clock::monotonic().as_nanos().to_string()),
        "sleep" => number(rest).and_then(|milliseconds| {
            clock::sleep(Duration::from_millis(milliseconds as u64));
            said("slept")
        }),
        _ => return None,
    })
}
