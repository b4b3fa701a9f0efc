//! Median, spread and ratio of the runs of several rounds.

use crate::contender::{Contender, Run};

/// The middle of some numbers, and their ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// `None` when there are no numbers.
    pub(crate) fn of(numbers: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = numbers.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let (low, high) = (sorted.get((sorted.len().checked_sub(1)?) / 2)?, sorted.get(sorted.len() / 2)?);
        Some(Self { median: f64::midpoint(*low, *high), min: *sorted.first()?, max: *sorted.last()? })
    }
}

/// All runs, round by round; within a round every contender ran once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rounds<'a>(pub(crate) &'a [Vec<Run>]);

impl Rounds<'_> {
    /// The spread of a number of one contender's runs.
    pub(crate) fn spread(&self, contender: Contender, number: impl Fn(&Run) -> f64) -> Option<Spread> {
        Spread::of(self.0.iter().filter_map(|round| find(round, contender)).map(number))
    }

    /// A number of one contender's runs and of another's, each pair taken in the same round.
    pub(crate) fn pairs(&self, one: Contender, other: Contender, number: fn(&Run) -> f64) -> Vec<(f64, f64)> {
        let of_round = |round: &Vec<Run>| Some((number(find(round, one)?), number(find(round, other)?)));
        self.0.iter().filter_map(of_round).collect()
    }

    /// The spread of the ratio of two contenders' throughput.
    pub(crate) fn ratio(&self, contender: Contender, baseline: Contender) -> Option<Spread> {
        let pairs = self.pairs(contender, baseline, Run::records_per_second);
        Spread::of(pairs.into_iter().map(|(number, baseline)| number / baseline))
    }
}

fn find(round: &[Run], contender: Contender) -> Option<&Run> {
    round.iter().find(|run| run.contender == contender)
}
