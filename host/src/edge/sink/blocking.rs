//! Makes a sink of one that blocks: it runs on a [`Thread`] of its own.
//!
//! Memory: a copy of the batch that is being written, whose buffers are used again for the next one. The copy costs some
//! 0.1 ns per byte; without it, the thread would have to borrow the batch across an `await`.

use async_trait::async_trait;

use crate::edge::thread::Thread;
use crate::edge::{Rejected, Sink};
use crate::error::{Error, Result};
use crate::record::Payload;

/// A sink whose writes block.
pub(in crate::edge) trait BlockingSink: Send + 'static {
    /// As [`Sink::write`].
    ///
    /// # Errors
    /// When the destination fails.
    fn write(&mut self, records: &Payload) -> Result<Vec<Rejected>>;

    /// As [`Sink::finish`].
    ///
    /// # Errors
    /// When the destination cannot be closed properly.
    fn finish(&mut self) -> Result<()>;
}

/// The adapter.
pub(in crate::edge) struct Blocking<S> {
    state: State<S>,
    spare: Payload,
}

enum State<S> {
    New(S),
    Begun(Thread<Request, Answer>),
    /// Being replaced; or the thread could not be started.
    Failed,
}

enum Request {
    Write(Payload),
    Finish,
}

struct Answer {
    /// What was written: its buffers are used again.
    spare: Payload,
    result: Result<Vec<Rejected>>,
}

impl<S: BlockingSink> Blocking<S> {
    pub(in crate::edge) fn new(sink: S) -> Self {
        Self { state: State::New(sink), spare: Payload::default() }
    }

    async fn call(&mut self, request: Request) -> Result<Vec<Rejected>> {
        self.state = match std::mem::replace(&mut self.state, State::Failed) {
            State::New(mut sink) => {
                State::Begun(Thread::start("sandmill-sink", move |request| Self::serve(&mut sink, request))?)
            }
            begun @ (State::Begun(_) | State::Failed) => begun,
        };
        let State::Begun(thread) = &mut self.state else {
            return Err(Error::internal("a sink is written to after its thread could not be started"));
        };
        if thread.is_outstanding() {
            // The future of the last write was dropped. Its records count as in flight, but a failure must not be lost.
            thread.answer().await?.result?;
        }
        thread.ask(request)?;
        let answer = thread.answer().await?;
        self.spare = answer.spare;
        answer.result
    }

    fn serve(sink: &mut S, request: Request) -> Answer {
        match request {
            Request::Write(records) => {
                let result = sink.write(&records);
                Answer { spare: records, result }
            }
            Request::Finish => Answer { spare: Payload::default(), result: sink.finish().map(|()| Vec::new()) },
        }
    }
}

#[async_trait]
impl<S: BlockingSink> Sink for Blocking<S> {
    /// # Cancel safety
    /// The write goes on behind the back of a dropped future. When the sink is dropped too, its thread is left behind
    /// until the write returns.
    async fn write(&mut self, records: &Payload) -> Result<Vec<Rejected>> {
        let mut copy = std::mem::take(&mut self.spare);
        copy.truncate(0);
        copy.append(records);
        self.call(Request::Write(copy)).await
    }

    async fn finish(&mut self) -> Result<()> {
        self.call(Request::Finish).await.map(|_| ())
    }
}
