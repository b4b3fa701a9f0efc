//! What turns the components of a plan into programs that a pool can run. The sandbox is the one that comes with Sandmill;
//! nothing else of the engine knows it.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use crate::edge::{Cursor, Source};
use crate::error::Result;
use crate::plan::{ComponentSource, Plan, StagePlan, Suggested};
use crate::program::{Program, Warmth};
use crate::report::Audience;
use crate::time::Instant;

/// Loads components.
#[async_trait]
pub trait Loader: Send + Sync + fmt::Debug {
    /// What a component suggests for the stage that runs it, if it does.
    ///
    /// # Errors
    /// When the file cannot be read, or is not a component.
    fn suggested(&self, component: &Path) -> Result<Option<Suggested>>;

    /// Reads what a plan grants to its components, and nothing else. `io` is where their connections will run.
    ///
    /// # Errors
    /// When a variable is not set, or a file or folder is not there.
    fn begin(&self, plan: &Plan, io: &Handle) -> Result<Box<dyn Loading>>;
}

/// Loads the components of one plan.
#[async_trait]
pub trait Loading: Send + Sync {
    /// Names and values of the secrets that are granted.
    fn secrets(&self) -> Vec<(String, String)>;

    /// Compiles, links and tries out a stage that is a component: the one at `index` of the plan. Its instances run on
    /// `guests`.
    ///
    /// # Cancel safety
    /// A compilation that is under way ends in the background when the future is dropped.
    ///
    /// # Errors
    /// When it cannot run as the plan says.
    async fn stage(
        &mut self,
        index: usize,
        plan: &StagePlan,
        audience: &Audience,
        guests: &Handle,
    ) -> Result<LoadedStage>;

    /// Compiles and links a source that is a component, and opens it, after `cursor` where there is one.
    ///
    /// # Errors
    /// When it cannot run as the plan says.
    async fn source(
        &mut self,
        source: SourceToLoad<'_>,
        audience: &Audience,
        guests: &Handle,
    ) -> Result<Box<dyn Source>>;
}

/// A stage whose component is ready.
#[derive(Debug)]
pub struct LoadedStage {
    /// Makes its instances.
    pub program: Arc<dyn Program>,
    /// The hash of the component.
    pub sha256: String,
    /// To be made, so that its instances begin open.
    pub image: Option<Box<dyn Image>>,
}

/// A source that is a component.
#[derive(Debug)]
pub struct SourceToLoad<'a> {
    /// Which source of the plan.
    pub index: usize,
    /// Its name.
    pub name: &'a Arc<str>,
    /// What it runs.
    pub component: &'a ComponentSource,
    /// Where an earlier run was interrupted.
    pub cursor: Option<&'a Cursor>,
}

/// An image that a stage's instances could begin with, and that nobody has made.
pub trait Image: Send + Sync + fmt::Debug {
    /// The name of the stage.
    fn stage(&self) -> &Arc<str>;

    /// Makes it on this thread, for somebody who waits.
    fn make(&self) -> Warmth;

    /// Makes it on this thread, beside a run that has `begun` then, until `stop`.
    fn make_beside(&self, begun: Instant, stop: &CancellationToken) -> Warmth;

    /// Says that there will be none, and why.
    fn refuse(&self, why: String) -> Warmth;
}
