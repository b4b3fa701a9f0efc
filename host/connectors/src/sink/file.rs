//! One file of text.
//!
//! A batch is one write, unbuffered, so that what counts as delivered is with the operating system. When a write fails
//! half-way, the file is cut back to the last whole batch: what it then holds is what was counted. A run that is
//! resumed cuts it back to where it was at the last checkpoint.
//!
//! Every write goes to the end of the file. What another program has written to it meanwhile is neither written over
//! nor cut off: see `own`.
//!
//! A file that exists is opened and locked when the sink is, and changed only by the first write. So it is the very
//! file that was compared with the pipeline's other files, and no second run can write to it.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::blocking::BlockingSink;
use super::own::{self, Behind, FileEnd, OwnFile};
use super::sole;
use super::torn;
use super::writable::{check_file, exists, make_folders_of};
use crate::fault;
use crate::format::TextWriter;
use crate::kind;
use crate::source::csv_header;
use crate::{IfExists, LineFormat};
use sandmill_engine::descriptor;
use sandmill_engine::edge::{Delivery, FileId, Header, Mark, Rejected, Settles};
use sandmill_engine::error::{Error, Result};
use sandmill_engine::record::Payload;

/// Writes one file.
#[derive(Debug)]
pub(super) struct FileSink {
    path: PathBuf,
    if_exists: IfExists,
    text: TextWriter,
    buffer: Vec<u8>,
    /// How much of the file an earlier run had committed, with what others have written since.
    committed: Option<u64>,
    /// The place from which on bytes belong to others.
    others: Option<u64>,
    /// Remarks for a person on what was there.
    remarks: Vec<String>,
    /// The file as it was found when the sink was opened, until the first write.
    found: Option<Found>,
    output: Option<Output>,
    /// Whether it can be cut back to where it was.
    can_be_cut: bool,
    /// How much of what was there is whole records; `None`: all, as far as is known.
    whole: Option<u64>,
}

/// The state of a file that was there when the sink was opened, and is unchanged.
#[derive(Debug)]
enum Found {
    /// A file, locked.
    File(File),
    /// A descriptor that the process was started with.
    Descriptor(File),
}

/// The file, open.
#[derive(Debug)]
enum Output {
    /// A file of this run alone.
    File(OwnFile),
    /// A pipe or a device.
    Stream(File),
    /// A descriptor that the process was started with.
    Descriptor(File),
}

impl FileSink {
    /// Makes sure that the file can be written, and changes nothing.
    ///
    /// # Errors
    /// When it cannot be written, or is there and must not be, another run is writing to it, or it has no usable header
    /// to append to.
    pub(super) fn open(sink: kind::FileSink, resumes: bool) -> Result<Self> {
        let if_exists = if resumes { IfExists::Append } else { sink.if_exists };
        let found = find(&sink.path, if_exists)?;
        let mut text = TextWriter::new(sink.format);
        let whole = match &found {
            Some(Found::File(file)) if if_exists == IfExists::Append => {
                let whole = torn::whole_length(file, text.csv().is_some());
                whole.map_err(|error| fault::unreadable(&sink.path, error))?
            }
            Some(Found::File(_) | Found::Descriptor(_)) | None => None,
        };
        if let (false, IfExists::Append, LineFormat::Csv(format)) = (resumes, sink.if_exists, sink.format)
            && matches!(found, Some(Found::File(_)))
            && whole != Some(0)
            && let Some(header) = csv_header(&sink.path, format)?
        {
            text.follow(header);
        }
        let can_be_cut = match &found {
            Some(Found::File(_)) => true,
            Some(Found::Descriptor(_)) => false,
            None => !sink.path.exists(),
        };
        let (path, if_exists, buffer) = (sink.path, sink.if_exists, Vec::new());
        Ok(Self {
            path,
            if_exists,
            text,
            buffer,
            committed: None,
            others: None,
            remarks: Vec::new(),
            found,
            output: None,
            can_be_cut,
            whole,
        })
    }

    /// The file; opened, and emptied if it is to be replaced, when it is first asked for.
    fn output(&mut self) -> Result<&mut Output> {
        let output = match self.output.take() {
            Some(output) => output,
            None => self.begin()?,
        };
        Ok(self.output.insert(output))
    }

    fn begin(&mut self) -> Result<Output> {
        let file = match self.found.take() {
            Some(Found::Descriptor(file)) => return Ok(Output::Descriptor(file)),
            Some(Found::File(file)) if leads_to(&self.path, &file) => file,
            Some(Found::File(_)) | None => self.create()?,
        };
        let begun = file.metadata().and_then(|status| match status.is_file() {
            true => OwnFile::begin(file.try_clone()?, self.kept(), self.others).map(Output::File),
            false => file.try_clone().map(Output::Stream),
        });
        begun.map_err(|error| {
            self.found = Some(Found::File(file));
            fault::unwritable(&self.path, error)
        })
    }

    /// How much of what is there stays; `None`: all.
    fn kept(&self) -> Option<u64> {
        match (self.committed, self.if_exists) {
            (Some(length), _) => Some(length),
            (None, IfExists::Replace) => Some(0),
            (None, IfExists::Append | IfExists::Fail) => self.whole,
        }
    }

    /// Makes the file, or opens what is not a regular file.
    fn create(&self) -> Result<File> {
        make_folders_of(&self.path)?;
        let appends = self.kept() != Some(0);
        let mut options = OpenOptions::new();
        // Read, to see whether the last line is ended; but a pipe that is open for reading never breaks.
        options.read(appends && (!self.path.exists() || self.path.is_file())).append(true);
        match (self.committed, self.if_exists) {
            (None, IfExists::Fail) => options.create_new(true),
            _ => options.create(true).truncate(false),
        };
        let file = options.open(&self.path).map_err(|error| match error.kind() == ErrorKind::AlreadyExists {
            true => exists(&self.path),
            false => fault::unwritable(&self.path, error),
        })?;
        let status = file.metadata().map_err(|error| fault::unwritable(&self.path, error))?;
        if status.is_file() {
            sole::lock(&self.path, &file)?;
            // It was not there when it was compared with the other files of the pipeline.
            if status.len() > 0 && !appends {
                return Err(appeared(&self.path));
            }
        }
        Ok(file)
    }

    /// Decides what becomes of the bytes after the place to which the run returns.
    fn judge(&mut self, now: u64, end: FileEnd) -> Result<()> {
        let Some(Found::File(file)) = &self.found else { return Ok(()) };
        let (path, bytes) = (self.path.display(), now - end.length);
        match own::behind(&self.path, file, end)? {
            Behind::Before if self.if_exists == IfExists::Replace => {}
            Behind::Before | Behind::Others => {
                (self.committed, self.others) = (Some(now), Some(end.length));
                self.remarks.push(format!("\"{path}\" has {bytes} bytes that another program has added: they are kept"));
            }
            Behind::Own => {}
            Behind::Unknown => self.remarks.push(format!(
                "\"{path}\": {bytes} bytes after the last checkpoint are cut off and written again (another program may have written some of them)"
            )),
        }
        Ok(())
    }

    /// How long the file is that will be written to, before it is.
    fn length_to_be(&self) -> io::Result<u64> {
        if let Some(length) = self.kept() {
            return Ok(length);
        }
        match std::fs::metadata(&self.path) {
            Ok(status) => Ok(status.len()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error),
        }
    }
}

/// Opens and locks what is there, and changes nothing. A pipe or a device is left alone: opening it may wait.
fn find(path: &Path, if_exists: IfExists) -> Result<Option<Found>> {
    if let Some(fd) = descriptor::named(path) {
        return match if_exists {
            IfExists::Fail => Err(exists(path)),
            IfExists::Replace | IfExists::Append => Ok(Some(Found::Descriptor(descriptor::duplicate(fd)?))),
        };
    }
    check_file(path, if_exists)?;
    if !path.is_file() {
        return Ok(None);
    }
    let appends = if_exists == IfExists::Append;
    let opened = OpenOptions::new().read(appends).append(true).open(path);
    let file = opened.map_err(|error| fault::unwritable(path, error))?;
    sole::lock(path, &file)?;
    Ok(Some(Found::File(file)))
}

/// Whether a path still leads to a file that was opened by it.
fn leads_to(path: &Path, file: &File) -> bool {
    let ids = [std::fs::metadata(path), file.metadata()].map(|status| status.ok().as_ref().and_then(FileId::of));
    ids[0].is_some() && ids[0] == ids[1]
}

fn appeared(path: &Path) -> Error {
    Error::edge(format!("\"{}\" was created after the run was prepared, and is not empty", path.display()))
        .hint("something else writes to it: write somewhere else, or set `if_exists = \"append\"`")
}

impl Output {
    /// Writes all of the text or nothing, where the file can be cut; then the second of what a failure gives says
    /// whether it was.
    fn write(&mut self, text: &[u8]) -> Result<(), (io::Error, bool)> {
        match self {
            Self::File(file) => file.write(text),
            Self::Stream(file) => file.write_all(text).map_err(|error| (error, false)),
            Self::Descriptor(file) => descriptor::write_whole(file, text).map_err(|error| (error, false)),
        }
    }
}

impl BlockingSink for FileSink {
    fn write(&mut self, records: &Payload) -> Result<Vec<Rejected>> {
        self.buffer.clear();
        let before = self.text.clone();
        let rejected = self.text.push_all(&mut self.buffer, records);
        let buffer = std::mem::take(&mut self.buffer);
        let written = match self.output() {
            Ok(output) => output.write(&buffer),
            Err(error) => {
                self.text = before;
                return Err(error);
            }
        };
        self.buffer = buffer;
        let Err((error, is_cut)) = written else { return Ok(rejected) };
        // A header that was not written is still to be.
        self.text = before;
        let error = fault::unwritable(&self.path, error);
        Err(if is_cut { error } else { error.retryable(false) })
    }

    fn expect_header(&mut self, header: &Header) {
        self.text.expect(header);
    }

    fn finish(&mut self) -> Result<()> {
        let mut rest = Vec::new();
        self.text.end(&mut rest);
        let output = self.output()?;
        let written = output.write(&rest);
        if let (Output::File(file), Ok(())) = (&*output, &written) {
            file.end();
        }
        written.map_err(|(error, _)| fault::unwritable(&self.path, error))
    }

    /// A pipe or a device cannot be cut back, nor what others may write to as well.
    fn delivery(&self) -> Delivery {
        if self.can_be_cut { Delivery::ExactlyOnce } else { Delivery::AtLeastOnce }
    }

    /// A pipe or a device has what is written.
    fn settles(&self) -> Settles {
        if self.can_be_cut { Settles::OnSync } else { Settles::OnWrite }
    }

    fn mark(&mut self) -> Result<Option<Mark>> {
        let end = match &mut self.output {
            _ if !self.can_be_cut => return Ok(None),
            Some(Output::Stream(_) | Output::Descriptor(_)) => return Ok(None),
            Some(Output::File(file)) => file.mark(),
            None => self.length_to_be().map(|length| {
                let inode = match &self.found {
                    Some(Found::File(file)) => torn::inode(file),
                    Some(Found::Descriptor(_)) | None => None,
                };
                FileEnd { length, inode }
            }),
        };
        end.map(|end| Some(Mark(end.to_string()))).map_err(|error| fault::unwritable(&self.path, error))
    }

    fn return_to(&mut self, mark: Option<&Mark>) -> Result<()> {
        let Some(mark) = mark else { return Ok(()) };
        let end: FileEnd = mark.0.parse().map_err(|error| fault::no_mark(&self.path, error))?;
        let length = end.length;
        let status = std::fs::metadata(&self.path);
        if status.as_ref().is_ok_and(|status| !status.is_file()) {
            // Marked before it was opened: a pipe or a device cannot be cut back.
            return Ok(());
        }
        let now = status.map_or(0, |status| status.len());
        if now < length {
            let path = self.path.display();
            return Err(Error::config(format!(
                "\"{path}\" has {now} bytes, but had {length} at the last checkpoint of the interrupted run"
            ))
            .hint("restore what was there, or start over with --fresh"));
        }
        self.committed = Some(length);
        if now > length {
            self.judge(now, end)?;
        }
        if let (true, Some(format)) = (length > 0, self.text.csv())
            && let Some(header) = csv_header(&self.path, format)?
        {
            self.text.follow(header);
        }
        Ok(())
    }

    fn remarks(&self) -> Vec<String> {
        self.remarks.clone()
    }
}
