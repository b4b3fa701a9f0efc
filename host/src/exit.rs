//! What the exit code of the `sandmill` command says. Whenever it is not 0, standard error says why.
//!
//! A reader that closes standard output early (`sandmill inspect … | head`) changes no exit code, and is not an error:
//! what it does not want to read is not missed. The same holds for a run whose only sink is standard output. Where a
//! run has other sinks too, they are interrupted by it: that run is aborted, says so, and ends with 4.

use std::fmt::Write as _;
use std::process::ExitCode;

use crate::error::{Error, ErrorKind};
use crate::record::Accounting;
use crate::report::{Ending, Report};

/// The ways in which the command can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exit {
    /// 0: done; every record was delivered or dropped as the pipeline says.
    Ok,
    /// 1: a bug in Sandmill itself.
    Bug,
    /// 2: the command line, the pipeline file, a stage folder or a toolchain is not right, or a stage refuses its
    /// configuration. Nothing was lost; the same command fails again until this is fixed.
    Usage,
    /// 3: the run finished, but not every record succeeded: some are in the dead letters.
    DeadLetters,
    /// 4: the run began, and a stage, a source or a sink ended it before its time.
    Aborted,
    /// 130: somebody stopped it, whether what was in flight could be finished or not. As shells say it of Ctrl-C.
    Interrupted,
}

impl Exit {
    /// All exits, in the order of their codes.
    pub const ALL: [Self; 6] = [Self::Ok, Self::Bug, Self::Usage, Self::DeadLetters, Self::Aborted, Self::Interrupted];

    /// The exit code that the shell sees.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Bug => 1,
            Self::Usage => 2,
            Self::DeadLetters => 3,
            Self::Aborted => 4,
            Self::Interrupted => 130,
        }
    }

    /// The meaning of the code, in a few words.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "success",
            Self::Bug => "a bug in Sandmill itself: please report it",
            Self::Usage => "a mistake in the command line, the pipeline file, a stage or the toolchain",
            Self::DeadLetters => "the run finished, with dead letters",
            Self::Aborted => "the run was aborted by a stage, a source or a sink",
            Self::Interrupted => "the run was stopped (Ctrl-C, SIGTERM)",
        }
    }

    fn finished(accounting: &Accounting) -> Self {
        if accounting.dead_lettered > 0 { Self::DeadLetters } else { Self::Ok }
    }

    /// A table of all codes with their meanings, for help texts.
    #[must_use]
    pub fn table() -> String {
        let mut table = String::from("Exit codes:\n");
        for exit in Self::ALL {
            // Writing to a string cannot fail.
            writeln!(table, "  {:>3}  {}", exit.code(), exit.meaning()).unwrap_or_default();
        }
        table
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

impl From<ErrorKind> for Exit {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Config => Self::Usage,
            ErrorKind::Guest | ErrorKind::Edge => Self::Aborted,
            ErrorKind::Cancelled => Self::Interrupted,
            ErrorKind::Internal => Self::Bug,
        }
    }
}

impl From<&Error> for Exit {
    fn from(error: &Error) -> Self {
        error.kind().into()
    }
}

impl From<&Report> for Exit {
    fn from(report: &Report) -> Self {
        let (accounting, whole) = (&report.stats.accounting, report.whole());
        match report.ending {
            // A run that lost count of its records is not "ok", whatever else it says.
            Ending::Completed | Ending::Stopped if !accounting.balances() => Self::Bug,
            Ending::Aborted if report.reader_had_enough() => Self::finished(&whole),
            Ending::Completed => Self::finished(&whole),
            Ending::Stopped | Ending::Interrupted => Self::Interrupted,
            // The engine gives every aborted run its problem; one without is a bug.
            Ending::Aborted => report.problem.as_ref().map_or(Self::Bug, |problem| problem.kind.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Problem;
    use crate::samples;

    #[test]
    fn errors_map_by_whose_fault_they_are() {
        let cases = [
            (ErrorKind::Config, 2),
            (ErrorKind::Guest, 4),
            (ErrorKind::Edge, 4),
            (ErrorKind::Cancelled, 130),
            (ErrorKind::Internal, 1),
        ];
        for (kind, code) in cases {
            assert_eq!(Exit::from(&Error::new(kind, "x")).code(), code, "{kind:?}");
        }
    }

    #[test]
    fn reports_map_by_how_the_run_ended() {
        use Ending::{Aborted, Completed, Interrupted, Stopped};
        let cases = [
            (Completed, 0, None, 0),
            (Completed, 1, None, 3),
            (Stopped, 0, None, 130),
            (Stopped, 1, None, 130),
            (Interrupted, 0, None, 130),
            (Aborted, 0, Some(ErrorKind::Guest), 4),
            (Aborted, 7, Some(ErrorKind::Guest), 4),
            (Aborted, 0, Some(ErrorKind::Edge), 4),
            (Aborted, 0, Some(ErrorKind::Config), 2),
            (Aborted, 0, Some(ErrorKind::Internal), 1),
            (Aborted, 0, Some(ErrorKind::Cancelled), 130),
            (Aborted, 0, None, 1),
        ];
        for (ending, dead_lettered, kind, code) in cases {
            let mut report = samples::report(ending);
            report.stats.accounting.dead_lettered = dead_lettered;
            report.stats.accounting.read += dead_lettered;
            report.problem = kind.map(samples::problem);
            assert_eq!(Exit::from(&report).code(), code, "{ending:?}, {dead_lettered} dead letters, {kind:?}");
        }
    }

    #[test]
    fn a_reader_that_has_had_enough_is_no_error_unless_another_sink_is_cut_short() {
        let mut report = samples::report(Ending::Aborted);
        report.problem = Some(Problem { broken_pipe: true, ..samples::problem(ErrorKind::Edge) });
        assert_eq!(Exit::from(&report), Exit::Ok);
        report.stats.accounting.dead_lettered = 1;
        assert_eq!(Exit::from(&report), Exit::DeadLetters);
        report.stats.sinks.push(report.stats.sinks[0].clone());
        assert_eq!(Exit::from(&report), Exit::Aborted);
    }

    #[test]
    fn a_run_that_lost_count_is_a_bug() {
        let mut report = samples::report(Ending::Completed);
        report.stats.accounting.read += 1;
        assert_eq!(Exit::from(&report), Exit::Bug);
    }

    #[test]
    fn every_code_is_documented_once() {
        let table = Exit::table();
        for exit in Exit::ALL {
            assert_eq!(table.matches(exit.meaning()).count(), 1, "{exit:?}");
        }
    }
}
