//! Raises the number of files that the process may have open, and makes large files fail like others.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// As many as the system lets it have: the usual bound of 1,024 is no more than one instance with a granted folder may
/// hold, and must not keep sinks and dead letters from opening theirs.
pub(super) fn allow_many() {
    let limit = getrlimit(Resource::Nofile);
    // Best effort: where it is refused, the bound stays what it was.
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap_or_default();
}

/// A file that reaches the limit of `ulimit -f` fails the write, which is reported as any other failure. Without this,
/// the system ends the process by a signal, and nobody hears why.
#[expect(unsafe_code, reason = "the safe interfaces to signals run code of ours, and this one is to run none")]
pub(super) fn report_large_ones() {
    // SAFETY: SIG_IGN runs no code; the disposition of this signal may be set at any time.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}
