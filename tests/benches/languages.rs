//! The same stage in every language: what a record costs, how large the component is, how long starts and builds take. Beside
//! them a program without an SDK, and what is written inline.

mod cost;
mod folder;
mod goals;
mod page;
mod subject;

use anyhow::Result;
use serde::Serialize;

pub(crate) use self::cost::{Cost, Upper};
pub(crate) use self::folder::Folder;
use self::goals::goals;
pub(crate) use self::page::{columns, write};
use self::subject::Subject;
use crate::peers::{Peers, Timed};
use crate::runner;
use crate::startup::{self, Start};

/// Everything about them that was measured.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Measures {
    subjects: Vec<Subject>,
    /// What is not among them, and why.
    left_out: Vec<String>,
    /// Each subject in each way, once a round.
    costs: Vec<Vec<Cost>>,
    starts: Vec<Started>,
    folders: Vec<Folder>,
    /// Inline stages beside the tools that people use for such work.
    inline: Vec<Vec<Timed>>,
}

/// How a stage of one language starts.
#[derive(Clone, Debug, Serialize)]
struct Started {
    subject: String,
    /// Processor time of the first start, which compiles.
    cold_cpu_seconds: f64,
    /// Those after it.
    cached: Vec<Start>,
}

impl Measures {
    /// Measures all of it, in so many rounds.
    pub(crate) fn take(rounds: usize, lines: usize, say: &dyn Fn(&str) -> Result<()>) -> Result<Self> {
        let (subjects, left_out) = subject::all(say)?;
        let mut measures = Self { left_out, ..Self::default() };
        for subject in &subjects {
            say(&format!("  {}: starts", subject.name))?;
            measures.starts.push(started(subject, rounds)?);
        }
        let field = cost::field(&subjects)?;
        runner::build_guests(&["works/pick"])?;
        let peers = Peers::inline(lines)?;
        for round in 1..=rounds {
            say(&format!("languages, round {round} of {rounds}"))?;
            measures.costs.push(cost::round(&field, round)?);
            measures.inline.push(peers.round(round)?);
        }
        for subject in subjects.iter().filter(|subject| subject.is_language()) {
            say(&format!("  {}: new, build, run", subject.name))?;
            measures.folders.push(Folder::made(&subject.name)?);
        }
        measures.subjects = subjects;
        Ok(measures)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.subjects.is_empty()
    }
}

fn started(subject: &Subject, times: usize) -> Result<Started> {
    let folder = tempfile::tempdir()?;
    startup::write(folder.path(), &subject.component, 1)?;
    let program = startup::program()?;
    let before = startup::children_cpu();
    startup::start(&program, folder.path())?;
    let cold_cpu_seconds = startup::children_cpu() - before;
    let cached = (0..times.max(3)).map(|_| startup::start(&program, folder.path())).collect::<Result<_>>()?;
    Ok(Started { subject: subject.name.clone(), cold_cpu_seconds, cached })
}
