//! Makes a source of one that blocks: it runs on a [`Thread`] of its own and reads one chunk ahead, so that reading
//! overlaps with everything else.
//!
//! Memory: one chunk that is being read or waits to be taken, besides the one that was handed out.

use async_trait::async_trait;

use crate::edge::thread::Thread;
use crate::edge::{Chunk, Cursor, Extent, Source};
use crate::error::{Error, Result};
use crate::record::BatchBounds;

/// A source whose pulls block.
pub(in crate::edge) trait BlockingSource: Send + 'static {
    /// As [`Source::pull`]. Not called again after the end, nor after an error that is not retryable.
    ///
    /// # Errors
    /// When the input cannot be read.
    fn pull(&mut self, bounds: &BatchBounds) -> Result<Option<Chunk>>;

    /// As [`Source::extent`].
    fn extent(&self) -> Extent {
        Extent::Unknown
    }

    /// As [`Source::can_resume`].
    fn can_resume(&self) -> bool {
        false
    }

    /// As [`Source::seek`].
    ///
    /// # Errors
    /// When the place is not there any more.
    fn seek(&mut self, _cursor: &Cursor) -> Result<()> {
        Err(Error::internal("a source that cannot resume was asked to"))
    }
}

/// The adapter. A change of the bounds takes effect one chunk late, because that one has been read already.
pub(in crate::edge) struct Blocking<S> {
    extent: Extent,
    can_resume: bool,
    state: State<S>,
}

enum State<S> {
    /// Nothing has been read yet.
    New(S),
    /// A read is under way, or its chunk waits.
    Reading(Thread<BatchBounds, Result<Option<Chunk>>>),
    /// The end, or an error, has been handed out.
    Ended,
}

impl<S: BlockingSource> Blocking<S> {
    pub(in crate::edge) fn new(source: S) -> Self {
        Self { extent: source.extent(), can_resume: source.can_resume(), state: State::New(source) }
    }

    fn begin(mut source: S, bounds: &BatchBounds) -> Result<State<S>> {
        let mut thread = Thread::start("sandmill-source", move |bounds| source.pull(&bounds))?;
        thread.ask(*bounds)?;
        Ok(State::Reading(thread))
    }
}

#[async_trait]
impl<S: BlockingSource> Source for Blocking<S> {
    /// # Cancel safety
    /// A read that is under way goes on; its chunk is there for the next pull. When the source is dropped instead, the
    /// thread is left behind until its read returns, and what it reads is lost.
    async fn pull(&mut self, bounds: &BatchBounds) -> Result<Option<Chunk>> {
        self.state = match std::mem::replace(&mut self.state, State::Ended) {
            State::New(source) => Self::begin(source, bounds)?,
            begun @ (State::Reading(_) | State::Ended) => begun,
        };
        let State::Reading(thread) = &mut self.state else { return Ok(None) };
        if !thread.is_outstanding() {
            // The last pull failed, and is tried again.
            thread.ask(*bounds)?;
        }
        match thread.answer().await.flatten() {
            Ok(Some(chunk)) => {
                thread.ask(*bounds)?;
                Ok(Some(chunk))
            }
            Err(error) if error.is_retryable() => Err(error),
            end @ (Ok(None) | Err(_)) => {
                self.state = State::Ended;
                end
            }
        }
    }

    fn extent(&self) -> Extent {
        self.extent
    }

    fn can_resume(&self) -> bool {
        self.can_resume
    }

    async fn seek(&mut self, cursor: &Cursor) -> Result<()> {
        match &mut self.state {
            State::New(source) => source.seek(cursor),
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
    use crate::edge::tests::bounds;
    use crate::error::{Error, ErrorKind};
    use crate::record::Payload;

    struct Scripted<F>(F);

    impl<F: FnMut() -> Result<Option<Chunk>> + Send + 'static> BlockingSource for Scripted<F> {
        fn pull(&mut self, _: &BatchBounds) -> Result<Option<Chunk>> {
            (self.0)()
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
