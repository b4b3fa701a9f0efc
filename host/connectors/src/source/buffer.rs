//! What was read from an input and not taken yet: blocks, one after another.
//!
//! Memory: one block, or twice the longest rest that its user leaves in it and one block.

use std::io::{self, Read};

use super::digest::{Digest, Prefix};

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
    /// Bytes of the input before the rest.
    taken: u64,
    /// The digest of what was taken; `None` where nobody will ask.
    digest: Option<Digest>,
}

/// This much of what was taken last shows whether an input is still what it was. Arbitrary: a line, more or less.
const TAIL_BYTES: usize = 64;

impl Buffer {
    pub(super) fn new(input: Box<dyn Read + Send>, block: usize) -> Self {
        Self { input, bytes: vec![0; block], start: 0, end: 0, block, ended: false, taken: 0, digest: None }
    }

    /// A buffer that can identify what was taken: for inputs that a later run may have to find again.
    pub(super) fn with_digest(self) -> Self {
        Self { digest: Some(Digest::default()), ..self }
    }

    /// The bytes that were read and not taken.
    #[inline]
    pub(super) fn rest(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// Takes this many bytes, or all.
    #[inline]
    pub(super) fn take(&mut self, bytes: usize) {
        let bytes = bytes.min(self.end - self.start);
        self.start += bytes;
        self.taken += bytes as u64;
    }

    /// How many bytes were taken in all: where in the input the rest begins.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    /// The last of the bytes that were taken, as far as they are still at hand.
    pub(super) fn tail(&self) -> &[u8] {
        self.bytes.get(self.start.saturating_sub(TAIL_BYTES)..self.start).unwrap_or_default()
    }

    /// Remembers the place before the rest: [`Self::digest_at`] can still tell what was before it when more has been
    /// taken.
    #[inline]
    pub(super) fn mark(&mut self) {
        if let Some(digest) = &mut self.digest {
            digest.mark(self.taken);
        }
    }

    /// What was taken before a place: at the rest, or where [`Self::mark`] was called last. Of less than that, or of
    /// nothing, where the bytes are not at hand any more.
    pub(super) fn digest_at(&mut self, at: u64) -> Prefix {
        self.digest_up_to(at);
        self.digest.as_ref().map(|digest| digest.at(at)).unwrap_or_default()
    }

    /// Continues with `input`, which is the same input from byte `at` on. What is before that is not in the digest: see
    /// [`Self::set_digest`].
    pub(super) fn go_on_with(&mut self, input: Box<dyn Read + Send>, at: u64) {
        (self.input, self.taken) = (input, at);
        (self.start, self.end, self.ended) = (0, 0, false);
        self.digest = None;
    }

    /// What was taken up to here is known to be `before`.
    pub(super) fn set_digest(&mut self, before: Prefix) {
        self.digest = Some(Digest::of(before));
    }

    /// Adds what was taken up to a place to the digest.
    fn digest_up_to(&mut self, at: u64) {
        let Some(digest) = &mut self.digest else { return };
        let first = self.taken - self.start as u64;
        let of = |place: u64| usize::try_from(place.saturating_sub(first)).unwrap_or(usize::MAX).min(self.start);
        let taken = self.bytes.get(of(digest.bytes())..of(at)).unwrap_or_default();
        digest.add(taken);
    }

    /// Takes bytes until this many were taken in all; `false` when the input ends before.
    ///
    /// # Errors
    /// When the input cannot be read.
    pub(super) fn skip_to(&mut self, at: u64) -> io::Result<bool> {
        while self.taken < at {
            if self.rest().is_empty() {
                self.read()?;
                if self.ended {
                    return Ok(false);
                }
            }
            let missing = usize::try_from(at - self.taken).unwrap_or(usize::MAX);
            self.take(missing);
        }
        Ok(self.taken == at)
    }

    /// Whether the input has no more than [`Self::rest`].
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Reads at most one block beyond the rest.
    ///
    /// # Errors
    /// When the input cannot be read. The rest stays.
    pub(super) fn read(&mut self) -> io::Result<()> {
        if self.start > 0 {
            let marked = self.digest.as_ref().map(Digest::marked);
            if let Some(marked) = marked.filter(|marked| *marked <= self.taken) {
                self.digest_up_to(marked);
                self.digest.iter_mut().for_each(Digest::keep_mark);
            }
            self.digest_up_to(self.taken);
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
