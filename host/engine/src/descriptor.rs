//! Descriptors that the process was started with: standard input and output, and whatever a shell passes on.
//!
//! Rust opens `/dev/null` in place of a standard stream that is closed, before `main`. Reading it gives an empty input,
//! and writing to it loses every record without a word. So this module looks at the three streams even earlier, and
//! refuses to hand out one that was closed. The standard library's own handles hide a closed descriptor, too; what is
//! handed out here is a duplicate, which does not.
//!
//! A path such as `/dev/stdout` names a descriptor. Opening it would make a second description of the same file, with
//! an offset and a truncation of its own; a duplicate continues where the shell's redirection has left off.

use std::fs::{self, File, Metadata};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::fd::{BorrowedFd, RawFd};
use std::path::{Component, Path};
use std::sync::atomic::{AtomicU8, Ordering};

use rustix::fs::{OFlags, fcntl_getfl};
use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_getfd};

use crate::error::{Error, Result};

/// Standard input.
pub const STDIN: RawFd = 0;
/// Standard output.
pub const STDOUT: RawFd = 1;

/// As many links as Linux follows.
pub const LINKS_MAX: usize = 40;

/// A bit for each standard stream that was closed when the process began.
static CLOSED: AtomicU8 = AtomicU8::new(0);

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "only code in this section runs before the standard library opens /dev/null")]
#[used]
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = note_closed_streams;

/// Must not allocate, or rely on anything of the standard library's: its start-up code has not run.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "there is no safe way to ask about a number that may not be open")]
extern "C" fn note_closed_streams() {
    for (fd, bit) in [(STDIN, 1), (STDOUT, 2), (2, 4)] {
        // SAFETY: the call reads flags of a number that may or may not be open, and has no other effect.
        let flags = unsafe { libc::fcntl(fd, libc::F_GETFD) };
        if flags == -1 {
            CLOSED.fetch_or(bit, Ordering::Relaxed);
        }
    }
}

/// Whether this standard stream was closed when the process began.
pub fn was_closed(fd: RawFd) -> bool {
    (0..3).contains(&fd) && CLOSED.load(Ordering::Relaxed) & (1 << fd) != 0
}

/// The number of the descriptor that a path names: `/dev/stdout`, `/dev/fd/3`, `/proc/self/fd/1`, or a link to one.
pub fn named(path: &Path) -> Option<RawFd> {
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = fs::canonicalize(folder).ok()?;
        if lists_own_descriptors(&folder) {
            return path.file_name()?.to_str()?.parse().ok().filter(|fd| *fd >= 0);
        }
        path = folder.join(fs::read_link(&path).ok()?);
    }
    None
}

/// Whether a folder, whose path has no links in it, lists the descriptors of this process.
fn lists_own_descriptors(folder: &Path) -> bool {
    let own = std::process::id().to_string();
    let parts: Vec<_> = folder.components().map(Component::as_os_str).collect();
    match parts.as_slice() {
        [root, dev, fd] => *root == "/" && *dev == "dev" && *fd == "fd",
        [root, proc, process, .., fd] => *root == "/" && *proc == "proc" && **process == *own && *fd == "fd",
        _ => false,
    }
}

/// Another handle on what a descriptor leads to. It shares the offset and the flags.
///
/// # Errors
/// When the process was started without it.
#[expect(unsafe_code, reason = "the number comes from outside, and there is no safe way to ask about it")]
pub fn duplicate(fd: RawFd) -> Result<File> {
    if was_closed(fd) {
        return Err(not_open(fd));
    }
    // SAFETY: the number is used at once, and is not negative. If it is not open, the calls fail; if it is one of the
    // program's own, it is refused below, and nothing was done to it.
    let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
    // What a process is started with has survived `exec`. What it opens itself would not.
    let is_inherited = fcntl_getfd(borrowed).is_ok_and(|flags| !flags.contains(FdFlags::CLOEXEC));
    if !is_inherited {
        return Err(not_open(fd));
    }
    let duplicate = fcntl_dupfd_cloexec(borrowed, 3);
    duplicate.map(File::from).map_err(|errno| Error::edge(format!("cannot use {}", name(fd))).caused_by(errno))
}

/// The name of a descriptor, for messages.
pub(crate) fn name(fd: RawFd) -> String {
    match fd {
        0 => "standard input".to_owned(),
        1 => "standard output".to_owned(),
        2 => "standard error".to_owned(),
        other => format!("descriptor {other}"),
    }
}

fn not_open(fd: RawFd) -> Error {
    Error::config(format!("{} is closed", name(fd)))
        .hint("whatever started this process closed it, as `>&-` and `<&-` do: redirect it to a file or a pipe")
}

/// Writes text to a descriptor that others may write to as well: all of it; or nothing of it, where that can be had.
///
/// A file is cut back when nobody else has written to its end meanwhile. What a pipe or a device has taken, it keeps.
///
/// # Errors
/// When it cannot be written.
pub fn write_whole(mut file: &File, text: &[u8]) -> io::Result<()> {
    let start = end(file);
    let mut rest = text;
    while !rest.is_empty() {
        match file.write(rest) {
            Ok(0) => return Err(cut_back(file, start, text.len() - rest.len(), io::ErrorKind::WriteZero.into())),
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(cut_back(file, start, text.len() - rest.len(), error)),
        }
    }
    Ok(())
}

/// Where the next write to a file begins; `None` where it is not at the end, or the file is a pipe or a device.
fn end(mut file: &File) -> Option<u64> {
    let length = file.metadata().ok().filter(Metadata::is_file)?.len();
    let appends = fcntl_getfl(file).is_ok_and(|flags| flags.contains(OFlags::APPEND));
    (appends || file.stream_position().is_ok_and(|at| at == length)).then_some(length)
}

/// Takes back what was written of a text, if it still is the end of the file. The write's own failure is the one to
/// report.
fn cut_back(mut file: &File, start: Option<u64>, written: usize, failure: io::Error) -> io::Error {
    if let Some(start) = start
        && written > 0
        && file.metadata().is_ok_and(|status| status.len() == start + written as u64)
        && file.set_len(start).is_ok()
    {
        drop(file.seek(SeekFrom::Start(start)));
    }
    failure
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn paths_and_links_that_name_descriptors_are_recognised() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("log");
        symlink("/dev/stdout", &link).unwrap();
        let process = format!("/proc/{}/fd/7", std::process::id());
        let paths = [
            ("/dev/stdin", Some(0)),
            ("/dev/stdout", Some(1)),
            ("/dev/../dev/stderr", Some(2)),
            ("/dev/fd/1", Some(1)),
            ("/proc/self/fd/12", Some(12)),
            ("/proc/thread-self/fd/1", Some(1)),
            (process.as_str(), Some(7)),
            ("/dev/null", None),
            ("/proc/1/fd/1", None),
            ("stdout", None),
        ];
        for (path, fd) in paths {
            assert_eq!(named(Path::new(path)), fd, "{path}");
        }
        assert_eq!(named(&link), Some(1));
    }

    /// A run must not write records into its own state file because a path happens to name its number.
    #[test]
    fn a_descriptor_of_the_program_s_own_is_not_handed_out() {
        use std::os::fd::AsRawFd;
        let own = tempfile::tempfile().unwrap();
        assert!(duplicate(own.as_raw_fd()).unwrap_err().to_string().ends_with(" is closed"));
        assert!(duplicate(100_000).is_err());
    }

    #[test]
    fn a_file_is_cut_back_unless_another_has_written_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        fs::write(&path, "one\ntwo\nhal").unwrap();
        let file = File::options().append(true).open(&path).unwrap();
        let failure = || io::Error::from(io::ErrorKind::StorageFull);
        cut_back(&file, Some(8), 2, failure());
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\nhal", "the last bytes are another's");
        cut_back(&file, Some(8), 3, failure());
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\n");
    }
}
