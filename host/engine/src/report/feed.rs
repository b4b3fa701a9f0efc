//! Brings the events of a run to all who watch it.
//!
//! There is one buffer for a run, of the last 1,024 events, and each stream has its own place in it. So memory does not
//! grow with the number of streams, a sender never waits, and a stream that is too slow loses the oldest events. A stream
//! locks the buffer only to take one pointer out of it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use tokio::sync::Notify;

use super::Event;

/// Events that are kept: a screenful many times over.
const EVENTS_MAX: usize = 1024;

/// The sending end of the events. It never waits. When its last clone is dropped, the streams end.
#[derive(Clone, Debug)]
pub struct EventSender {
    sending: Arc<Sending>,
}

/// Opens streams of the events of one run. Keeping it does not keep the streams open.
#[derive(Clone, Debug)]
pub struct EventFeed {
    buffer: Arc<Buffer>,
}

/// One reader's stream of the events.
#[derive(Debug)]
pub struct EventStream {
    buffer: Arc<Buffer>,
    /// The number of the event that comes next.
    position: u64,
    lost: u64,
}

/// Shared by all clones of a sender.
#[derive(Debug)]
struct Sending {
    buffer: Arc<Buffer>,
}

#[derive(Debug, Default)]
struct Buffer {
    kept: Mutex<Kept>,
    news: Notify,
}

/// The last events. They are numbered in the order in which they were sent, from 0.
#[derive(Debug, Default)]
struct Kept {
    events: VecDeque<Arc<Event>>,
    /// The number of the oldest event that is kept.
    first: u64,
    /// Some stream has taken the events before this number, or has skipped them.
    taken: u64,
    /// Events that no stream has taken and none can take any more.
    lost: u64,
    is_closed: bool,
}

/// Makes a sender of events, and the first stream of them.
#[must_use]
pub fn event_channel() -> (EventSender, EventStream) {
    let buffer = Arc::new(Buffer::default());
    let stream = EventFeed { buffer: Arc::clone(&buffer) }.open();
    (EventSender { sending: Arc::new(Sending { buffer }) }, stream)
}

impl EventSender {
    /// Sends an event to all streams.
    pub fn send(&self, event: Event) {
        let buffer = &self.sending.buffer;
        // Dropped after the lock has been released.
        let _oldest = buffer.kept().push(event);
        buffer.news.notify_waiters();
    }

    /// Counts an event as lost.
    pub fn lose(&self) {
        self.sending.buffer.kept().lost += 1;
    }

    /// The number of events that no stream has taken in time.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.sending.buffer.kept().lost
    }

    /// What opens more streams.
    #[must_use]
    pub fn feed(&self) -> EventFeed {
        EventFeed { buffer: Arc::clone(&self.sending.buffer) }
    }
}

impl EventFeed {
    /// A stream of the events, which begins with the oldest one that is kept: up to 1,024 events of the past come first.
    #[must_use]
    pub fn open(&self) -> EventStream {
        let position = self.buffer.kept().first;
        EventStream { buffer: Arc::clone(&self.buffer), position, lost: 0 }
    }

    /// Ends the streams, although there are senders: they return what is kept, and then `None`. Events that are sent
    /// from now on are lost.
    pub(crate) fn close(&self) {
        self.buffer.close();
    }
}

impl EventStream {
    /// The next event; `None` when the run has ended and this stream has returned all of its events. If more than 1,024
    /// events wait, the oldest are skipped, and [`Self::lost`] counts them.
    ///
    /// # Cancel safety
    /// No event is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Event> {
        let buffer = Arc::clone(&self.buffer);
        loop {
            // Before the look: an event that comes after it wakes this task.
            let news = buffer.news.notified();
            match self.take() {
                Poll::Ready(event) => return event.map(Arc::unwrap_or_clone),
                Poll::Pending => news.await,
            }
        }
    }

    /// The number of events that this stream has missed, because 1,024 newer ones were there before it took them.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost + self.buffer.kept().first.saturating_sub(self.position)
    }

    fn take(&mut self) -> Poll<Option<Arc<Event>>> {
        let mut kept = self.buffer.kept();
        self.lost += kept.first.saturating_sub(self.position);
        self.position = self.position.max(kept.first);
        let event = kept.get(self.position);
        if event.is_some() {
            self.position += 1;
            kept.taken = kept.taken.max(self.position);
        }
        if event.is_none() && !kept.is_closed { Poll::Pending } else { Poll::Ready(event) }
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.buffer.close();
    }
}

impl Buffer {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn close(&self) {
        self.kept().is_closed = true;
        self.news.notify_waiters();
    }
}

impl Kept {
    /// Keeps an event, and returns the oldest one if there is no room for both.
    fn push(&mut self, event: Event) -> Option<Arc<Event>> {
        if self.is_closed {
            self.lost += 1;
            return None;
        }
        let oldest = if self.events.len() < EVENTS_MAX { None } else { self.events.pop_front() };
        if oldest.is_some() {
            self.lost += u64::from(self.first >= self.taken);
            self.first += 1;
        }
        self.events.push_back(Arc::new(event));
        oldest
    }

    fn get(&self, number: u64) -> Option<Arc<Event>> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.events.get(index).cloned()
    }
}

#[cfg(test)]
mod tests {
    use std::pin::{Pin, pin};
    use std::task::{Context, Waker};

    use super::*;

    fn remark(number: usize) -> Event {
        Event::Remark { node: "source".into(), message: number.to_string() }
    }

    fn number(event: Event) -> usize {
        let Event::Remark { message, .. } = event else { panic!("{event:?}") };
        message.parse().expect("a number")
    }

    fn is_pending(future: Pin<&mut impl Future>) -> bool {
        future.poll(&mut Context::from_waker(Waker::noop())).is_pending()
    }

    async fn rest(stream: &mut EventStream) -> Vec<usize> {
        let mut numbers = Vec::new();
        while let Some(event) = stream.next().await {
            numbers.push(number(event));
        }
        numbers
    }

    #[tokio::test]
    async fn each_stream_returns_all_events_also_those_from_before_it_was_opened() {
        let (sender, mut first) = event_channel();
        (0..3).for_each(|i| sender.send(remark(i)));
        let mut second = sender.feed().open();
        (3..5).for_each(|i| sender.send(remark(i)));
        drop(sender);
        assert_eq!(rest(&mut first).await, [0, 1, 2, 3, 4]);
        assert_eq!(rest(&mut second).await, [0, 1, 2, 3, 4]);
        assert_eq!((first.lost(), second.lost()), (0, 0));
    }

    #[tokio::test]
    async fn a_stream_that_lags_loses_the_oldest_and_counts_them_and_others_lose_nothing() {
        let (sender, mut lagging) = event_channel();
        let mut quick = sender.feed().open();
        for i in 0..EVENTS_MAX + 7 {
            sender.send(remark(i));
            assert_eq!(quick.next().await.map(number), Some(i));
        }
        assert_eq!((lagging.lost(), quick.lost(), sender.lost()), (7, 0, 0), "one has taken each of them");
        drop(sender);
        assert_eq!(rest(&mut lagging).await, (7..EVENTS_MAX + 7).collect::<Vec<_>>());
        assert_eq!(lagging.lost(), 7);
    }

    #[tokio::test]
    async fn an_event_that_nobody_takes_in_time_is_counted_as_lost() {
        let (sender, mut stream) = event_channel();
        (0..EVENTS_MAX + 3).for_each(|i| sender.send(remark(i)));
        sender.lose();
        assert_eq!(sender.lost(), 4);
        assert_eq!(stream.next().await.map(number), Some(3));
    }

    #[tokio::test]
    async fn a_stream_that_waits_is_woken_by_an_event_and_by_the_end() {
        let (sender, mut stream) = event_channel();
        let feed = sender.feed();
        {
            let mut waits = pin!(stream.next());
            assert!(is_pending(waits.as_mut()));
            sender.send(remark(1));
            assert_eq!(waits.await.map(number), Some(1));
        }
        let mut waits = pin!(stream.next());
        assert!(is_pending(waits.as_mut()));
        feed.close();
        assert_eq!(waits.await, None, "although there is a sender");
        sender.send(remark(2));
        assert_eq!((feed.open().next().await.map(number), sender.lost()), (Some(1), 1), "nothing comes after the end");
    }
}
