//! What was read from an input and not taken yet: blocks, behind one another.
//!
//! Memory: one block, or twice the longest rest that its user leaves in it and one block.

use std::io::{self, Read};

/// How much one read asks for. Fits into a second-level cache, and is large enough for the cost of a call to vanish
/// beside that of its copy.
pub(super) const BLOCK_BYTES: usize = 256 * 1024;

/// The bytes at hand of one input.
pub(super) struct Buffer {
    input: Box<dyn Read + Send>,
    /// Filled with zeros or bytes that were read, throughout.
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    block: usize,
    ended: bool,
}

impl Buffer {
    pub(super) fn new(input: Box<dyn Read + Send>, block: usize) -> Self {
        Self { input, bytes: vec![0; block], start: 0, end: 0, block, ended: false }
    }

    /// What was read and not taken.
    #[inline]
    pub(super) fn rest(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// Takes so many bytes, or all.
    #[inline]
    pub(super) fn take(&mut self, bytes: usize) {
        self.start = (self.start + bytes).min(self.end);
    }

    /// Whether the input has no more than [`Self::rest`].
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Reads at most one block behind the rest.
    ///
    /// # Errors
    /// When the input cannot be read. The rest stays.
    pub(super) fn read(&mut self) -> io::Result<()> {
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.bytes.len() < self.end + self.block {
            // Doubles, so that a long rest is not copied once per block.
            self.bytes.resize((self.bytes.len() * 2).max(self.end + self.block), 0);
        }
        let room = self.bytes.get_mut(self.end..self.end + self.block).unwrap_or_default();
        let read = loop {
            match self.input.read(room) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        self.end += read;
        self.ended = read == 0;
        Ok(())
    }

    /// Takes a UTF-8 byte-order mark, if there is one. Only at the start of the input.
    ///
    /// # Errors
    /// When the input cannot be read.
    pub(super) fn skip_byte_order_mark(&mut self) -> io::Result<()> {
        const MARK: &[u8] = "\u{feff}".as_bytes();
        while self.rest().len() < MARK.len() && MARK.starts_with(self.rest()) && !self.ended {
            self.read()?;
        }
        if self.rest().starts_with(MARK) {
            self.take(MARK.len());
        }
        Ok(())
    }

    /// How much memory it holds.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }
}
