//! Identifies the compiler of a component, for its stamp: which tool, which version, which bytes.
//!
//! A compiler of the machine may be replaced at any time, by one that says it is of the same version. So its bytes are
//! hashed, which takes a second for a large one, and the hash is kept for the file that it was taken of: as long as
//! place, size, time and inode are the same, nobody reads it again. A compiler that this program has fetched is pinned
//! already.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What compiled a component.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Compiler {
    /// With its version.
    pub(super) tool: String,
    /// The program, where it is one of this machine.
    program: Option<Program>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Program {
    file: Identity,
    sha256: String,
}

/// What tells a file from others without reading it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Identity {
    path: PathBuf,
    bytes: u64,
    modified: (i64, i64),
    inode: u64,
}

impl Compiler {
    /// The tool of that name, and its program as it is now.
    ///
    /// # Errors
    /// When the program cannot be read.
    pub(super) fn take(tool: &str, program: Option<&Path>) -> io::Result<Self> {
        let program = program.map(|path| {
            let file = Identity::of(path)?;
            let sha256 = file.sha256(kept_in().as_deref())?;
            Ok::<_, io::Error>(Program { file, sha256 })
        });
        Ok(Self { tool: tool.to_owned(), program: program.transpose()? })
    }

    /// Whether the program is still the one that it was: the same file, or another with the same bytes.
    pub(super) fn is_there(&self) -> bool {
        self.program.as_ref().is_none_or(|program| program.is_there(kept_in().as_deref()))
    }
}

impl Program {
    fn is_there(&self, kept: Option<&Path>) -> bool {
        let Ok(now) = Identity::of(&self.file.path) else { return false };
        now == self.file || now.sha256(kept).is_ok_and(|sha256| sha256 == self.sha256)
    }
}

impl Identity {
    fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        let modified = (metadata.mtime(), metadata.mtime_nsec());
        Ok(Self { path: path.to_owned(), bytes: metadata.len(), modified, inode: metadata.ino() })
    }

    /// The hash of the file, which is kept in a folder with what tells this file from others.
    fn sha256(&self, kept: Option<&Path>) -> io::Result<String> {
        let name = hexadecimal(&Sha256::digest(serde_json::to_vec(self)?));
        let file = kept.map(|folder| folder.join(name));
        if let Some(known) = file.as_deref().and_then(|file| fs::read_to_string(file).ok()).filter(|it| it.len() == 64)
        {
            return Ok(known);
        }
        let sha256 = hash(&self.path)?;
        // A cache that cannot be written is not a reason to fail.
        file.and_then(|file| keep(&file, &sha256).ok());
        Ok(sha256)
    }
}

fn hash(path: &Path) -> io::Result<String> {
    let (mut file, mut hasher, mut buffer) = (File::open(path)?, Sha256::new(), vec![0; 1 << 16]);
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(hexadecimal(&hasher.finalize()));
        }
        hasher.update(buffer.get(..read).unwrap_or_default());
    }
}

fn keep(file: &Path, sha256: &str) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut written = tempfile::NamedTempFile::new_in(folder)?;
    written.write_all(sha256.as_bytes())?;
    written.persist(file)?;
    Ok(())
}

fn kept_in() -> Option<PathBuf> {
    sandmill_component::cache::user_folder().map(|folder| folder.join("compilers"))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(folder: &Path, bytes: &str) -> Program {
        let path = folder.join("tool");
        fs::write(&path, bytes).unwrap();
        let file = Identity::of(&path).unwrap();
        Program { sha256: file.sha256(None).unwrap(), file }
    }

    /// Size and time said that it was the same (issue 13).
    #[test]
    fn a_compiler_of_the_same_size_and_time_is_another_one_when_its_bytes_are() {
        let folder = tempfile::tempdir().unwrap();
        let program = program(folder.path(), "one");
        assert!(program.is_there(None));
        let other = folder.path().join("other");
        fs::write(&other, "two").unwrap();
        let time = fs::metadata(&program.file.path).unwrap().modified().unwrap();
        File::options().write(true).open(&other).unwrap().set_modified(time).unwrap();
        fs::rename(&other, &program.file.path).unwrap();
        assert!(!program.is_there(None));
    }

    #[test]
    fn a_compiler_that_was_touched_or_copied_is_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let program = program(folder.path(), "one");
        fs::remove_file(&program.file.path).unwrap();
        assert!(!program.is_there(None), "it is gone");
        fs::write(folder.path().join("between"), "takes the inode").unwrap();
        fs::write(&program.file.path, "one").unwrap();
        assert!(program.is_there(None));
    }

    #[test]
    fn a_file_is_read_once_for_its_hash() {
        let folder = tempfile::tempdir().unwrap();
        let kept = folder.path().join("kept");
        let file = program(folder.path(), "one").file;
        let sha256 = file.sha256(Some(&kept)).unwrap();
        fs::remove_file(&file.path).unwrap();
        assert_eq!(file.sha256(Some(&kept)).unwrap(), sha256, "nobody has opened it");
        let later = Identity { inode: file.inode + 1, ..file };
        assert!(later.sha256(Some(&kept)).is_err(), "of another file nothing is known");
    }
}
