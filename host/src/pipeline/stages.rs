//! A stage made ready: its component compiled, linked and tried out once, before anything moves.

use std::path::Path;
use std::sync::Arc;

use tokio::runtime::Handle;

use super::runtimes::Runtimes;
use crate::error::{Error, Result};
use crate::plan::{Code, Grants, Limits, Script, StagePlan, Warm};
use crate::program::Warmth;
use crate::program::{GuestFailure, Program, cannot_open};
use crate::sandbox::{Command, Component, Engine, ImageToMake, Provisions, Sandboxed, Voice};

/// A stage that is ready to work.
pub(super) struct ReadyStage {
    pub(super) plan: StagePlan,
    pub(super) program: Arc<dyn Program>,
    /// Of its component.
    pub(super) sha256: Option<String>,
    /// To be made, so that its instances begin open.
    pub(super) image: Option<ImageToMake>,
    /// Where its workers run.
    pub(super) guests: Handle,
}

/// Compiles, links and tries out a stage.
///
/// # Errors
/// When it cannot run.
pub(super) async fn ready_stage(
    plan: StagePlan,
    engine: &Engine,
    (granted, voice): (Provisions, Voice),
    runtimes: &mut Runtimes,
) -> Result<ReadyStage> {
    let guests = runtimes.add_guests(plan.workers)?;
    let name = Arc::clone(&plan.name);
    let ready = match &plan.code {
        Code::Native(native) => {
            let program = Arc::new(native.clone());
            return Ok(ReadyStage { plan, program, sha256: None, image: None, guests });
        }
        Code::Component(path) => {
            let component = load(engine, path, (&plan.limits, &plan.grants)).await;
            let component = component.map_err(|error| in_node("stage", &name, error))?;
            if component.is_command() || plan.command.is_some() {
                let command = Command::new(&component, &plan, granted, voice);
                let command = command.map_err(|error| in_node("stage", &name, error))?;
                return ready_command(plan, (component, command), guests).await;
            }
            let sandboxed = Sandboxed::new(&component, &plan, granted, voice);
            (component, sandboxed.map_err(|error| in_node("stage", &name, error))?)
        }
    };
    rehearsed(plan, ready, guests).await
}

/// A mistake in a script, at its place.
fn mistake(script: Option<&Script>, failure: &GuestFailure) -> Option<Error> {
    match (script, failure) {
        (Some(script), GuestFailure::Returned(said)) => script.mistake(said),
        _ => None,
    }
}

/// Makes an instance of a command before anything runs.
async fn ready_command(
    plan: StagePlan,
    (component, program): (Component, Command),
    guests: Handle,
) -> Result<ReadyStage> {
    let (name, sha256) = (Arc::clone(&plan.name), component.inspection().sha256.clone());
    let rehearsal = async move { program.rehearse(&plan).await.map(|()| (plan, program)) };
    let (plan, program) = guests
        .spawn(rehearsal)
        .await
        .map_err(|error| Error::internal("making an instance panicked").caused_by(error))?
        .map_err(|failure| cannot_open(&name, failure))?;
    Ok(ReadyStage { plan, program: Arc::new(program), sha256: Some(sha256), image: None, guests })
}

/// Tries a stage once before anything runs, so that a refused configuration costs no record.
async fn rehearsed(
    plan: StagePlan,
    (component, program): (Component, Sandboxed),
    guests: Handle,
) -> Result<ReadyStage> {
    let (name, sha256) = (Arc::clone(&plan.name), component.inspection().sha256.clone());
    let script = plan.script.clone();
    let rehearsal = async move {
        let wants_image = program.rehearse(&component, &plan).await?;
        let program = Arc::new(program);
        let image = wants_image.then(|| ImageToMake::new(&program, &component, &plan));
        Ok((plan, program, image))
    };
    let (plan, program, mut image) = guests
        .spawn(rehearsal)
        .await
        .map_err(|error| Error::internal("opening a stage panicked").caused_by(error))?
        .map_err(|failure| mistake(script.as_ref(), &failure).unwrap_or_else(|| cannot_open(&name, failure)))?;
    if plan.warm == Warm::Always {
        // That there is one is promised before the first record, so the run waits for it.
        if let Some(image) = image.take() {
            make(image).await;
        }
        insist(&name, &program.warmth())?;
    }
    Ok(ReadyStage { plan, program, sha256: Some(sha256), image, guests })
}

/// Makes an image on a thread that may take its time. What came of it, the stage's program knows.
pub(super) async fn make(image: ImageToMake) {
    // A panic is the reason why there is none.
    drop(tokio::task::spawn_blocking(move || image.make()).await);
}

/// Refuses a stage that is to be warm and cannot be.
fn insist(stage: &str, warmth: &Warmth) -> Result<()> {
    let Warmth::Cold(why) = warmth else { return Ok(()) };
    Err(Error::config(format!("stage \"{stage}\" cannot be warm"))
        .caused_by(why.as_str())
        .hint("leave out \"warm\": its instances are then opened one by one"))
}

/// Reads and compiles on a thread that may take its time.
///
/// # Errors
/// As [`Component::load`].
pub(super) async fn load(engine: &Engine, path: &Path, (limits, grants): (&Limits, &Grants)) -> Result<Component> {
    let (engine, path, limits, grants) = (engine.clone(), path.to_owned(), *limits, grants.clone());
    let loaded = tokio::task::spawn_blocking(move || Component::load(&engine, &path, &limits, &grants)).await;
    loaded.map_err(|error| Error::internal("compiling a component panicked").caused_by(error))?
}

/// Says in which node it happened.
pub(super) fn in_node(role: &str, name: &str, error: Error) -> Error {
    error.within(format!("{role} \"{name}\""))
}
