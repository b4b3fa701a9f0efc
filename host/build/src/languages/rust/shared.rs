//! One target folder for stages that have nothing of their own to compile but themselves: what the first of them compiled,
//! the others find. It is in the user's cache, or below the folder that `$CARGO_TARGET_DIR` names.
//!
//! Cargo tells packages of one name apart by their place in their workspace. In a folder that several workspaces share,
//! two stages of one name would get each other's code. So only stages whose dependencies come from registries, and from
//! the SDK that travels in this program, share the folder; it belongs to one version of the SDK; one build at a time
//! works in it; and what a namesake has left is removed before cargo looks.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use super::kit::KIT;
use super::toolchain::TARGET;
use crate::talk::Talk;

/// Stages are built there, below a target folder that has the builds of other programs.
pub(super) const GUESTS: &str = "guests";

/// The shared folder, in the hands of one build. Dropping it lets the next one in.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) folder: PathBuf,
    _lock: File,
}

impl Shared {
    /// Waits until no other build works in it, in whatever process. `chosen` is the target folder that the user has named
    /// for all of cargo's builds. `None` where no folder can be made.
    pub(super) fn enter(chosen: Option<PathBuf>, talk: &mut dyn Talk) -> Option<Self> {
        let folder = match chosen {
            Some(target) => target.join(GUESTS),
            None => sandmill_component::cache::user_folder()?.join("target"),
        };
        Self::at(folder.join(KIT.hash()), talk)
    }

    fn at(folder: PathBuf, talk: &mut dyn Talk) -> Option<Self> {
        fs::create_dir_all(&folder).ok()?;
        let lock = File::create(folder.join("sandmill.lock")).ok()?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                talk.say("waiting for another build to finish");
                lock.lock().ok()?;
            }
            Err(TryLockError::Error(_)) => return None,
        }
        Some(Self { folder, _lock: lock })
    }

    /// Removes what a stage of the same name in another folder has left. Cargo then makes it again.
    pub(super) fn claim(&self, library: &str, stage: &Path) -> std::io::Result<()> {
        let owner = self.folder.join("owners").join(library);
        let name = stage.as_os_str().as_encoded_bytes();
        if fs::read(&owner).is_ok_and(|owner| owner == name) {
            return Ok(());
        }
        for profile in ["release", "debug"] {
            for below in ["", "deps"] {
                let module = self.folder.join(TARGET).join(profile).join(below).join(format!("{library}.wasm"));
                if module.exists() {
                    fs::remove_file(module)?;
                }
            }
        }
        owner.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(owner, name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without this a stage would silently get the code of its namesake: cargo takes the file that is there for its
    /// own.
    #[test]
    fn what_a_namesake_left_is_removed() {
        let cache = tempfile::tempdir().unwrap();
        let shared = Shared::at(cache.path().join("t"), &mut |_: &str| {}).unwrap();
        let module = shared.folder.join(TARGET).join("release/deps/shout.wasm");
        fs::create_dir_all(module.parent().unwrap()).unwrap();
        let claim = |stage: &str| {
            shared.claim("shout", Path::new(stage)).unwrap();
            let there = module.exists();
            fs::write(&module, "wasm").unwrap();
            there
        };
        claim("/a/shout");
        assert!(claim("/a/shout"));
        assert!(!claim("/b/shout"));
        assert!(!claim("/a/shout"));
    }

    #[test]
    fn one_build_at_a_time_is_in_it() {
        let cache = tempfile::tempdir().unwrap();
        let first = Shared::at(cache.path().to_owned(), &mut |_: &str| {}).unwrap();
        let second = std::thread::scope(|scope| {
            let (waits, told) = std::sync::mpsc::sync_channel(1);
            let path = cache.path().to_owned();
            let second = scope.spawn(move || Shared::at(path, &mut |line: &str| waits.send(line.to_owned()).unwrap()));
            assert_eq!(told.recv().unwrap(), "waiting for another build to finish");
            drop(first);
            second.join().unwrap()
        });
        assert!(second.is_some());
    }
}
