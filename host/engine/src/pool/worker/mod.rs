//! A worker: the task that takes batches from its stage's queue, gives them to instances, and sends on what comes out.
//! It holds one batch and at most one instance at a time. An instance that failed is dropped, never called again.

mod attempt;
mod by_key;
mod run;
mod send;
mod work;

use std::sync::Arc;
use std::time::Duration;

use super::stage::Stage;
use crate::flow::Outlet;
use crate::program::WorkerId;
use crate::queue::Receiver;
use crate::record::Kept;
use crate::report::Activity;

pub(super) use attempt::Living;
pub(crate) use run::Runtimes;
pub(super) use run::Slices;

/// Outputs of one batch that wait to be sent on together. What is more, is sent on in parts: a batch of small records
/// may make large outputs, and an attempt at each may fill the guest's memory again. Arbitrary.
const SEND_ON_BYTES: usize = 16 << 20;

/// Where the workers of a stage stand.
#[derive(Clone, Debug)]
pub(crate) struct Workplace {
    /// The queue that they take from.
    pub(crate) input: Receiver,
    /// Where their outputs go.
    pub(crate) output: Outlet,
    /// The threads on which they run.
    pub(crate) runtimes: Runtimes,
}

/// One worker.
pub(crate) struct Worker {
    stage: Arc<Stage>,
    id: WorkerId,
    /// Its number among the tasks of the stage.
    task: usize,
    input: Receiver,
    output: Outlet,
    instance: Option<Living>,
    runtimes: Runtimes,
    is_shared: bool,
    /// A spare task: it works only while it is wanted.
    is_spare: bool,
    /// Time inside guests for what it has in hand.
    slice: Duration,
    /// The records that its instance may hold, for sources that are told what became of them. Those of a lane's instance
    /// are here only while that is.
    kept: Kept,
}

impl Worker {
    /// A task of the stage, which begins on threads of the stage's own. Those beyond one for each worker are spare ones.
    pub(crate) fn new(stage: &Arc<Stage>, task: usize, workplace: Workplace) -> Self {
        let Workplace { input, output, runtimes } = workplace;
        Self {
            id: WorkerId { stage: Arc::clone(&stage.name), worker: task % stage.workers.max },
            is_spare: task >= stage.workers.max.get(),
            stage: Arc::clone(stage),
            task,
            input,
            output,
            instance: None,
            runtimes,
            is_shared: false,
            slice: Duration::ZERO,
            kept: Kept::default(),
        }
    }

    /// Tells whoever watches what it is doing from now on; returns what it was doing.
    fn does(&self, activity: Activity) -> Activity {
        self.stage.activities.get(self.task).map_or(activity, |cell| cell.replace(activity))
    }

    /// What records came to nothing did so for good, unless an instance lives on that may hold them.
    fn let_go(&mut self) {
        if self.instance.as_ref().is_none_or(|living| living.held == 0) {
            self.kept.release();
        }
    }
}
