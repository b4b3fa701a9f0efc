//! Makes a stage ready: compiles, links and tries out its component once, before anything moves.

use std::sync::Arc;

use tokio::runtime::Handle;

use super::runtimes::Runtimes;
use crate::error::{Error, Result};
use crate::loader::{Image, LoadedStage, Loading};
use crate::plan::{Code, StagePlan};
use crate::program::Program;
use crate::report::Audience;

/// A stage that is ready to work.
pub(super) struct ReadyStage {
    pub(super) plan: StagePlan,
    pub(super) program: Arc<dyn Program>,
    /// SHA-256 of its component.
    pub(super) sha256: Option<String>,
    /// An image that is still to be made, so that its instances begin open.
    pub(super) image: Option<Box<dyn Image>>,
    /// Where its workers run.
    pub(super) guests: Handle,
}

/// Compiles, links and tries out the stage at `index` of a plan.
///
/// # Errors
/// When it cannot run.
pub(super) async fn ready_stage(
    (index, plan): (usize, StagePlan),
    loading: &mut dyn Loading,
    audience: &Audience,
    runtimes: &mut Runtimes,
) -> Result<ReadyStage> {
    let guests = runtimes.add_guests(plan.workers.max)?;
    if let Code::Native(native) = &plan.code {
        let program = Arc::new(native.clone());
        return Ok(ReadyStage { plan, program, sha256: None, image: None, guests });
    }
    let LoadedStage { program, sha256, image } = loading.stage(index, &plan, audience, &guests).await?;
    Ok(ReadyStage { plan, program, sha256: Some(sha256), image, guests })
}

/// Makes an image on a thread that may take its time. What came of it, the stage's program knows.
pub(super) async fn make(image: Box<dyn Image>) {
    // A panic is the reason why there is none.
    drop(tokio::task::spawn_blocking(move || image.make()).await);
}

/// Says in which node it happened.
pub(super) fn in_node(role: &str, name: &str, error: Error) -> Error {
    error.within(format!("{role} \"{name}\""))
}
