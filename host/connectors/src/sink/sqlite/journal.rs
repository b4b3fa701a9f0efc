//! The records of the open transaction, for a table whose triggers may roll it back: what one record undoes must be
//! written again without it. Kept in a temporary file that has no name, so it goes with the process; bounded by the disk,
//! as the transaction is.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};

use sandmill_engine::record::Payload;

/// How much is written again at a time.
const RECORDS_AT_ONCE: usize = 1024;
const BYTES_AT_ONCE: usize = 1 << 20;

/// Records that the transaction holds.
#[derive(Debug, Default)]
pub(super) struct Journal {
    file: Option<File>,
    bytes: u64,
    /// Whether the transaction was rolled back, so that they must be written again.
    pub(super) is_due: bool,
}

impl Journal {
    /// How long it is, bytes.
    pub(super) fn len(&self) -> u64 {
        self.bytes
    }

    /// Adds records. After an error it is as long as before.
    pub(super) fn append<'r>(&mut self, records: impl Iterator<Item = &'r [u8]>) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(tempfile::tempfile()?),
        };
        file.seek(SeekFrom::Start(self.bytes))?;
        let mut writer = BufWriter::new(file);
        let mut bytes = self.bytes;
        for record in records {
            let length = u32::try_from(record.len()).map_err(io::Error::other)?;
            writer.write_all(&length.to_le_bytes())?;
            writer.write_all(record)?;
            bytes += 4 + u64::from(length);
        }
        writer.flush()?;
        drop(writer);
        self.bytes = bytes;
        Ok(())
    }

    /// Forgets what was added after it had this length.
    pub(super) fn truncate(&mut self, bytes: u64) {
        self.bytes = self.bytes.min(bytes);
    }

    /// Forgets all of it, and gives the disk its room back.
    pub(super) fn clear(&mut self) {
        (self.bytes, self.is_due) = (0, false);
        if let Some(file) = &self.file {
            // Best effort: what is beyond its length is never read.
            drop(file.set_len(0));
        }
    }

    /// Gives all records to `each`, some at a time.
    ///
    /// # Errors
    /// When the file cannot be read, or `each` fails.
    pub(super) fn read<E: From<io::Error>>(&self, mut each: impl FnMut(&Payload) -> Result<(), E>) -> Result<(), E> {
        let Some(mut file) = self.file.as_ref() else { return Ok(()) };
        file.seek(SeekFrom::Start(0))?;
        let mut reader = BufReader::new(file).take(self.bytes);
        let (mut records, mut record) = (Payload::default(), Vec::new());
        while reader.limit() > 0 {
            let mut length = [0; 4];
            reader.read_exact(&mut length)?;
            record.clear();
            let length = u64::from(u32::from_le_bytes(length));
            if reader.by_ref().take(length).read_to_end(&mut record)? as u64 != length {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            records.push(None, &record);
            if records.len() >= RECORDS_AT_ONCE || records.bytes() >= BYTES_AT_ONCE {
                each(&records)?;
                records.truncate(0);
            }
        }
        if records.is_empty() { Ok(()) } else { each(&records) }
    }
}
