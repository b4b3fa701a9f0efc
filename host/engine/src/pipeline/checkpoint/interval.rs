//! Computes how long a run works between two checkpoints.
//!
//! A checkpoint stops sources for as long as it takes, so the next one waits for a multiple of that. Most of a commit's
//! time is the time of writing what came since the last one, which has to be written anyway: a run that waited fifty
//! times as long after every commit would find fifty times as much to commit, and take ever fewer checkpoints. So each
//! multiple has a bound, and a checkpoint stays seconds old at any speed.

use std::time::Duration;

/// The wait for the next checkpoint, in times of the last commit, up to [`WAIT_MAX`]: with little to write, commits
/// take a fiftieth of the time.
const COMMIT_SHARE: u32 = 50;
/// The wait for the next checkpoint, in times of what it took to be level, up to [`WAIT_MAX`]. Most of the pipeline
/// works meanwhile: what is lost is the time of about one batch, and what is in flight is several.
const LEVEL_SHARE: u32 = 5;
/// A run works at least this many times as long as its last checkpoint took, even if that is more than [`WAIT_MAX`].
const SHARE_MIN: u32 = 2;
/// The longest wait for a checkpoint that is soon taken.
const WAIT_MAX: Duration = Duration::from_secs(3);
/// The longest wait after any commit: what sinks hold until the next one takes memory and disk.
const COMMIT_WAIT_MOST: Duration = Duration::from_secs(10);

/// How long a checkpoint took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Took {
    /// Until the pipeline was level.
    pub(super) level: Duration,
    /// To write it.
    pub(super) commit: Duration,
}

impl Took {
    /// The time until the next one, at least `every`.
    pub(super) fn wait(self, every: Duration) -> Duration {
        let level = (self.level * LEVEL_SHARE).min(WAIT_MAX).max(self.level * SHARE_MIN);
        let commit = (self.commit * COMMIT_SHARE).min(WAIT_MAX).max((self.commit * SHARE_MIN).min(COMMIT_WAIT_MOST));
        every.max(level).max(commit)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EVERY: Duration = Duration::from_secs(1);

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn a_commit_that_is_soon_done_takes_a_fiftieth_of_the_time() {
        let took = Took { level: Duration::ZERO, commit: seconds(0.04) };
        assert_eq!(took.wait(EVERY), seconds(2.0));
        let took = Took { level: seconds(0.1), commit: seconds(0.01) };
        assert_eq!(took.wait(EVERY), EVERY);
    }

    proptest! {
        /// Issue 12: the second checkpoint of a table came after 20 s, and the third after minutes.
        #[test]
        fn checkpoints_do_not_become_rarer_however_much_there_is_to_write(by_itself in 0.0..0.5_f64, of_what_came in 0.0..5.0_f64) {
            let (mut wait, mut waits) = (EVERY, Vec::new());
            for _ in 0..100 {
                let commit = seconds(by_itself + of_what_came * wait.as_secs_f64());
                wait = Took { level: Duration::ZERO, commit }.wait(EVERY);
                waits.push(wait);
            }
            let most = if of_what_came < 0.3 { WAIT_MAX } else { COMMIT_WAIT_MOST };
            prop_assert!(waits.iter().all(|wait| *wait <= most), "{waits:?}");
        }

        /// What is in flight is bounded elsewhere: a run whose records take long must still work most of the time.
        #[test]
        fn a_run_works_twice_as_long_as_it_waits_to_be_level(level in 0.0..100.0_f64) {
            let took = Took { level: seconds(level), commit: Duration::ZERO };
            prop_assert!(took.wait(EVERY) >= took.level * 2);
        }
    }
}
