//! Stops a build before it is done: cargo and the compilers that it started are ended with it.

use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::{Pid, Signal, kill_process_group};

/// Ends a build from another thread. Clones end the same one.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    is_stopped: bool,
    /// The process group that works now. Its leader has not been waited for, so the number is nobody else's.
    group: Option<Pid>,
}

impl Stop {
    /// Ends what works for the build now, and whatever would follow.
    pub fn stop(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.is_stopped = true;
        if let Some(group) = state.group {
            // Processes that are gone need no signal.
            kill_process_group(group, Signal::TERM).unwrap_or_default();
        }
    }

    /// Whether somebody has stopped the build.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).is_stopped
    }

    /// A process group works for the build until the guard is dropped, which must be before its leader is waited for.
    pub(super) fn watch(&self, leader: u32) -> Watched<'_> {
        let group = Pid::from_raw(leader.cast_signed());
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.group = group;
        if let (true, Some(group)) = (state.is_stopped, group) {
            kill_process_group(group, Signal::TERM).unwrap_or_default();
        }
        Watched { stop: self }
    }
}

/// See [`Stop::watch`].
#[derive(Debug)]
pub(super) struct Watched<'a> {
    stop: &'a Stop,
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        self.stop.state.lock().unwrap_or_else(PoisonError::into_inner).group = None;
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn what_a_process_started_ends_with_it() {
        for stopped_before in [true, false] {
            let stop = Stop::default();
            let mut child = Command::new("sh");
            child.args(["-c", "sleep 600 & echo; wait"]).process_group(0).stdout(Stdio::piped());
            let mut child = child.spawn().unwrap();
            if stopped_before {
                stop.stop();
            }
            let watched = stop.watch(child.id());
            stop.stop();
            // Ends only when both have closed their ends.
            std::io::read_to_string(child.stdout.take().unwrap()).unwrap();
            drop(watched);
            assert_eq!(child.wait().unwrap().signal(), Some(15));
        }
    }
}
