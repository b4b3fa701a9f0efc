//! Makes missing images: while somebody waits for them, or beside a run.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::super::compiler::Wait;
use super::super::component::Component;
use super::super::instance::Sandboxed;
use super::{Cold, Opening};
use sandmill_engine::loader::Image;
use sandmill_engine::panic::panic_message;
use sandmill_engine::plan::{Grants, StagePlan};
use sandmill_engine::program::Warmth;
use sandmill_engine::program::WorkerId;
use sandmill_engine::time::Instant;

/// An image that a stage's instances could start from, and that nobody has made yet.
#[derive(Debug)]
pub(crate) struct ImageToMake {
    program: Arc<Sandboxed>,
    component: Component,
    grants: Grants,
    deterministic: bool,
    worker: WorkerId,
}

impl ImageToMake {
    /// For `program`, which was made of `component` for `plan`.
    pub(crate) fn new(program: &Arc<Sandboxed>, component: &Component, plan: &StagePlan) -> Self {
        Self {
            program: Arc::clone(program),
            component: component.clone(),
            grants: plan.grants.clone(),
            deterministic: plan.deterministic,
            worker: WorkerId { stage: Arc::clone(&plan.name), worker: 0 },
        }
    }

    /// From when it is made, instances begin with it, and are as warm as `now_they_are`.
    fn made(&self, wait: &Wait, now_they_are: impl FnOnce() -> Warmth) -> Warmth {
        let Self { program, component, grants, deterministic, worker } = self;
        let opening = Opening { component, config: program.config(), settings: program.settings(), worker };
        let made = panic::catch_unwind(AssertUnwindSafe(|| opening.make(wait))).unwrap_or_else(|panic| {
            Err(Cold::Passing(format!("making its image panicked: {}", panic_message(&*panic))))
        });
        let linked = match made {
            Ok(image) => image.stage(grants, *deterministic).map_err(|error| error.to_string()),
            Err(Cold::Stopped) => return program.be(Warmth::Pending),
            Err(cold) => Err(cold.into_words()),
        };
        match linked {
            Ok(linked) => {
                program.begin_with(linked);
                program.be(now_they_are())
            }
            Err(why) => self.refuse(why),
        }
    }
}

impl Image for ImageToMake {
    fn stage(&self) -> &Arc<str> {
        &self.worker.stage
    }

    fn make(&self) -> Warmth {
        let most = self.program.settings().limits.compile;
        self.made(&Wait::for_it(most), || Warmth::Warm)
    }

    fn make_beside(&self, begun: Instant, stop: &CancellationToken) -> Warmth {
        let most = self.program.settings().limits.compile;
        self.made(&Wait::beside(most, stop), || Warmth::Warmed { after: begun.elapsed() })
    }

    fn refuse(&self, why: String) -> Warmth {
        self.program.be(Warmth::Cold(why))
    }
}
