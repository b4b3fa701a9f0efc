//! A sink as checkpoints and the end of a run see it: all its writers.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use super::writer::Writer;
use crate::edge::Mark;
use crate::error::Result;

/// The writers of one sink. Clones share them.
#[derive(Clone)]
pub(in crate::pipeline) struct CommittedSink {
    name: Arc<str>,
    /// At least one. What concerns the sink as a whole is the business of the first.
    writers: Vec<Arc<Writer>>,
}

impl CommittedSink {
    pub(in crate::pipeline) fn new(name: &Arc<str>, writers: Vec<Arc<Writer>>) -> Self {
        Self { name: Arc::clone(name), writers }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Makes what all writers have written outlast a loss of power. Gives the mark to which a resumed run returns: a sink
    /// with several writers has none.
    ///
    /// # Errors
    /// When the sink fails.
    pub(in crate::pipeline) async fn mark_all(&self) -> Result<Option<Mark>> {
        let marks = side_by_side(self.writers.iter().map(|writer| writer.mark_for_checkpoint())).await?;
        Ok(marks.into_iter().next().flatten())
    }

    pub(super) fn has_several_writers(&self) -> bool {
        self.writers.len() > 1
    }

    /// Commits what is held back, with a note.
    ///
    /// # Errors
    /// When the sink fails for good. What was held back is lost, and counts as in flight.
    pub(super) async fn commit(&self, note: Option<&str>) -> Result<()> {
        match self.writers.first() {
            Some(writer) => writer.commit(note).await,
            None => Ok(()),
        }
    }

    /// Closes the sink, the first writer last: the others may share what it has opened.
    ///
    /// # Errors
    /// When the sink fails for good.
    pub(super) async fn finish(&self) -> Result<()> {
        for writer in self.writers.iter().rev() {
            writer.finish().await?;
        }
        Ok(())
    }

    /// Abandons what is not committed: it will not be any more, and counts as in flight.
    pub(super) async fn abandon(&self) {
        for writer in &self.writers {
            writer.abandon().await;
        }
    }
}

/// What all of these give, which are waited for at the same time, or the first error: the gate is closed meanwhile.
async fn side_by_side<T>(all: impl Iterator<Item = impl Future<Output = Result<T>>>) -> Result<Vec<T>> {
    let mut waiting: Vec<(Pin<Box<_>>, Option<T>)> = all.map(|future| (Box::pin(future), None)).collect();
    poll_fn(|context| {
        let mut is_pending = false;
        for (future, done) in waiting.iter_mut().filter(|(_, done)| done.is_none()) {
            match future.as_mut().poll(context) {
                Poll::Ready(Ok(value)) => *done = Some(value),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => is_pending = true,
            }
        }
        if is_pending { Poll::Pending } else { Poll::Ready(Ok(())) }
    })
    .await?;
    Ok(waiting.into_iter().filter_map(|(_, done)| done).collect())
}
