//! What the host and the system do for a script. Natively, where only tests run, nothing is there.

/// Levels of the log, by their names.
pub(crate) const LEVELS: [&str; 4] = ["debug", "info", "warn", "error"];

#[cfg(target_arch = "wasm32")]
pub(crate) use self::wasm::{log, microseconds, panicked, random, write};

#[cfg(target_arch = "wasm32")]
mod wasm {
    #![expect(unsafe_code, reason = "imports of WebAssembly")]

    use sandmill_stage::__private::stage::sandmill::stage::host::{self, Level};

    use super::LEVELS;

    /// The clock that shows the time of day.
    const REALTIME: u32 = 0;

    #[link(wasm_import_module = "wasi_snapshot_preview1")]
    unsafe extern "C" {
        fn clock_time_get(clock: u32, precision: u64, nanoseconds: *mut u64) -> u32;
        fn random_get(bytes: *mut u8, count: usize) -> u32;
    }

    /// Microseconds since 1970.
    pub(crate) fn microseconds() -> f64 {
        let mut nanoseconds = 0;
        // SAFETY: it writes one number.
        let failed = unsafe { clock_time_get(REALTIME, 1000, &raw mut nanoseconds) };
        // A double has room for the microseconds of 285 years.
        #[expect(clippy::cast_precision_loss, reason = "said above")]
        if failed == 0 { (nanoseconds / 1000) as f64 } else { f64::NAN }
    }

    /// Fills `bytes`. Gives whether they are random.
    pub(crate) fn random(bytes: &mut [u8]) -> bool {
        // SAFETY: it writes as many bytes.
        unsafe { random_get(bytes.as_mut_ptr(), bytes.len()) == 0 }
    }

    pub(crate) fn log(level: usize, line: &str) {
        host::log(known(level), line);
    }

    pub(crate) fn write(level: usize, bytes: &[u8]) {
        host::write(known(level), bytes);
    }

    pub(crate) fn panicked(message: &str, place: &str) {
        host::panicked(message, place);
    }

    fn known(level: usize) -> Level {
        match LEVELS.get(level) {
            Some(&"debug") => Level::Debug,
            Some(&"warn") => Level::Warn,
            Some(&"error") => Level::Error,
            Some(_) | None => Level::Info,
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn log(_: usize, _: &str) {}

#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn write(_: usize, _: &[u8]) {}

#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn panicked(_: &str, _: &str) {}

#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn random(_: &mut [u8]) -> bool {
    false
}

#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn microseconds() -> f64 {
    0.0
}
