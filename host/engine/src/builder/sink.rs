//! A sink of a pipeline that is built in code.

use std::num::NonZeroUsize;
use std::sync::Arc;

use super::for_each::ForEach;
use crate::edge::{OpenedSink, Sink, SinkSpec};
use crate::plan::bounds::{BATCH_DEFAULT, SINK_QUEUE_DEFAULT};
use crate::plan::{Inputs, OnError, Order, Retry, SinkPlan};
use crate::queue::QueueBounds;
use crate::record::{BatchBounds, Pairing, RecordKey};

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
            writers: NonZeroUsize::MIN,
            order: None,
            key: RecordKey::Own,
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

    /// Sets how many writers write at the same time, where the sink allows several ([`SinkSpec::writers`]). The records are
    /// then written in no particular order, unless it is [`Order::Key`].
    #[must_use]
    pub fn writers(mut self, writers: NonZeroUsize) -> Self {
        self.plan.writers = writers;
        self
    }

    /// Sets the order in which records are written. With [`Order::Key`], those of one key are written in the order in
    /// which they came, by one writer at a time.
    #[must_use]
    pub fn order(mut self, order: Order) -> Self {
        self.plan.order = Some(order);
        self
    }

    /// Where the key of a record is found, for [`Order::Key`]; in the record's own key unless said otherwise.
    #[must_use]
    pub fn key(mut self, key: RecordKey) -> Self {
        self.plan.key = key;
        self
    }

    /// Deals records by their pairs of ids: no two writes that share a bucket of either id are under way at once
    /// (mix-and-batch). It takes the place of [`Self::order`] and [`Self::key`]: records of one pair keep their order.
    #[must_use]
    pub fn partition(self, pairing: Pairing) -> Self {
        self.order(Order::Key).key(RecordKey::Pair(pairing))
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
