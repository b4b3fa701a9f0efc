//! The smallest source, sink and loader: for unit tests of the engine, which knows no connector and no sandbox.

use std::path::Path;

use async_trait::async_trait;
use tokio::runtime::Handle;

use crate::edge::{Chunk, PipelineFolder, Records, Rejected, Sink, SinkSpec, SinkStart, Source, SourceSpec};
use crate::error::{Error, Result};
use crate::loader::{LoadedStage, Loader, Loading, SourceToLoad};
use crate::plan::{Plan, StagePlan, Suggested};
use crate::record::{BatchBounds, Payload, Places};
use crate::report::Audience;
use crate::{Host, Pipeline};

/// Gives the numbers from 1 to this one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbers(pub(crate) u64);

struct Counting {
    next: u64,
    last: u64,
}

/// Takes everything and keeps nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nowhere;

/// Loads no component.
#[derive(Debug)]
struct NoComponents;

/// Makes a plan of native stages ready.
pub(crate) async fn prepare(plan: Plan) -> Result<Pipeline> {
    Pipeline::prepare(plan, &Host::start(NoComponents)?).await
}

#[async_trait]
impl SourceSpec for Numbers {
    fn summary(&self) -> String {
        format!("{} numbers", self.0)
    }

    fn identity(&self, _folder: &PipelineFolder) -> Vec<String> {
        vec![self.summary()]
    }

    async fn open(&self) -> Result<Box<dyn Source>> {
        Ok(Box::new(Counting { next: 1, last: self.0 }))
    }
}

#[async_trait]
impl Source for Counting {
    async fn pull(&mut self, bounds: &BatchBounds) -> Result<Option<Chunk>> {
        let end = self.last.min(self.next.saturating_add(bounds.records.get() as u64 - 1));
        let numbers: Vec<String> = (self.next..=end).map(|number| number.to_string()).collect();
        self.next = end + 1;
        let records = Payload::of_values(numbers.iter().collect());
        Ok((!records.is_empty()).then(|| Chunk {
            records,
            places: Places::default(),
            position: end,
            ..Chunk::default()
        }))
    }
}

#[async_trait]
impl SinkSpec for Nowhere {
    fn summary(&self) -> String {
        "nowhere".to_owned()
    }

    fn identity(&self, _folder: &PipelineFolder) -> Vec<String> {
        vec![self.summary()]
    }

    async fn open(&self, _start: SinkStart) -> Result<Box<dyn Sink>> {
        Ok(Box::new(Self))
    }
}

#[async_trait]
impl Sink for Nowhere {
    async fn write(&mut self, _records: &Records<'_>) -> Result<Vec<Rejected>> {
        Ok(Vec::new())
    }
}

impl Loader for NoComponents {
    fn suggested(&self, _component: &Path) -> Result<Option<Suggested>> {
        Ok(None)
    }

    fn begin(&self, _plan: &Plan, _io: &Handle) -> Result<Box<dyn Loading>> {
        Ok(Box::new(Self))
    }
}

#[async_trait]
impl Loading for NoComponents {
    fn secrets(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    async fn stage(&mut self, _: usize, _: &StagePlan, _: &Audience, _: &Handle) -> Result<LoadedStage> {
        Err(Error::internal("a component in a unit test of the engine"))
    }

    async fn source(&mut self, _: SourceToLoad<'_>, _: &Audience, _: &Handle) -> Result<Box<dyn Source>> {
        Err(Error::internal("a component in a unit test of the engine"))
    }
}
