//! Adapts a sink that blocks: it runs on a [`Thread`] of its own.
//!
//! Memory: a copy of the batch that is being written, whose buffers are used again for the next one. The copy costs
//! some 0.1 ns per byte; without it, the thread would have to borrow the batch across an `await`.

use std::num::NonZeroUsize;

use async_trait::async_trait;

use crate::thread::Thread;
use sandmill_engine::edge::{Delivery, Header, Mark, Records, Rejected, Settles, Sink};
use sandmill_engine::error::{Error, Result};
use sandmill_engine::record::Payload;

/// A sink whose writes block. Every call is as the one of [`Sink`] that has its name.
pub(crate) trait BlockingSink: Send + 'static {
    /// # Errors
    /// When the destination fails.
    fn write(&mut self, records: &Payload) -> Result<Vec<Rejected>>;

    /// # Errors
    /// When the destination cannot be closed properly.
    fn finish(&mut self) -> Result<()>;

    /// # Errors
    /// When the destination cannot be written to, or has one writer.
    fn writer(&mut self) -> Result<Self>
    where
        Self: Sized,
    {
        Err(Error::internal("a sink that has one writer was asked for another"))
    }

    /// Like [`Sink::expect_header`], directly before the end.
    fn expect_header(&mut self, _header: &Header) {}

    fn delivery(&self) -> Delivery {
        Delivery::AtLeastOnce
    }

    /// # Errors
    /// When the destination fails.
    fn mark(&mut self) -> Result<Option<Mark>> {
        Ok(None)
    }

    /// # Errors
    /// When the destination has changed.
    fn return_to(&mut self, _mark: Option<&Mark>) -> Result<()> {
        Ok(())
    }

    fn remarks(&self) -> Vec<String> {
        Vec::new()
    }

    fn settles(&self) -> Settles {
        Settles::OnWrite
    }

    fn expect_receipts(&mut self) {}

    /// # Errors
    /// When the destination cannot be read.
    fn hold(&mut self, _owner: &str) -> Result<Option<String>> {
        Ok(None)
    }

    /// # Errors
    /// When the destination fails.
    fn commit(&mut self, _note: Option<&str>) -> Result<()> {
        Ok(())
    }
}

/// The adapter.
pub(crate) struct Blocking<S> {
    state: State<S>,
    traits: Traits,
    spare: Payload,
    /// For the end: by the time they are announced, the sink may be on its thread.
    headers: Vec<Header>,
}

/// Properties that do not change while the sink is on its thread.
#[derive(Clone, Copy)]
struct Traits {
    delivery: Delivery,
    settles: Settles,
}

enum State<S> {
    New(S),
    Begun(Thread<Request, Answer>),
    /// Being replaced; or the thread could not be started.
    Failed,
}

enum Request {
    Write(Payload),
    Mark,
    Commit(Option<String>),
    Finish(Vec<Header>),
}

struct Answer {
    /// The payload that was written: its buffers are used again.
    spare: Payload,
    result: Result<Reply>,
}

enum Reply {
    Written(Vec<Rejected>),
    Marked(Option<Mark>),
    Done,
}

impl<S: BlockingSink> Blocking<S> {
    pub(crate) fn new(sink: S) -> Self {
        let traits = Traits { delivery: sink.delivery(), settles: sink.settles() };
        Self { state: State::New(sink), traits, spare: Payload::default(), headers: Vec::new() }
    }

    async fn call(&mut self, request: Request) -> Result<Reply> {
        self.state = match std::mem::replace(&mut self.state, State::Failed) {
            State::New(mut sink) => State::Begun(Thread::start("sandmill-sink", NonZeroUsize::MIN, move |request| {
                serve(&mut sink, request)
            })?),
            begun @ (State::Begun(_) | State::Failed) => begun,
        };
        let State::Begun(thread) = &mut self.state else {
            return Err(Error::internal("a sink is written to after its thread could not be started"));
        };
        if thread.outstanding() > 0 {
            // The future of the last write was dropped. Its records count as in flight, but a failure must not be lost.
            thread.answer().await?.result?;
        }
        thread.ask(request)?;
        let answer = thread.answer().await?;
        self.spare = answer.spare;
        answer.result
    }

    /// The sink itself, which has not begun.
    fn new_sink(&mut self) -> Result<&mut S> {
        match &mut self.state {
            State::New(sink) => Ok(sink),
            State::Begun(_) | State::Failed => Err(Error::internal("a sink that has begun is asked to prepare")),
        }
    }
}

fn serve<S: BlockingSink>(sink: &mut S, request: Request) -> Answer {
    let (spare, result) = match request {
        Request::Write(records) => {
            let result = sink.write(&records).map(Reply::Written);
            (records, result)
        }
        Request::Mark => (Payload::default(), sink.mark().map(Reply::Marked)),
        Request::Commit(note) => (Payload::default(), sink.commit(note.as_deref()).map(|()| Reply::Done)),
        Request::Finish(headers) => {
            headers.iter().for_each(|header| sink.expect_header(header));
            (Payload::default(), sink.finish().map(|()| Reply::Done))
        }
    };
    Answer { spare, result }
}

#[async_trait]
impl<S: BlockingSink> Sink for Blocking<S> {
    /// # Cancel safety
    /// The write continues after its future is dropped. When the sink is dropped too, its thread is left running
    /// until the write returns.
    async fn write(&mut self, records: &Records<'_>) -> Result<Vec<Rejected>> {
        let mut copy = std::mem::take(&mut self.spare);
        copy.truncate(0);
        copy.append(records);
        match self.call(Request::Write(copy)).await? {
            Reply::Written(rejected) => Ok(rejected),
            Reply::Marked(_) | Reply::Done => Ok(Vec::new()),
        }
    }

    async fn writer(&mut self) -> Result<Box<dyn Sink>> {
        Ok(Box::new(Self::new(self.new_sink()?.writer()?)))
    }

    fn expect_header(&mut self, header: &Header) {
        self.headers.push(header.clone());
    }

    async fn finish(&mut self) -> Result<()> {
        self.call(Request::Finish(self.headers.clone())).await.map(|_| ())
    }

    fn delivery(&self) -> Delivery {
        self.traits.delivery
    }

    async fn mark(&mut self) -> Result<Option<Mark>> {
        match self.call(Request::Mark).await? {
            Reply::Marked(mark) => Ok(mark),
            Reply::Written(_) | Reply::Done => Ok(None),
        }
    }

    async fn return_to(&mut self, mark: Option<&Mark>) -> Result<()> {
        self.new_sink()?.return_to(mark)
    }

    fn remarks(&self) -> Vec<String> {
        match &self.state {
            State::New(sink) => sink.remarks(),
            State::Begun(_) | State::Failed => Vec::new(),
        }
    }

    fn settles(&self) -> Settles {
        self.traits.settles
    }

    /// Before the sink has begun: there is nothing that could fail.
    fn expect_receipts(&mut self) {
        if let State::New(sink) = &mut self.state {
            sink.expect_receipts();
        }
    }

    async fn hold(&mut self, owner: &str) -> Result<Option<String>> {
        self.new_sink()?.hold(owner)
    }

    async fn commit(&mut self, note: Option<&str>) -> Result<()> {
        self.call(Request::Commit(note.map(str::to_owned))).await.map(|_| ())
    }
}
