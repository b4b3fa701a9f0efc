//! Adapts a source that blocks: it runs on a [`Thread`] of its own and reads ahead, so that reading overlaps with
//! everything else.
//!
//! Memory: the chunks that are being read or wait to be taken, as many as the source says, besides the one that was
//! handed out.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;

use crate::thread::Thread;
use sandmill_engine::edge::{Chunk, Cursor, Extent, FileId, Header, Input, Settlement, Source};
use sandmill_engine::error::{Error, Result};
use sandmill_engine::record::BatchBounds;

/// Completes a chunk that was read.
pub(crate) type Finish = fn(Chunk) -> Chunk;

/// The chunk is complete.
pub(crate) fn as_it_is(chunk: Chunk) -> Chunk {
    chunk
}

/// A source whose pulls block.
pub(crate) trait BlockingSource: Send + 'static {
    /// Like [`Source::pull`]. Not called again after the end, nor after an error that is not retryable.
    ///
    /// # Errors
    /// When the input cannot be read.
    fn pull(&mut self, bounds: &BatchBounds) -> Result<Option<Chunk>>;

    /// How many chunks are read ahead. More than one where a pull is soon done: to wake a thread for each would take
    /// longer.
    fn ahead(&self) -> NonZeroUsize {
        NonZeroUsize::MIN
    }

    /// What completes each chunk. It is called where the chunk is taken, off the thread that reads; a chunk that has
    /// nothing in it afterwards is skipped.
    fn finish(&self) -> Finish {
        as_it_is
    }

    /// Like [`Source::extent`].
    fn extent(&self) -> Extent {
        Extent::Unknown
    }

    /// As [`Source::settlement`].
    fn settlement(&self) -> Settlement {
        Settlement::Never
    }

    /// Like [`Source::header`].
    fn header(&self) -> Option<Header> {
        None
    }

    /// Like [`Source::files`].
    fn files(&self) -> Vec<(FileId, Arc<Path>)> {
        Vec::new()
    }

    /// Like [`Source::remarks`].
    fn remarks(&self) -> Vec<String> {
        Vec::new()
    }

    /// Like [`Source::inputs`].
    ///
    /// # Errors
    /// When the input cannot be read.
    fn inputs(&mut self) -> Result<Vec<Input>> {
        Ok(Vec::new())
    }

    /// Like [`Source::accept_changes`].
    fn accept_changes(&mut self) {}

    /// Like [`Source::seek`].
    ///
    /// # Errors
    /// When the place is not there any more.
    fn seek(&mut self, _cursor: &Cursor, _inputs: &[Input]) -> Result<()> {
        Err(Error::internal("a source that cannot resume was asked to"))
    }
}

/// What [`BlockingSource::ahead`] is for a source that makes or finds records as fast as others take them. At the
/// default bounds these are 4 MiB at most.
pub(super) const AHEAD: NonZeroUsize = NonZeroUsize::new(4).expect("not zero");

/// The adapter. A change of the bounds takes effect late by the chunks that have been asked for already.
pub(crate) struct Blocking<S> {
    ahead: NonZeroUsize,
    extent: Extent,
    settlement: Settlement,
    header: Option<Header>,
    state: State<S>,
}

enum State<S> {
    /// Nothing has been read yet.
    New(S),
    /// Reads are under way, or their chunks wait.
    Reading(Reading),
    /// The end, or an error, has been handed out.
    Ended,
}

/// The near end of a source that reads.
struct Reading {
    thread: Thread<Request, Answer>,
    finish: Finish,
    ahead: NonZeroUsize,
    /// How often it failed in a way that may pass.
    failures: u32,
}

/// For one chunk.
struct Request {
    bounds: BatchBounds,
    /// After this many failures. Requests that had been made by the time of a failure are skipped: it is for whoever is
    /// told of the failure to say when to try again.
    failures: u32,
}

/// `None`: passed over.
type Answer = Option<Result<Option<Chunk>>>;

impl<S: BlockingSource> Blocking<S> {
    pub(crate) fn new(source: S) -> Self {
        Self {
            ahead: source.ahead(),
            extent: source.extent(),
            settlement: source.settlement(),
            header: source.header(),
            state: State::New(source),
        }
    }

    fn begin(mut source: S, ahead: NonZeroUsize) -> Result<State<S>> {
        let finish = source.finish();
        let (mut has_ended, mut failures) = (false, 0);
        let pull = move |request: Request| {
            if has_ended {
                return Some(Ok(None));
            }
            if request.failures < failures {
                return None;
            }
            let pulled = source.pull(&request.bounds);
            match &pulled {
                Ok(Some(_)) => {}
                Err(error) if error.is_retryable() => failures += 1,
                Ok(None) | Err(_) => has_ended = true,
            }
            Some(pulled)
        };
        let thread = Thread::start("sandmill-source", ahead, pull)?;
        Ok(State::Reading(Reading { thread, finish, ahead, failures: 0 }))
    }
}

impl Reading {
    /// The next chunk. More are asked for once half of those that may be ahead have been taken: to wake the thread for
    /// one at a time costs more.
    async fn next(&mut self, bounds: &BatchBounds) -> Result<Option<Chunk>> {
        loop {
            self.ask(bounds)?;
            let Some(answer) = self.thread.answer().await? else { continue };
            match answer {
                Ok(Some(chunk)) => {
                    self.ask(bounds)?;
                    let chunk = (self.finish)(chunk);
                    if !chunk.is_empty() {
                        return Ok(Some(chunk));
                    }
                }
                Err(error) if error.is_retryable() => {
                    self.failures += 1;
                    return Err(error);
                }
                end => return end,
            }
        }
    }

    fn ask(&mut self, bounds: &BatchBounds) -> Result<()> {
        if self.thread.outstanding() <= self.ahead.get() / 2 {
            while self.thread.outstanding() < self.ahead.get() {
                self.thread.ask(Request { bounds: *bounds, failures: self.failures })?;
            }
        }
        Ok(())
    }
}

#[async_trait]
impl<S: BlockingSource> Source for Blocking<S> {
    /// # Cancel safety
    /// A read that is under way continues; its chunk is there for the next pull. When the source is dropped instead,
    /// the thread is left running until its read returns, and what it reads is lost.
    async fn pull(&mut self, bounds: &BatchBounds) -> Result<Option<Chunk>> {
        self.state = match std::mem::replace(&mut self.state, State::Ended) {
            State::New(source) => Self::begin(source, self.ahead)?,
            begun @ (State::Reading(_) | State::Ended) => begun,
        };
        let State::Reading(reading) = &mut self.state else { return Ok(None) };
        let next = reading.next(bounds).await;
        let goes_on = match &next {
            Ok(next) => next.is_some(),
            Err(error) => error.is_retryable(),
        };
        if !goes_on {
            self.state = State::Ended;
        }
        next
    }

    fn extent(&self) -> Extent {
        self.extent
    }

    fn settlement(&self) -> Settlement {
        self.settlement
    }

    fn header(&self) -> Option<Header> {
        self.header.clone()
    }

    fn files(&self) -> Vec<(FileId, Arc<Path>)> {
        match &self.state {
            State::New(source) => source.files(),
            State::Reading(_) | State::Ended => Vec::new(),
        }
    }

    fn remarks(&self) -> Vec<String> {
        match &self.state {
            State::New(source) => source.remarks(),
            State::Reading(_) | State::Ended => Vec::new(),
        }
    }

    fn inputs(&mut self) -> Result<Vec<Input>> {
        match &mut self.state {
            State::New(source) => source.inputs(),
            State::Reading(_) | State::Ended => Ok(Vec::new()),
        }
    }

    fn accept_changes(&mut self) {
        if let State::New(source) = &mut self.state {
            source.accept_changes();
        }
    }

    async fn seek(&mut self, cursor: &Cursor, inputs: &[Input]) -> Result<()> {
        match &mut self.state {
            State::New(source) => source.seek(cursor, inputs),
            State::Reading(_) | State::Ended => {
                Err(Error::internal("a source that has begun is asked to go elsewhere"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;
    use crate::tests::bounds;
    use sandmill_engine::error::{Error, ErrorKind};
    use sandmill_engine::record::Payload;

    struct Scripted<F>(F);

    impl<F: FnMut() -> Result<Option<Chunk>> + Send + 'static> BlockingSource for Scripted<F> {
        fn pull(&mut self, _: &BatchBounds) -> Result<Option<Chunk>> {
            (self.0)()
        }
    }

    /// The same, read four chunks ahead.
    struct Quick<F>(F);

    impl<F: FnMut() -> Result<Option<Chunk>> + Send + 'static> BlockingSource for Quick<F> {
        fn pull(&mut self, _: &BatchBounds) -> Result<Option<Chunk>> {
            (self.0)()
        }

        fn ahead(&self) -> NonZeroUsize {
            AHEAD
        }
    }

    fn chunk(value: &str) -> Chunk {
        Chunk { records: Payload::of_values([value].iter().collect()), ..Chunk::default() }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn exactly_one_chunk_is_read_ahead() {
        let (told, reads) = mpsc::sync_channel(10);
        let mut left = 3;
        let mut source = Blocking::new(Scripted(move || {
            told.send(left).expect("the test listens");
            left -= 1;
            Ok((left >= 0).then(|| chunk("x")))
        }));
        let wait = Duration::from_secs(10);
        assert!(reads.try_recv().is_err(), "nothing is read before the first pull");
        assert!(source.pull(&bounds(1, 1)).await.unwrap().is_some());
        assert_eq!(reads.recv_timeout(wait), Ok(3));
        assert_eq!(reads.recv_timeout(wait), Ok(2), "the next read begins when a chunk is handed out");
        assert_eq!(reads.recv_timeout(Duration::from_millis(50)), Err(mpsc::RecvTimeoutError::Timeout));
        assert!(source.pull(&bounds(1, 1)).await.unwrap().is_some());
        assert!(source.pull(&bounds(1, 1)).await.unwrap().is_some());
        assert!(source.pull(&bounds(1, 1)).await.unwrap().is_none());
        assert!(source.pull(&bounds(1, 1)).await.unwrap().is_none(), "the end stays the end");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_quick_source_is_read_further_ahead_and_no_further_than_its_end() {
        let (told, reads) = mpsc::sync_channel(20);
        let mut left = 9_i32;
        let mut source = Blocking::new(Quick(move || {
            told.send(left).expect("the test listens");
            left -= 1;
            Ok((left >= 0).then(|| chunk(&left.to_string())))
        }));
        let mut given = Vec::new();
        while let Some(chunk) = source.pull(&bounds(1, 1)).await.unwrap() {
            let ahead = reads.try_iter().count();
            assert!(ahead <= AHEAD.get() + 1, "{ahead} chunks were read after the last one was taken");
            given.push(chunk.records.value(0).unwrap().to_vec());
        }
        assert_eq!(given.concat(), b"876543210");
        drop(source);
        assert_eq!(reads.iter().last().unwrap_or(0), 0, "it was not asked again after the end");
    }

    /// The same, with chunks that are completed where they are taken.
    struct Unfinished<F>(F);

    impl<F: FnMut() -> Result<Option<Chunk>> + Send + 'static> BlockingSource for Unfinished<F> {
        fn pull(&mut self, _: &BatchBounds) -> Result<Option<Chunk>> {
            (self.0)()
        }

        fn finish(&self) -> Finish {
            |chunk| {
                assert_ne!(std::thread::current().name(), Some("sandmill-source"));
                if chunk.position == 2 { Chunk::default() } else { chunk }
            }
        }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_chunk_is_completed_off_the_thread_that_reads_and_skipped_if_nothing_is_left_of_it() {
        let mut position = 0;
        let mut source = Blocking::new(Unfinished(move || {
            position += 1;
            Ok((position < 4).then(|| Chunk { position, ..chunk("x") }))
        }));
        let mut positions = Vec::new();
        while let Some(chunk) = source.pull(&bounds(1, 1)).await.unwrap() {
            positions.push(chunk.position);
        }
        assert_eq!(positions, [1, 3]);
    }

    /// What was asked for ahead must not be tried at once, nor taken for the end.
    #[tokio::test(flavor = "current_thread")]
    async fn a_source_that_fails_for_a_while_is_tried_again_when_it_is_pulled_again_and_not_before() {
        let (told, pulls) = mpsc::sync_channel(20);
        let mut pull = 0;
        let mut source = Blocking::new(Quick(move || {
            told.send(()).expect("the test listens");
            pull += 1;
            match pull {
                3 | 4 => Err(Error::edge("busy").retryable(true)),
                ..8 => Ok(Some(chunk(&pull.to_string()))),
                _ => Ok(None),
            }
        }));
        let mut seen = Vec::new();
        loop {
            match source.pull(&bounds(1, 1)).await {
                Ok(Some(chunk)) => seen.push(String::from_utf8(chunk.records.value(0).unwrap().to_vec()).unwrap()),
                Ok(None) => break,
                Err(error) => {
                    assert!(error.is_retryable());
                    let before = pulls.try_iter().count();
                    assert_eq!(
                        pulls.recv_timeout(Duration::from_millis(50)),
                        Err(mpsc::RecvTimeoutError::Timeout),
                        "{before}"
                    );
                    seen.push(error.to_string());
                }
            }
        }
        assert_eq!(seen, ["1", "2", "busy", "busy", "5", "6", "7"]);
    }

    #[test]
    fn a_stopped_run_does_not_wait_for_a_read_that_never_returns() {
        let (release, blocked) = mpsc::sync_channel::<()>(1);
        let (done, ended) = mpsc::sync_channel(1);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
            runtime.block_on(async {
                let mut source = Blocking::new(Scripted(move || {
                    blocked.recv().expect("released at the end of the test");
                    Ok(None)
                }));
                let pulled = tokio::time::timeout(Duration::from_millis(20), source.pull(&bounds(1, 1))).await;
                assert!(pulled.is_err());
            });
            drop(runtime);
            done.send(()).unwrap();
        });
        ended.recv_timeout(Duration::from_secs(10)).expect("neither the run nor its runtime waits for the read");
        drop(release);
    }

    #[tokio::test]
    async fn a_pull_that_was_dropped_loses_nothing() {
        let (release, blocked) = mpsc::sync_channel::<()>(1);
        let mut source = Blocking::new(Scripted(move || {
            blocked.recv().expect("released below");
            Ok(Some(chunk("kept")))
        }));
        let bounds = bounds(1, 1);
        assert!(tokio::time::timeout(Duration::from_millis(20), source.pull(&bounds)).await.is_err());
        release.send(()).unwrap();
        let chunk = source.pull(&bounds).await.unwrap().expect("the chunk that the first pull waited for");
        assert_eq!(chunk.records.value(0), Some(b"kept" as &[u8]));
        drop(release);
    }

    #[tokio::test]
    async fn a_panic_and_an_error_end_the_source() {
        let mut source = Blocking::new(Scripted(|| panic!("a defect, in a test")));
        assert_eq!(source.pull(&bounds(1, 1)).await.unwrap_err().kind(), ErrorKind::Internal);
        assert!(source.pull(&bounds(1, 1)).await.unwrap().is_none());

        let mut source = Blocking::new(Scripted(|| Err(Error::edge("gone"))));
        assert_eq!(source.pull(&bounds(1, 1)).await.unwrap_err().to_string(), "gone");
        assert!(source.pull(&bounds(1, 1)).await.unwrap().is_none());
    }
}
