//! Somebody wants the process to end: Ctrl-C, or what a supervisor sends.

use tokio::signal;

use crate::error::Result;

/// Takes the place of the default, which ends the process at once, from [`Signals::listen`] on until the process ends.
#[derive(Debug)]
pub(super) struct Signals {
    #[cfg(unix)]
    interrupt: signal::unix::Signal,
    #[cfg(unix)]
    terminate: signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    /// Begins to listen.
    ///
    /// # Errors
    /// When the system refuses.
    pub(super) fn listen() -> Result<Self> {
        use signal::unix::{SignalKind, signal};
        let refused =
            |error: std::io::Error| crate::error::Error::internal("cannot listen to signals").caused_by(error);
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(refused)?,
            terminate: signal(SignalKind::terminate()).map_err(refused)?,
        })
    }

    /// The next one.
    ///
    /// # Cancel safety
    /// None is lost when the future is dropped.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
impl Signals {
    /// Begins to listen.
    ///
    /// # Errors
    /// Never here.
    pub(super) fn listen() -> Result<Self> {
        Ok(Self {})
    }

    /// The next one.
    pub(super) async fn next(&mut self) {
        // Where there is nothing to listen to, nothing comes.
        if signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
