//! The HTTP client of a stage's `http` grant: it goes nowhere but where the rules allow.
//!
//! A request is sent when a rule allows its method, scheme, host, port and path, and when **every** address that the
//! host resolves to is permitted by such a rule; it goes to one of the addresses that were checked, and the name is not
//! looked up again. Redirects are not followed: the guest sees the answer, asks again, and is checked again. `Host` is
//! what was connected to. No proxy is taken from the environment, and connections are not kept: a second request over a
//! connection that another record opened is a risk that a handshake's time is not worth.
//!
//! What is refused is a code for the guest and a warning, eight a second, for the person: `http-request-denied` when no
//! rule allows it, `destination-ip-prohibited` when an address is not permitted (no connection has been made),
//! `connection-limit-reached` when a thousand requests of the stage wait. What takes too long ends as `dns-timeout`,
//! `connection-timeout` or `http-response-timeout`. A body beyond its bound, or cut at the end of its time, fails the
//! guest's next read; it never looks like one that has ended.
//!
//! Bounded: the time of an exchange, from the look-up to the last byte that the guest reads (it begins when the request
//! has a connection's place: how long it waits for one is bounded by the `wall` of its call alone); the head (64 KiB,
//! 128 headers) and the body of a response; connections of a stage, the requests that wait for one, and look-ups.
//! Connections run on the I/O runtime, and end when the guest drops the response or the instance ends.

mod body;
mod connect;
mod exchange;
mod hooks;
mod request;
mod resolver;
#[cfg(test)]
mod tests;
mod tls;
mod warnings;

pub(super) use hooks::EgressHooks;
pub(super) use resolver::{Resolver, SystemResolver};

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body_util::BodyExt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use self::body::{BoundedBody, Bounds};
use self::connect::Unreached;
use self::exchange::Times;
use self::request::Target;
use self::tls::Tls;
use self::warnings::{Gate, Warnings};
use crate::log::GuestOutput;
use sandmill_engine::plan::HttpRule;
use sandmill_engine::program::WorkerId;
use sandmill_engine::time::timeout_at;

/// Requests of one stage that are under way or wait for a connection: each holds some memory of the host's.
const REQUESTS_MAX: usize = 1024;

/// Longer than anybody waits; keeps deadlines within what a clock can tell.
const EXCHANGE_MAX: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// How much the requests of one stage may use up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EgressBounds {
    /// Largest body of a response, bytes.
    pub response_bytes: u64,
    /// What one exchange may take, from the look-up to the last byte that the guest reads.
    pub exchange: Duration,
    /// Connections at the same time; further requests wait.
    pub connections: NonZeroUsize,
}

impl EgressBounds {
    /// Connections that a stage may have whatever the number of its workers. Arbitrary.
    pub(crate) const CONNECTIONS_MIN: NonZeroUsize = NonZeroUsize::new(64).expect("not zero");
}

/// The way out of one stage, shared by its instances.
#[derive(Debug)]
pub(super) struct Egress {
    rules: Vec<HttpRule>,
    bounds: EgressBounds,
    resolver: Arc<dyn Resolver>,
    io: Handle,
    tls: Tls,
    connections: Arc<Semaphore>,
    requests: Arc<Semaphore>,
    gate: Arc<Gate>,
}

impl Egress {
    /// A way out for what `rules` allow. Connections run on `io`.
    pub(super) fn new(
        rules: Vec<HttpRule>,
        bounds: EgressBounds,
        resolver: Arc<dyn Resolver>,
        io: Handle,
    ) -> Arc<Self> {
        Arc::new(Self {
            rules,
            bounds: EgressBounds { exchange: bounds.exchange.min(EXCHANGE_MAX), ..bounds },
            resolver,
            io,
            tls: Tls::default(),
            connections: Arc::new(Semaphore::new(bounds.connections.get().min(Semaphore::MAX_PERMITS))),
            requests: Arc::new(Semaphore::new(REQUESTS_MAX)),
            gate: Arc::default(),
        })
    }

    /// The hooks of one instance's store, which warn in the name of `worker`.
    pub(super) fn hooks(self: &Arc<Self>, worker: &WorkerId, guest_output: &GuestOutput) -> EgressHooks {
        let warnings =
            Warnings { gate: Arc::clone(&self.gate), worker: worker.clone(), guest_output: guest_output.clone() };
        EgressHooks { egress: Arc::clone(self), warnings }
    }

    /// Begins an exchange on the I/O runtime. Dropping the handle ends it.
    fn begin(
        self: &Arc<Self>,
        request: Request<WasiBody>,
        wishes: Option<RequestOptions>,
        warnings: Warnings,
    ) -> Result<AbortOnDropHandle<Result<Response<WasiBody>, Error>>, Error> {
        let counted = Arc::clone(&self.requests).try_acquire_owned().map_err(|_| Error::ConnectionLimitReached)?;
        let egress = Arc::clone(self);
        let exchange = async move {
            let _counted = counted;
            egress.answer(request, wishes, warnings).await
        };
        Ok(AbortOnDropHandle::new(self.io.spawn(exchange)))
    }

    async fn answer(
        &self,
        request: Request<WasiBody>,
        wishes: Option<RequestOptions>,
        warnings: Warnings,
    ) -> Result<Response<WasiBody>, Error> {
        let (parts, body) = request.into_parts();
        let target = Target::of(&parts)?;
        let asked = target.as_rules_see_it();
        let rules: Vec<&HttpRule> = self.rules.iter().filter(|rule| rule.allows(&asked)).collect();
        if rules.is_empty() {
            warnings.warn(&format!("{asked}: refused: no http rule of the stage allows it"));
            return Err(Error::HttpRequestDenied);
        }
        let request = target.request(parts, body)?;
        let place = Arc::clone(&self.connections).acquire_owned().await.map_err(|_| Error::ConnectionLimitReached)?;
        let times = Times::new(self.bounds.exchange, wishes);
        let bounds = Bounds { bytes_max: self.bounds.response_bytes, times, asked: asked.to_string(), warnings };
        let answered = async {
            let stream = self.reach(&target, &rules, &bounds).await?;
            exchange::exchange(stream, request, &bounds.times, &self.io, place).await
        };
        match answered.await {
            Ok((response, connection)) => {
                Ok(response.map(|incoming| BoundedBody::new(incoming, connection, bounds).boxed_unsync()))
            }
            Err(error) => {
                if bounds.times.is_over() {
                    bounds.warn_of_time();
                }
                Err(error)
            }
        }
    }

    /// A connection to an address of the target that one of `rules` permits.
    async fn reach(&self, target: &Target, rules: &[&HttpRule], bounds: &Bounds) -> Result<Box<dyn Stream>, Error> {
        let by = bounds.times.connected_by();
        let addresses = match connect::addresses(target, rules, &*self.resolver, by).await {
            Ok(addresses) => addresses,
            Err(Unreached::Failed(error)) => return Err(error),
            Err(Unreached::Prohibited(address)) => {
                bounds.warn(&connect::prohibited(target, address));
                return Err(Error::DestinationIpProhibited);
            }
        };
        let stream = connect::connect(&addresses, by).await?;
        if !target.is_secure() {
            return Ok(Box::new(stream));
        }
        let encrypted = async {
            let config = self.tls.config().await.map_err(|flaw| {
                bounds.warn(&format!("not sent: {flaw}"));
                Error::ConfigurationError
            })?;
            tls::encrypt(stream, target.host(), config).await
        };
        Ok(Box::new(timeout_at(by, encrypted).await.map_err(|_elapsed| Error::ConnectionTimeout)??))
    }
}

/// A connection, encrypted or not.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}
