//! The body of a response: this many bytes, until a deadline, and then the connection is gone.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Sleep, sleep_until};
use wasmtime_wasi_http::Error;

use super::exchange::{Connection, Times, failure};
use super::warnings::Warnings;
use sandmill_engine::time::Instant;

/// A body within bounds. Dropping it closes its connection; so does the first error.
pub(super) struct BoundedBody {
    /// `None` once it has failed.
    open: Option<(Incoming, Connection)>,
    bounds: Bounds,
    bytes: u64,
    /// Ends when the guest has waited for too long; set again by each wait. Made on the I/O runtime, whose timer wakes
    /// it however busy the guests are.
    silence: Pin<Box<Sleep>>,
    /// How long a guest that waits may wait.
    silent_until: Option<Instant>,
}

/// The bounds of an exchange, and how to report that it exceeded them.
#[derive(Debug)]
pub(super) struct Bounds {
    /// Largest body of the response.
    pub(super) bytes_max: u64,
    pub(super) times: Times,
    /// The request as it is shown.
    pub(super) asked: String,
    pub(super) warnings: Warnings,
}

impl Bounds {
    /// Tells the person what became of the request.
    pub(super) fn warn(&self, outcome: &str) {
        self.warnings.warn(&format!("{}: {outcome}", self.asked));
    }

    /// Tells the person that the exchange has used up its time.
    pub(super) fn warn_of_time(&self) {
        self.warn(&format!("ended after {:?}, the time limit of an exchange", self.times.exchange));
    }
}

impl BoundedBody {
    /// To be called on the I/O runtime.
    pub(super) fn new(incoming: Incoming, connection: Connection, bounds: Bounds) -> Self {
        let silence = Box::pin(sleep_until(bounds.times.deadline.on_clock()));
        Self { open: Some((incoming, connection)), bounds, bytes: 0, silence, silent_until: None }
    }

    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        let until = match self.silent_until {
            Some(until) => until,
            None => self.await_more(),
        };
        ready!(self.silence.as_mut().poll(cx));
        while Instant::now() < until {
            // The process was stopped meanwhile.
            self.silence.as_mut().reset(until.on_clock());
            ready!(self.silence.as_mut().poll(cx));
        }
        Poll::Ready(if self.bounds.times.is_over() { self.late() } else { Error::ConnectionReadTimeout })
    }

    /// The guest begins to wait for a piece.
    fn await_more(&mut self) -> Instant {
        let until = self.bounds.times.silent_until();
        self.silent_until = Some(until);
        self.silence.as_mut().reset(until.on_clock());
        until
    }

    fn late(&self) -> Error {
        self.bounds.warn_of_time();
        Error::HttpResponseTimeout
    }

    fn count(&mut self, frame: &Frame<Bytes>) -> Result<(), Error> {
        let more = frame.data_ref().map_or(0, Bytes::len);
        self.bytes = self.bytes.saturating_add(more as u64);
        let limit = self.bounds.bytes_max;
        if self.bytes <= limit {
            return Ok(());
        }
        self.bounds.warn(&format!("ended after {limit} bytes, the limit of a response"));
        Err(Error::HttpResponseBodySize(Some(limit)))
    }

    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        // Asked first: the connection is cut at the deadline, and a body whose connection is cut looks like one that
        // has ended.
        if self.bounds.times.is_over() {
            return Poll::Ready(Some(Err(self.late())));
        }
        let Some((incoming, _)) = &mut self.open else { return Poll::Ready(None) };
        match Pin::new(incoming).poll_frame(cx) {
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Ready(Some(Ok(frame))) => {
                self.silent_until = None;
                Poll::Ready(Some(self.count(&frame).map(|()| frame)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(failure(&error)))),
            Poll::Pending => self.poll_silence(cx).map(|error| Some(Err(error))),
        }
    }
}

impl Body for BoundedBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if self.open.is_none() {
            return Poll::Ready(None);
        }
        let polled = self.poll_open(cx);
        if let Poll::Ready(Some(Err(_))) = polled {
            self.open = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.open.as_ref().is_none_or(|(incoming, _)| incoming.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.open.as_ref().map_or_else(SizeHint::default, |(incoming, _)| incoming.size_hint())
    }
}
