//! How many files the process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// As many as the system lets it have: the usual bound of 1,024 is no more than one instance with a granted folder may
/// hold, and must not keep sinks and dead letters from opening theirs.
pub(super) fn allow_many() {
    let limit = getrlimit(Resource::Nofile);
    // Best effort: where it is refused, the bound stays what it was.
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap_or_default();
}
