//! Notifies a person when a compilation takes long.

use std::path::Path;
use std::sync::{Arc, OnceLock, Weak};
use std::thread;
use std::time::Duration;

use sandmill_engine::time::Instant;

/// Shorter ones are over before anybody has read that they have begun.
const LONG: Duration = Duration::from_secs(1);

static TELL: OnceLock<fn(&Path)> = OnceLock::new();

/// Registers a function that is called once for each compilation that has taken a second, with the component's path.
pub fn tell_of_slow_compilations(tell: fn(&Path)) {
    // The first one stays: there is one person.
    TELL.set(tell).unwrap_or_default();
}

/// Lives as long as the compilation.
#[derive(Debug)]
pub(super) struct Watched {
    _running: Arc<()>,
}

impl Watched {
    pub(super) fn compilation(of: &Path) -> Self {
        let running = Arc::new(());
        if let Some(tell) = TELL.get() {
            let (watched, path) = (Arc::downgrade(&running), of.to_owned());
            let watch = move || tell_unless_over(&watched, LONG, || tell(&path));
            // Where no thread can be had for it, nobody is notified.
            drop(thread::Builder::new().name("sandmill-watch".to_owned()).spawn(watch));
        }
        Self { _running: running }
    }
}

/// Notifies, unless it is over when this much time has passed.
fn tell_unless_over(running: &Weak<()>, after: Duration, tell: impl FnOnce()) {
    let by = Instant::now() + after;
    while Instant::now() < by && running.strong_count() > 0 {
        thread::park_timeout(by - Instant::now());
    }
    if running.strong_count() > 0 {
        tell();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_takes_long_is_told() {
        let mut told = 0;
        let running = Arc::new(());
        tell_unless_over(&Arc::downgrade(&running), Duration::ZERO, || told += 1);
        tell_unless_over(&Weak::new(), Duration::from_secs(3600), || told += 10);
        assert_eq!(told, 1);
    }
}
