//! Messages for what goes wrong with packed inputs; and a look at what was unpacked, because it may be packed again.

use std::fmt;
use std::io::{self, Cursor, ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::input::read_head;
use super::records::Fault;
use super::sniff::Packing;
use sandmill_engine::error::Error;

/// Why what an input unpacks to cannot be read: to follow the name of the input, and what to do.
#[derive(Debug)]
pub(super) struct Unfit {
    pub(super) what: String,
    pub(super) hint: String,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it {}; {}", self.what, self.hint)
    }
}

impl std::error::Error for Unfit {}

impl Unfit {
    pub(super) fn error(what: &str, hint: &str) -> io::Error {
        io::Error::new(ErrorKind::InvalidData, Self { what: what.to_owned(), hint: hint.to_owned() })
    }
}

impl Packing {
    /// The name of the packing.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Gzip => "gzip",
            Self::Zstandard => "zstd",
        }
    }
}

/// The name of an input says that it is packed, and its first bytes say that it is not.
pub(super) fn is_not_packed(named: Packing) -> Fault {
    let word = named.word();
    let what = format!("is not packed by {word}, although its name says so");
    Fault::Malformed { what, hint: "give it another name; or was something else saved under this one?".to_owned() }
}

/// A file cannot be unpacked, or not to its end; `bytes` of it were read.
pub(super) fn fault(path: &Path, packing: Packing, bytes: u64, error: io::Error) -> Error {
    let (path, packing) = (path.display(), packing.word());
    if let Some(Unfit { what, hint }) = error.get_ref().and_then(|inner| inner.downcast_ref()) {
        return Error::edge(format!("\"{path}\" {what}")).hint(hint.as_str());
    }
    let message = if error.kind() == ErrorKind::UnexpectedEof {
        format!("\"{path}\" is incomplete: it ends after {bytes} bytes, before its {packing} data does")
    } else {
        // Reading is ahead of unpacking: where exactly is not known.
        format!("\"{path}\" cannot be unpacked: its {packing} data is damaged within the first {bytes} bytes")
    };
    Error::edge(message)
        .hint(format!("what comes before that place was read; `{packing} -t \"{path}\"` tests the file"))
        .caused_by(error)
}

/// The name of what a packed file holds.
pub(super) fn name_of_content(name: PathBuf, packing: Packing) -> PathBuf {
    if packing == Packing::Plain { name } else { name.with_extension("") }
}

/// Unpacked content, looked at before it is handed out.
pub(super) struct Unpacked<R> {
    inner: R,
    /// The first bytes; `None` until they are read.
    head: Option<Cursor<Vec<u8>>>,
}

impl<R: Read> Unpacked<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, head: None }
    }

    fn look(&mut self) -> io::Result<Cursor<Vec<u8>>> {
        let head = read_head(&mut self.inner)?;
        match Packing::of_head(&head) {
            Ok(None) => Ok(Cursor::new(head)),
            Ok(Some(again)) => Err(Unfit::error(
                &format!("is packed twice: it unpacks to {} data", again.word()),
                "unpack it once before it is read",
            )),
            Err(Fault::Malformed { what, hint }) => Err(Unfit::error(&format!("unpacks to what {what}"), &hint)),
            Err(Fault::Io(error)) => Err(error),
        }
    }
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let head = match self.head.take() {
            Some(head) => self.head.insert(head),
            None => {
                let head = self.look()?;
                self.head.insert(head)
            }
        };
        match head.read(room)? {
            0 => self.inner.read(room),
            read => Ok(read),
        }
    }
}
