//! Connects to a host: looks it up once, checks every address, connects to one of those.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};

use tokio::net::TcpStream;
use wasmtime_wasi_http::Error;

use super::Resolver;
use super::request::Target;
use sandmill_engine::plan::{HttpRule, HttpTarget};
use sandmill_engine::time::{Instant, timeout, timeout_at};

/// Addresses of one host that are tried: enough for a dead one or two among them.
const ADDRESSES_MAX: usize = 8;

/// Why a request does not get to an address.
#[derive(Debug)]
pub(super) enum Unreached {
    /// This address must not be connected to.
    Prohibited(IpAddr),
    /// There is none, or the look-up failed.
    Failed(Error),
}

/// The addresses of the target's host, each of them permitted by one of `rules`, which all allow the request. One that
/// is not refuses the whole request: an answer that mixes inside and outside is an attempt at something.
pub(super) async fn addresses(
    target: &Target,
    rules: &[&HttpRule],
    resolver: &dyn Resolver,
    by: Instant,
) -> Result<Vec<SocketAddr>, Unreached> {
    let found = match target.as_rules_see_it().address() {
        Some(address) => vec![address],
        None => look_up(target, resolver, by).await.map_err(Unreached::Failed)?,
    };
    let prohibited = |address: &&IpAddr| !rules.iter().any(|rule| rule.permits_address(**address));
    if let Some(address) = found.iter().find(prohibited) {
        return Err(Unreached::Prohibited(*address));
    }
    let places = found.into_iter().take(ADDRESSES_MAX).map(|address| SocketAddr::new(address, target.port()));
    Ok(places.collect())
}

/// Says that the target's host lies at an address to which no request may go, and what would let it, if anything does.
pub(super) fn prohibited(target: &Target, address: IpAddr) -> String {
    let HttpTarget { scheme, host, .. } = target.as_rules_see_it();
    let private = HttpRule::parse(&format!("private:{scheme}://{host}"));
    let hint = if private.is_ok_and(|rule| rule.permits_address(address)) {
        format!("; if this is intended, grant it by name, with \"private:{scheme}://{host}\" in the rule")
    } else {
        String::new()
    };
    format!("refused: {host} is at {address}, which is not a public address{hint}")
}

async fn look_up(target: &Target, resolver: &dyn Resolver, by: Instant) -> Result<Vec<IpAddr>, Error> {
    match timeout_at(by, resolver.resolve(target.host(), target.port())).await {
        Ok(Ok(found)) if found.is_empty() => Err(Error::DestinationNotFound),
        Ok(Ok(found)) => Ok(found),
        Ok(Err(error)) => Err(Error::DnsError { rcode: Some(error.to_string()), info_code: None }),
        Err(_elapsed) => Err(Error::DnsTimeout),
    }
}

/// Connects to the first of `addresses` that answers. Each has an equal share of the time that is left.
pub(super) async fn connect(addresses: &[SocketAddr], by: Instant) -> Result<TcpStream, Error> {
    let mut failed = Error::DestinationNotFound;
    let mut untried = addresses.iter();
    while let Some(address) = untried.next() {
        let shares = u32::try_from(untried.len() + 1).unwrap_or(u32::MAX);
        let share = (by - Instant::now()) / shares;
        failed = match timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => unconnected(&error),
            Err(_elapsed) => Error::ConnectionTimeout,
        };
    }
    Err(failed)
}

fn unconnected(error: &io::Error) -> Error {
    let kind = error.kind();
    if kind == ErrorKind::ConnectionRefused {
        Error::ConnectionRefused
    } else if kind == ErrorKind::TimedOut {
        Error::ConnectionTimeout
    } else {
        Error::DestinationUnavailable
    }
}
