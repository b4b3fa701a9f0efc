//! A sink of a pipeline that is built in code.

use std::sync::Arc;

use super::for_each::ForEach;
use crate::edge::{OpenedSink, Sink, SinkSpec};
use crate::plan::bounds::{BATCH_DEFAULT, SINK_QUEUE_DEFAULT};
use crate::plan::{Inputs, OnError, Retry, SinkPlan};
use crate::queue::QueueBounds;
use crate::record::BatchBounds;

/// A sink of a [`PipelineBuilder`](super::PipelineBuilder).
#[derive(Debug)]
pub struct SinkBuilder {
    pub(super) plan: SinkPlan,
    pub(super) inputs: Inputs,
}

impl SinkBuilder {
    /// Makes a sink of one of the kinds that the pipeline file knows.
    ///
    /// A kind of the program's own implements [`SinkSpec`].
    pub fn new(name: &str, spec: impl SinkSpec + 'static) -> Self {
        let plan = SinkPlan {
            name: Arc::from(name),
            spec: Box::new(spec),
            appends: false,
            queue: SINK_QUEUE_DEFAULT,
            batch: BATCH_DEFAULT,
            on_error: OnError::default(),
            retry: Retry::OF_EDGES,
        };
        Self { plan, inputs: Inputs::Before }
    }

    /// A sink that the program has opened.
    pub fn custom(name: &str, sink: impl Sink + 'static) -> Self {
        Self::new(name, OpenedSink::new(Box::new(sink)))
    }

    /// Calls a function for each record (key, value): results without keeping every record in memory.
    pub fn for_each(name: &str, function: impl FnMut(Option<&[u8]>, &[u8]) + Send + 'static) -> Self {
        Self::custom(name, ForEach(function))
    }

    /// Sets how much waits before the sink.
    #[must_use]
    pub fn queue(mut self, queue: QueueBounds) -> Self {
        self.plan.queue = queue;
        self
    }

    /// Sets how much is written at once.
    #[must_use]
    pub fn batch(mut self, batch: BatchBounds) -> Self {
        self.plan.batch = batch;
        self
    }

    /// What happens with a record that the sink refuses; by default it goes to the dead letters.
    #[must_use]
    pub fn on_error(mut self, on_error: OnError) -> Self {
        self.plan.on_error = on_error;
        self
    }

    /// How often a write that may succeed later is retried; [`Retry::OF_EDGES`] by default.
    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.plan.retry = retry;
        self
    }

    /// Reads from these sources and stages (`name`, or `stage.port`), not from what was added last.
    #[must_use]
    pub fn from(mut self, inputs: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.inputs = Inputs::Named(inputs.into_iter().map(Into::into).collect());
        self
    }
}
