//! Keeps the whole numbers that fit, and drops the others.
//!
//! | config | kept |
//! |---|---|
//! | `multiple_of` | multiples of it |
//! | `at_least`, `at_most` | numbers within these bounds |

use std::num::NonZeroI64;

use sandmill_stage::{Failure, Record};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    multiple_of: Option<NonZeroI64>,
    at_least: Option<i64>,
    at_most: Option<i64>,
}

fn keep(record: Record<'_>, config: &Config) -> Result<bool, Failure> {
    let number: i64 = record.json()?;
    Ok(config.multiple_of.is_none_or(|divisor| number.checked_rem(divisor.get()).is_none_or(|rest| rest == 0))
        && config.at_least.is_none_or(|least| number >= least)
        && config.at_most.is_none_or(|most| number <= most))
}

sandmill_stage::stage!(keep);

#[cfg(test)]
mod tests {
    use sandmill_stage::trial;

    #[test]
    fn numbers_that_fit_go_on_as_they_were_written() {
        let fates = trial!(super::keep, r#"{"multiple_of": 2, "at_most": 6}"#).unwrap().process(["2", "3", " 6 ", "8"]);
        assert_eq!(fates.texts(), ["2", " 6 "]);
        assert!(trial!(super::keep).unwrap().process(["1", "x"]).failure(1).is_some());
        // The one division that overflows: its rest is 0.
        let fates = trial!(super::keep, r#"{"multiple_of": -1}"#).unwrap().process(["-9223372036854775808"]);
        assert_eq!(fates.outputs.len(), 1);
    }

    #[test]
    fn nothing_is_a_multiple_of_zero() {
        let refused = trial!(super::keep, r#"{"multiple_of": 0}"#).unwrap_err();
        assert!(refused.message().starts_with("config.multiple_of: "), "{}", refused.message());
    }
}
