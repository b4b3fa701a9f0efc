//! Resolves names to addresses.

use std::fmt;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Semaphore;

/// Look-ups of one resolver that run at the same time. The system's cannot be called off, so one that hangs keeps its
/// thread, and its place among these, long after the request that asked has ended.
const LOOKUPS_MAX: usize = 16;

/// Finds the addresses of a host. Asked once for each request that names its host; the request goes to no address but
/// those of the answer, and to none of them before all have been checked.
#[async_trait]
pub(crate) trait Resolver: Send + Sync + fmt::Debug {
    /// The addresses of `host`, in the order in which they are to be tried.
    ///
    /// # Errors
    /// When the name is not known, or nobody answers.
    ///
    /// # Cancel safety
    /// The future is dropped when the request runs out of time.
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<IpAddr>>;
}

/// The machine's own resolver: its hosts file, its name servers. At most sixteen look-ups run at a time.
#[derive(Debug)]
pub(crate) struct SystemResolver {
    lookups: Arc<Semaphore>,
}

impl Default for SystemResolver {
    fn default() -> Self {
        Self { lookups: Arc::new(Semaphore::new(LOOKUPS_MAX)) }
    }
}

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<IpAddr>> {
        let place = Arc::clone(&self.lookups).acquire_owned().await.map_err(io::Error::other)?;
        let host = host.to_owned();
        // What tokio's own look-up does, but the place is given back when the thread is, not when the caller leaves.
        let lookup = tokio::task::spawn_blocking(move || {
            let _place = place;
            (host.as_str(), port).to_socket_addrs().map(|found| found.map(|address| address.ip()).collect())
        });
        lookup.await.map_err(io::Error::other)?
    }
}
