//! Verbs for the grant `random`.
//!
//! | verb | does |
//! |---|---|
//! | `random` | gives a random number |
//! | `random-bytes N` | takes so many random bytes, and gives the first eight as a number |

use sandmill_stage::random;

use crate::{Answer, number, said};

/// See above.
pub fn verbs(verb: &str, rest: &str) -> Answer {
    Some(match verb {
        "random" => said(random::u64().to_string()),
        "random-bytes" => number(rest).and_then(|count| {
            let bytes = random::bytes(count);
            said(bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<String>())
        }),
        _ => return None,
    })
}
