//! Reports to subscribers what became of each record, and ends the record's claim.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::record::{Fate, Lineage, Place};

/// What became of one record, as told to a subscriber.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The place in the source that the record came from.
    pub place: Place,
    /// The record's fate.
    pub fate: Fate,
    /// The node where it met its fate: a sink, or the stage that dropped it or in which it failed.
    pub node: Arc<str>,
    /// Why it failed, if it did.
    pub reason: Option<String>,
    /// Time from reading the record to its fate.
    pub latency: Duration,
}

/// A stream of the completions of a run.
#[derive(Debug)]
pub struct Completions {
    receiver: mpsc::Receiver<Completion>,
}

impl Completions {
    /// Waits for the next completion; `None` when the run has ended and all are taken.
    ///
    /// # Backpressure
    /// The pipeline waits when as many completions as were asked for at the subscription have not been taken. Dropping
    /// the subscription ends that.
    ///
    /// # Cancel safety
    /// No completion is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Completion> {
        self.receiver.recv().await
    }
}

/// Ends claims, and tells those who have subscribed. Without a subscriber it costs a branch per batch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settler {
    subscribers: Vec<mpsc::Sender<Completion>>,
}

impl Settler {
    /// One more stream to tell: at most `capacity` completions wait in it.
    pub(crate) fn subscribe(&mut self, capacity: NonZeroUsize) -> Completions {
        let (sender, receiver) = mpsc::channel(capacity.get());
        self.subscribers.push(sender);
        Completions { receiver }
    }

    /// This is what became of these records, at `node`.
    pub(crate) async fn settle(&self, claims: Lineage, fate: Fate, node: &Arc<str>) {
        self.settle_with(claims, fate, node, |_| None).await;
    }

    /// Settles claims with a reason for each record by its position.
    pub(crate) async fn settle_with(
        &self,
        claims: Lineage,
        fate: Fate,
        node: &Arc<str>,
        reason: impl Fn(usize) -> Option<String> + Send,
    ) {
        let subscribers = || self.subscribers.iter().filter(|subscriber| !subscriber.is_closed());
        if subscribers().next().is_none() {
            claims.settle(fate);
            return;
        }
        let told: Vec<Completion> = claims
            .claims()
            .enumerate()
            .map(|(index, (ticket, row))| Completion {
                place: ticket.place(row),
                fate,
                node: Arc::clone(node),
                reason: reason(index),
                latency: ticket.issued().elapsed(),
            })
            .collect();
        // Settled before a subscriber is notified: a run that is interrupted while a slow subscriber listens still
        // counts what is done.
        claims.settle(fate);
        for completion in told {
            for subscriber in subscribers() {
                // A subscriber that has gone wants to hear no more.
                drop(subscriber.send(completion.clone()).await);
            }
        }
    }
}
