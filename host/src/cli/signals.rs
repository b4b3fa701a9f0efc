//! Handles requests to end the process: Ctrl-C, or the signal of a supervisor.
//!
//! A run listens by itself. While stages are built, a thread listens in its place, because what cargo has started would
//! outlive a process that just ends.

use std::sync::{Mutex, OnceLock, PoisonError};

use tokio::{runtime, signal};

use crate::build::Stop;
use crate::error::{Error, Result};
use crate::exit::Exit;

/// What a signal ends now.
#[derive(Clone, Debug)]
enum Phase {
    /// A build, with all that works for it.
    Build(Stop),
    /// The process: nothing that would outlive it, or need to be finished, is under way.
    Process,
    /// A run, which listens to signals itself.
    Run,
}

/// Of the process, as signals are.
static PHASE: Mutex<Phase> = Mutex::new(Phase::Process);

fn enter(phase: Phase) {
    *PHASE.lock().unwrap_or_else(PoisonError::into_inner) = phase;
}

/// Does `work`, which builds stages. A first signal stops the build; a second one, or one when it is over, ends the
/// process.
///
/// # Errors
/// When the system refuses to listen; what `work` says.
pub(super) fn while_building<T>(work: impl FnOnce(&Stop) -> Result<T>) -> Result<T> {
    static LISTENING: OnceLock<()> = OnceLock::new();
    let stop = Stop::default();
    enter(Phase::Build(stop.clone()));
    if LISTENING.get().is_none() {
        listen_aside()?;
        LISTENING.set(()).unwrap_or_default();
    }
    let done = work(&stop);
    enter(Phase::Process);
    done
}

/// Listens in a thread of its own, until the process ends.
fn listen_aside() -> Result<()> {
    let refused = |error: std::io::Error| Error::internal("cannot listen for signals").caused_by(error);
    let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(refused)?;
    let mut signals = {
        let _context = runtime.enter();
        Signals::open()?
    };
    std::thread::spawn(move || {
        runtime.block_on(async {
            loop {
                signals.next().await;
                let phase = PHASE.lock().unwrap_or_else(PoisonError::into_inner).clone();
                match phase {
                    Phase::Run => {}
                    Phase::Build(stop) if !stop.is_stopped() => stop.stop(),
                    Phase::Build(_) | Phase::Process => end_the_process(),
                }
            }
        });
    });
    Ok(())
}

#[expect(clippy::exit, reason = "as the signal would have done, had nobody listened to it")]
fn end_the_process() {
    std::process::exit(Exit::Interrupted.code().into());
}

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
    fn open() -> Result<Self> {
        use signal::unix::{SignalKind, signal};
        let refused = |error: std::io::Error| Error::internal("cannot listen for signals").caused_by(error);
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

impl Signals {
    /// Begins to listen, on behalf of a run: from now on signals are its own.
    ///
    /// # Errors
    /// When the system refuses.
    pub(super) fn listen() -> Result<Self> {
        let signals = Self::open()?;
        enter(Phase::Run);
        Ok(signals)
    }
}

#[cfg(not(unix))]
impl Signals {
    fn open() -> Result<Self> {
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

/// The process was stopped (Ctrl-Z) and continues.
#[derive(Debug)]
pub(super) struct Continued {
    #[cfg(unix)]
    signal: Option<signal::unix::Signal>,
}

impl Continued {
    /// Begins to listen. Where the system refuses, nothing is ever heard: no more than a picture depends on it.
    pub(super) fn listen() -> Self {
        Self {
            #[cfg(unix)]
            signal: {
                let kind = signal::unix::SignalKind::from_raw(rustix::process::Signal::CONT.as_raw());
                signal::unix::signal(kind).ok()
            },
        }
    }

    /// The next time.
    ///
    /// # Cancel safety
    /// None is lost when the future is dropped.
    pub(super) async fn next(&mut self) {
        #[cfg(unix)]
        if let Some(signal) = &mut self.signal
            && signal.recv().await.is_some()
        {
            return;
        }
        std::future::pending::<()>().await;
    }
}
