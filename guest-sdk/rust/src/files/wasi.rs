//! Files of the folders that the host opened for this instance.
//!
//! Nothing here asks for a file's times: that alone would import the clock.

use super::{Reason, place};

use self::bindings::wasi::filesystem::preopens::get_directories;
use self::bindings::wasi::filesystem::types::{
    Descriptor, DescriptorFlags, ErrorCode, OpenFlags, PathFlags, filesystem_error_code,
};
use self::bindings::wasi::io::streams::StreamError;

/// As much as is asked for, or given, at once.
const CHUNK_BYTES: usize = 256 << 10;
/// As much as a stream takes in one blocking call.
const PIECE_BYTES: usize = 4096;

#[expect(clippy::all, clippy::restriction, reason = "generated")]
mod bindings {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "package sandmill:reach-files; world files {
            import wasi:filesystem/preopens@0.2.12;
            import wasi:filesystem/types@0.2.12;
        }",
        generate_all,
    });
}

pub(super) fn read(path: &str) -> Result<Vec<u8>, Reason> {
    let file = open(path, OpenFlags::empty(), DescriptorFlags::READ)?;
    let mut bytes = Vec::new();
    loop {
        let (chunk, ended) = file.read(CHUNK_BYTES as u64, bytes.len() as u64)?;
        bytes.extend_from_slice(&chunk);
        if ended || chunk.is_empty() {
            return Ok(bytes);
        }
    }
}

pub(super) fn write(path: &str, bytes: &[u8]) -> Result<(), Reason> {
    let file = open(path, OpenFlags::CREATE | OpenFlags::TRUNCATE, DescriptorFlags::WRITE)?;
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        let count = file.write(rest.get(..CHUNK_BYTES).unwrap_or(rest), written as u64)?;
        if count == 0 {
            return Err(Reason::Other("the host took no more of it".to_owned()));
        }
        written += usize::try_from(count).unwrap_or(usize::MAX);
    }
    Ok(())
}

/// By a stream, which finds the end for every piece: an offset of our own would be another instance's end of long ago.
pub(super) fn append(path: &str, bytes: &[u8]) -> Result<(), Reason> {
    let file = open(path, OpenFlags::CREATE, DescriptorFlags::WRITE)?;
    let end = file.append_via_stream()?;
    for piece in bytes.chunks(PIECE_BYTES) {
        end.blocking_write_and_flush(piece).map_err(|error| match error {
            StreamError::Closed => Reason::Other("the host closed it".to_owned()),
            StreamError::LastOperationFailed(why) => {
                filesystem_error_code(&why).map_or_else(|| Reason::Other(why.to_debug_string()), Reason::from)
            }
        })?;
    }
    Ok(())
}

pub(super) fn list(path: &str) -> Result<Vec<String>, Reason> {
    let folder = open(path, OpenFlags::DIRECTORY, DescriptorFlags::READ)?;
    let entries = folder.read_directory()?;
    let mut names = Vec::new();
    while let Some(entry) = entries.read_directory_entry()? {
        names.push(entry.name);
    }
    Ok(names)
}

pub(super) fn look(path: &str) -> Result<(), Reason> {
    within(path, |folder, rest| folder.metadata_hash_at(PathFlags::SYMLINK_FOLLOW, rest))?;
    Ok(())
}

pub(super) fn create_folder(path: &str) -> Result<(), Reason> {
    within(path, Descriptor::create_directory_at)
}

pub(super) fn remove(path: &str) -> Result<(), Reason> {
    within(path, Descriptor::unlink_file_at)
}

fn open(path: &str, how: OpenFlags, for_what: DescriptorFlags) -> Result<Descriptor, Reason> {
    within(path, |folder, rest| folder.open_at(PathFlags::SYMLINK_FOLLOW, rest, how, for_what))
}

/// Does something with the granted folder that holds `path`.
fn within<T>(path: &str, act: impl FnOnce(&Descriptor, &str) -> Result<T, ErrorCode>) -> Result<T, Reason> {
    let folders = get_directories();
    let (index, rest) = place(folders.iter().map(|(_, name)| name.as_str()), path).ok_or(Reason::NotGranted)?;
    let (folder, _) = folders.get(index).ok_or(Reason::NotGranted)?;
    Ok(act(folder, rest)?)
}

impl From<ErrorCode> for Reason {
    fn from(code: ErrorCode) -> Self {
        if code == ErrorCode::NoEntry {
            Self::NotFound
        } else if code == ErrorCode::NotPermitted {
            Self::NotPermitted
        } else if code == ErrorCode::IsDirectory || code == ErrorCode::BadDescriptor {
            // The second is what a host says that opens folders like files, and then cannot read them.
            Self::Other("it is a folder".to_owned())
        } else {
            Self::Other(code.name().replace('-', " "))
        }
    }
}
