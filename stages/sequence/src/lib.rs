//! A source of whole numbers in order. It goes on where its cursor says.
//!
//! | config | default | |
//! |---|---|---|
//! | `from` | 1 | the first number |
//! | `to` | required | the last one |
//! | `step` | 1 | the distance between two; negative to count down |

use sandmill_stage::{Failure, Output, Pulled, Source};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(default = "one")]
    from: i64,
    to: i64,
    #[serde(default = "one")]
    step: i64,
}

fn one() -> i64 {
    1
}

struct Sequence {
    /// None: past the end.
    next: Option<i64>,
    to: i64,
    step: i64,
}

impl Source for Sequence {
    type Config = Config;

    fn open(config: Config, cursor: Option<String>) -> Result<Self, Failure> {
        if config.step == 0 {
            return Err("config.step: a step of 0 never arrives".into());
        }
        let next = match cursor.as_deref() {
            None => Some(config.from),
            Some("end") => None,
            Some(number) => Some(number.parse().map_err(|error| Failure::from(error).at("cursor"))?),
        };
        Ok(Self { next, to: config.to, step: config.step })
    }

    fn pull(&mut self, max: u32, out: &mut Output) -> Result<Pulled, Failure> {
        for _ in 0..max {
            let Some(number) = self.next.filter(|next| self.is_within(*next)) else { break };
            out.emit(number.to_string());
            self.next = number.checked_add(self.step);
        }
        self.next = self.next.filter(|next| self.is_within(*next));
        Ok(Pulled { done: self.next.is_none(), cursor: self.next.map_or("end".into(), |next| next.to_string()) })
    }
}

impl Sequence {
    fn is_within(&self, number: i64) -> bool {
        if self.step > 0 { number <= self.to } else { number >= self.to }
    }
}

sandmill_stage::source!(Sequence);

#[cfg(test)]
mod tests {
    use super::*;

    fn pull(config: Config, cursor: Option<&str>, max: u32) -> (usize, Pulled) {
        let mut out = Output::default();
        let mut source = Sequence::open(config, cursor.map(Into::into)).unwrap();
        let pulled = source.pull(max, &mut out).unwrap();
        (out.len(), pulled)
    }

    #[test]
    fn numbers_come_in_order_until_the_last_and_go_on_at_the_cursor() {
        let config = || Config { from: 1, to: 10, step: 4 };
        assert_eq!(pull(config(), None, 2), (2, Pulled { done: false, cursor: "9".into() }));
        assert_eq!(pull(config(), Some("9"), 2), (1, Pulled { done: true, cursor: "end".into() }));
        assert_eq!(pull(config(), Some("end"), 2), (0, Pulled { done: true, cursor: "end".into() }));
    }

    #[test]
    fn counting_down_ends_too_and_so_does_the_largest_number() {
        assert_eq!(pull(Config { from: 3, to: 1, step: -1 }, None, 9).0, 3);
        assert_eq!(pull(Config { from: i64::MAX, to: i64::MAX, step: 1 }, None, 9).0, 1);
        assert!(Sequence::open(Config { from: 1, to: 2, step: 0 }, None).is_err());
        assert!(Sequence::open(Config { from: 1, to: 2, step: 1 }, Some("?".into())).is_err());
    }
}
