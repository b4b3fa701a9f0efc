//! The cache of compiled code on disk: a second start compiles nothing and maps the code straight into memory.
//!
//! An entry is named by the hash of the component (of one that is opened already, by what its image depends on) and of
//! everything in the engine that code depends on. The folder is made for this user alone, because what lies in it is
//! run as native code; that nobody else may put another in its place is up to the folders above it. It never shrinks:
//! who wants the space back deletes it. Every failure of the cache costs only time.

use std::fs;
use std::hash::{Hash, Hasher};
use std::io::{Read, Write};
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use sha2::{Digest, Sha256};
use wasmtime::component::Component;

use super::compiler::{self, Wait};
use super::engine::Engine;
use super::work::Work;
use sandmill_component::cache::private;
use sandmill_engine::panic::panic_message;
use sandmill_engine::time::Instant;

/// Longest note, bytes: a sentence.
const NOTE_BYTES_MAX: u64 = 64 << 10;

/// How often it is looked whether work on a thread is still waited for.
const LOOK: Duration = Duration::from_millis(5);

/// The folder of compiled code, or none where no safe one can be made.
#[derive(Clone, Debug)]
pub(super) struct CodeCache {
    folder: Option<PathBuf>,
    compatibility: u64,
}

impl CodeCache {
    /// The user's cache.
    pub(super) fn of_user(engine: &wasmtime::Engine) -> Self {
        Self {
            folder: sandmill_component::cache::user_folder().and_then(|folder| private(&folder.join("code"))),
            compatibility: compatibility(engine),
        }
    }

    /// The compiled form of `work`: from the cache, else compiled and put there. `None` when that was not waited for.
    pub(super) fn load(
        &self,
        engine: &Engine,
        work: &Work,
        sha256: &str,
        wait: &Wait,
    ) -> Option<wasmtime::Result<Component>> {
        if let Some(component) = self.find(&engine.wasmtime, sha256) {
            return Some(Ok(component));
        }
        self.compile(engine, work, self.entry(sha256).as_deref(), wait)
    }

    /// Compiles what is needed once, and not kept.
    pub(super) fn compile_for_now(
        &self,
        engine: &Engine,
        work: &Work,
        wait: &Wait,
    ) -> Option<wasmtime::Result<Component>> {
        self.compile(engine, work, None, wait)
    }

    fn compile(
        &self,
        engine: &Engine,
        work: &Work,
        entry: Option<&Path>,
        wait: &Wait,
    ) -> Option<wasmtime::Result<Component>> {
        match self.compile_apart(engine, work, entry, wait) {
            Ok(compiled) => return compiled,
            // Where no process can be started, compiling here is better than not at all.
            Err(_unavailable) => {}
        }
        let (with, settings, of) = (engine.wasmtime.clone(), engine.settings, work.clone());
        // What nobody waits for any more is worth keeping only where it was not refused for taking too long.
        let kept_anyway = entry.filter(|_| wait.is_beside).map(Path::to_owned);
        let compiled = within(wait, move || {
            let component = match of.is_image() {
                // By an engine of its own, as in a process of its own: an image is compiled in another way.
                true => from_code(&with, &compiler::compile(settings, of)?)?,
                false => Component::from_binary(&with, &of.component()?)?,
            };
            kept_anyway.iter().for_each(|entry| keep(entry, &component));
            Ok(component)
        })?;
        if let (Some(entry), Ok(component), false) = (entry, &compiled, wait.is_beside) {
            keep(entry, component);
        }
        Some(compiled)
    }

    /// Compiles in a process of its own, which writes the code where it is kept, or if there is no such place, into a
    /// file without a name.
    fn compile_apart(
        &self,
        engine: &Engine,
        work: &Work,
        entry: Option<&Path>,
        wait: &Wait,
    ) -> std::io::Result<Option<wasmtime::Result<Component>>> {
        let folder = self.folder.clone().unwrap_or_else(std::env::temp_dir);
        let file = tempfile::NamedTempFile::new_in(folder)?;
        let compiled = match compiler::apart(engine, work, file.as_file(), wait)? {
            Some(Ok(())) => engine.load_code(file.path()),
            Some(Err(error)) => return Ok(Some(Err(error))),
            None => return Ok(None),
        };
        if let (Some(entry), Ok(_)) = (entry, &compiled) {
            // The name must not outlive the bytes in a power failure. Where it cannot be kept, the next start compiles
            // again.
            drop(file.as_file().sync_all().map(|()| file.persist(entry)));
        }
        Ok(Some(compiled))
    }

    /// The compiled form of what is named so, when it is there.
    pub(super) fn find(&self, engine: &wasmtime::Engine, sha256: &str) -> Option<Component> {
        from_disk(engine, &self.entry(sha256)?)
    }

    /// Keeps a text beside what is named so.
    pub(super) fn note(&self, sha256: &str, text: &str) {
        if let Some(entry) = self.note_of(sha256) {
            drop(to_disk(&entry, text.as_bytes()));
        }
    }

    /// The text that was kept.
    pub(super) fn noted(&self, sha256: &str) -> Option<String> {
        let mut text = String::new();
        fs::File::open(self.note_of(sha256)?).ok()?.take(NOTE_BYTES_MAX).read_to_string(&mut text).ok()?;
        Some(text)
    }

    fn note_of(&self, sha256: &str) -> Option<PathBuf> {
        self.entry(sha256).map(|entry| entry.with_extension("note"))
    }

    fn entry(&self, sha256: &str) -> Option<PathBuf> {
        self.folder.as_ref().map(|folder| folder.join(format!("{sha256}-{:016x}", self.compatibility)))
    }
}

/// The compiler has come upon something that it takes for impossible.
#[derive(Debug, thiserror::Error)]
#[error("the compiler panicked: {0}")]
pub(super) struct Panicked(pub(super) String);

/// Whether there is work that may be left running. It cannot be ended, so there is never more than one: runs that end
/// soon would leave one each.
static IS_TAKEN: Mutex<bool> = Mutex::new(false);
/// Told when it is done.
static IS_FREE: Condvar = Condvar::new();

/// The turn to do such work.
struct Turn;

impl Turn {
    /// Waits for it, which is not part of the time that the work may take. `None`: nobody waits any more.
    fn take(wait: &Wait) -> Option<Self> {
        let mut is_taken = IS_TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        while *is_taken {
            if wait.stop.is_cancelled() {
                return None;
            }
            is_taken = IS_FREE.wait_timeout(is_taken, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
        *is_taken = true;
        Some(Self)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *IS_TAKEN.lock().unwrap_or_else(PoisonError::into_inner) = false;
        IS_FREE.notify_one();
    }
}

/// Does this work on a thread of its own, which is left running when it takes too long, or nobody waits any more.
fn within<T: Send + 'static>(
    wait: &Wait,
    work: impl FnOnce() -> wasmtime::Result<T> + Send + 'static,
) -> Option<wasmtime::Result<T>> {
    let done = Arc::new((Mutex::new(None), Condvar::new()));
    let tell = Arc::clone(&done);
    let turn = if wait.is_beside { Some(Turn::take(wait)?) } else { None };
    let by = Instant::now() + wait.most;
    let compiler = thread::Builder::new().name("sandmill-compile".to_owned()).spawn(move || {
        let _turn = turn;
        // Nothing of what the work has seen is used any more when it has panicked.
        let worked = panic::catch_unwind(AssertUnwindSafe(work))
            .unwrap_or_else(|panic| Err(Panicked(panic_message(&*panic)).into()));
        *tell.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(worked);
        tell.1.notify_one();
    });
    if let Err(error) = compiler {
        return Some(Err(error.into()));
    }
    let mut worked = done.0.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let left = by - Instant::now();
        if worked.is_some() || left.is_zero() || wait.stop.is_cancelled() {
            return worked.take();
        }
        worked = done.1.wait_timeout(worked, left.min(LOOK)).unwrap_or_else(PoisonError::into_inner).0;
    }
}

/// The hash that names a component: SHA-256 of its bytes, in hexadecimal.
pub(super) fn sha256(wasm: &[u8]) -> String {
    Sha256::digest(wasm).iter().fold(String::with_capacity(64), |text, byte| text + &format!("{byte:02x}"))
}

#[expect(unsafe_code, reason = "native code is mapped from a file that only this user can write")]
fn from_disk(engine: &wasmtime::Engine, entry: &Path) -> Option<Component> {
    if !entry.exists() {
        return None;
    }
    // SAFETY: the folder belongs to this user and nobody else may write to it (checked when it was made); entries are
    // written whole under another name and then renamed, so one is never seen half done; wasmtime refuses code of
    // another version or configuration by itself.
    unsafe { Component::deserialize_file(engine, entry) }.ok()
}

#[expect(unsafe_code, reason = "native code is loaded that was just compiled")]
fn from_code(engine: &wasmtime::Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the compiler of this process has made it, and nobody else has seen it; wasmtime refuses code of another
    // configuration by itself.
    unsafe { Component::deserialize(engine, code) }
}

impl Engine {
    /// Code that a compiler of this program has just written.
    #[expect(unsafe_code, reason = "native code is mapped from a file that only this user can write")]
    fn load_code(&self, file: &Path) -> wasmtime::Result<Component> {
        // SAFETY: the file was made for this user alone, under a name that nobody could know, and written by this
        // program; wasmtime refuses code of another version or configuration by itself.
        unsafe { Component::deserialize_file(&self.wasmtime, file) }
    }
}

/// A full or read-only disk costs the next start a compilation, not this run.
fn keep(entry: &Path, component: &Component) {
    drop(component.serialize().map(|code| to_disk(entry, &code)));
}

fn to_disk(entry: &Path, code: &[u8]) -> std::io::Result<()> {
    let folder = entry.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(code)?;
    // The name must not outlive the bytes in a power failure: they are run as they are.
    file.as_file().sync_all()?;
    file.persist(entry)?;
    Ok(())
}

/// Everything in an engine that code depends on, as a number.
pub(super) fn compatibility(engine: &wasmtime::Engine) -> u64 {
    let mut hasher = Compatibility::default();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.finish()
}

/// FNV-1a: stable from run to run, as the standard library's hasher does not promise to be.
struct Compatibility(u64);

impl Default for Compatibility {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Compatibility {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::sync::atomic::Ordering::{Acquire, Release};

    use tokio_util::sync::CancellationToken;

    use super::*;

    /// Were the panic not caught, this would come back as too slow, and only at the end of the time.
    #[test]
    fn a_compiler_that_panics_is_told_at_once_and_by_its_words() {
        let hour = Wait::for_it(Duration::from_secs(3600));
        let error = within::<()>(&hour, || panic!("seventeen")).unwrap().unwrap_err();
        assert_eq!(error.downcast_ref::<Panicked>().unwrap().to_string(), "the compiler panicked: seventeen");
    }

    /// Each run that ended before its image was made left a compilation running: fifty tests left fifty.
    #[test]
    fn work_waits_for_what_was_left_behind_before() {
        let stop = CancellationToken::new();
        let wait = Wait::beside(Duration::from_secs(3600), &stop);
        let turn = Turn::take(&wait).expect("its turn comes");
        stop.cancel();
        let begun = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&begun);
        let work = move || {
            told.store(true, Release);
            Ok(())
        };
        assert!(within(&wait, work).is_none());
        assert!(!begun.load(Acquire), "two would work at once");
        drop(turn);
        assert!(within(&Wait::beside(Duration::from_secs(3600), &CancellationToken::new()), || Ok(())).is_some());
    }

    #[test]
    fn work_that_nobody_waits_for_any_more_is_left() {
        let stop = CancellationToken::new();
        let (wait, gate) = (Wait::beside(Duration::from_secs(3600), &stop), Arc::new(Mutex::new(())));
        let (held, passed) = (gate.lock().unwrap(), Arc::clone(&gate));
        stop.cancel();
        let work = move || {
            drop(passed.lock());
            Ok(())
        };
        assert!(within(&wait, work).is_none(), "it has not passed the gate");
        drop(held);
    }
}
