//! Stages that are ready to work: compiled, linked and tried out once, before anything moves.

use std::sync::Arc;

use tokio::runtime::Handle;

use crate::error::Error;
use crate::loader::{Image, LoadedStage};
use crate::plan::StagePlan;
use crate::program::{NativeStage, Program};

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

impl ReadyStage {
    /// A stage whose code is part of this process.
    pub(super) fn native(plan: StagePlan, native: NativeStage, guests: Handle) -> Self {
        Self { plan, program: Arc::new(native), sha256: None, image: None, guests }
    }

    /// A stage whose component is loaded.
    pub(super) fn loaded(plan: StagePlan, loaded: LoadedStage, guests: Handle) -> Self {
        let LoadedStage { program, sha256, image } = loaded;
        Self { plan, program, sha256: Some(sha256), image, guests }
    }
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
