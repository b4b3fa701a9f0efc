//! One request and its response over one connection, within a time.

use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::task::AbortOnDropHandle;
use wasmtime_wasi_http::io::TokioIo;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use sandmill_engine::time::{Instant, timeout_at};

/// The head of a response, and so what is read ahead of its body. Most servers allow requests a quarter of it.
const HEAD_BYTES_MAX: usize = 64 << 10;
const HEADERS_MAX: usize = 128;

/// The times that a guest may ask for, each within what its stage's exchanges may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    /// When everything is over: this much after it began.
    pub(super) deadline: Instant,
    pub(super) exchange: Duration,
    /// For a look-up, a connection and its encryption.
    connect: Duration,
    /// From there to the head of the response.
    first_byte: Duration,
    /// Between two pieces of its body, while the guest waits for one.
    between_bytes: Duration,
}

impl Times {
    /// The times of an exchange that begins now.
    pub(super) fn new(exchange: Duration, wishes: Option<RequestOptions>) -> Self {
        let within = |wish: Option<Duration>| wish.map_or(exchange, |wish| wish.min(exchange));
        let wishes = wishes.unwrap_or_default();
        Self {
            deadline: Instant::now() + exchange,
            exchange,
            connect: within(wishes.connect_timeout),
            first_byte: within(wishes.first_byte_timeout),
            between_bytes: within(wishes.between_bytes_timeout),
        }
    }

    /// When a connection must stand, its look-up begun now.
    pub(super) fn connected_by(&self) -> Instant {
        self.deadline.min(Instant::now() + self.connect)
    }

    pub(super) fn is_over(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// When a guest that begins to wait for a piece of the body has waited for too long.
    pub(super) fn silent_until(&self) -> Instant {
        self.deadline.min(Instant::now() + self.between_bytes)
    }

    fn answered_by(&self) -> Instant {
        self.deadline.min(Instant::now() + self.first_byte)
    }
}

/// The task that moves a connection's bytes. Dropping it closes the connection.
pub(super) type Connection = AbortOnDropHandle<()>;

/// Sends `request` and waits for the head of its response. The connection runs on `io` until the exchange is over, and
/// holds `place` until then.
pub(super) async fn exchange<S>(
    stream: S,
    request: Request<WasiBody>,
    times: &Times,
    io: &Handle,
    place: OwnedSemaphorePermit,
) -> Result<(Response<Incoming>, Connection), Error>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut settings = http1::Builder::new();
    settings.max_buf_size(HEAD_BYTES_MAX).max_header_size(HEAD_BYTES_MAX).max_headers(HEADERS_MAX);
    let (mut sender, connection) = settings.handshake(TokioIo::new(stream)).await.map_err(|error| failure(&error))?;
    let deadline = times.deadline;
    let connection = AbortOnDropHandle::new(io.spawn(async move {
        let _place = place;
        // Whatever waits for the response learns of its failure there.
        drop(timeout_at(deadline, connection).await);
    }));
    match timeout_at(times.answered_by(), sender.send_request(request)).await {
        Ok(Ok(response)) => Ok((response, connection)),
        // The connection was cut at the deadline, a moment before this noticed.
        Ok(Err(_)) if times.is_over() => Err(Error::HttpResponseTimeout),
        Ok(Err(error)) => Err(failure(&error)),
        Err(_elapsed) => Err(Error::HttpResponseTimeout),
    }
}

/// An error of the connection, as the guest sees it.
pub(super) fn failure(error: &hyper::Error) -> Error {
    if error.is_parse_too_large() {
        Error::HttpResponseHeaderSectionSize(u32::try_from(HEAD_BYTES_MAX).ok())
    } else if error.is_incomplete_message() {
        Error::HttpResponseIncomplete
    } else if error.is_parse() || error.is_user() {
        Error::HttpProtocolError
    } else {
        Error::ConnectionTerminated
    }
}
