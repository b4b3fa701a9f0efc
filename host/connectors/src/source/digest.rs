//! What an input was up to a place: enough to notice in a later run that it has been changed there. It guards against
//! accidents, not against somebody who means to deceive.

use crc32fast::Hasher;
use serde::{Deserialize, Serialize};

/// The beginning of an input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Prefix {
    /// How long it is.
    pub(super) bytes: u64,
    /// The checksum of these bytes.
    pub(super) checksum: u32,
}

/// A prefix that grows, and the last one that was worth remembering.
#[derive(Debug, Default)]
pub(super) struct Digest {
    hasher: Hasher,
    bytes: u64,
    marked: u64,
    /// The prefix that ends at the mark, once that is known.
    kept: Option<Prefix>,
}

impl Digest {
    /// Continues after `prefix`.
    pub(super) fn of(prefix: Prefix) -> Self {
        let hasher = Hasher::new_with_initial_len(prefix.checksum, prefix.bytes);
        Self { hasher, bytes: prefix.bytes, marked: 0, kept: None }
    }

    /// Adds what follows.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.hasher.update(bytes);
            self.bytes += bytes.len() as u64;
        }
    }

    /// How much was added.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Marks a place, which is not before what was added.
    #[inline]
    pub(super) fn mark(&mut self, at: u64) {
        (self.marked, self.kept) = (at, None);
    }

    /// Where the mark is.
    pub(super) fn marked(&self) -> u64 {
        self.marked
    }

    /// Keeps the prefix up to the mark, if that is what was added.
    pub(super) fn keep_mark(&mut self) {
        if self.bytes == self.marked && self.kept.is_none() {
            self.kept = Some(self.prefix());
        }
    }

    /// The prefix up to a place, or the longest one before it that is known.
    pub(super) fn at(&self, at: u64) -> Prefix {
        let known = [Some(self.prefix()), self.kept];
        let before = known.into_iter().flatten().filter(|prefix| prefix.bytes <= at);
        before.max_by_key(|prefix| prefix.bytes).unwrap_or_default()
    }

    fn prefix(&self) -> Prefix {
        Prefix { bytes: self.bytes, checksum: self.hasher.clone().finalize() }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::Prefix;
    use crate::source::buffer::Buffer;

    proptest! {
        /// However it is read, taken and asked: of a place that is at hand or marked, all that was before it is known.
        #[test]
        fn a_buffer_knows_what_was_taken_from_it(
            input in prop::collection::vec(any::<u8>(), 0..400),
            block in 1_usize..40,
            steps in prop::collection::vec((0_usize..60, 0_u8..4), 1..60),
        ) {
            let mut buffer = Buffer::new(Box::new(Cursor::new(input.clone())), block).with_digest();
            let expected = |at: u64| {
                let taken = &input[..usize::try_from(at).unwrap()];
                Prefix { bytes: at, checksum: crc32fast::hash(taken) }
            };
            let mut marked = 0;
            for (bytes, step) in steps {
                match step {
                    0 => buffer.read().unwrap(),
                    1 => buffer.take(bytes),
                    2 => {
                        marked = buffer.taken();
                        buffer.mark();
                    }
                    // As a reader of rows does: it asks for the row that did not fit, or for all.
                    _ if bytes % 2 == 0 => prop_assert_eq!(buffer.digest_at(marked).bytes <= marked, true),
                    _ => prop_assert_eq!(buffer.digest_at(buffer.taken()), expected(buffer.taken())),
                }
            }
            let at_mark = buffer.digest_at(marked);
            prop_assert_eq!(at_mark, expected(at_mark.bytes));
        }
    }

    /// A row of CSV that did not fit in the chunk, and of which more was read than is at hand.
    #[test]
    fn a_mark_outlives_what_was_before_it() {
        let input: Vec<u8> = (0..=255).collect();
        let mut buffer = Buffer::new(Box::new(Cursor::new(input.clone())), 16).with_digest();
        buffer.read().unwrap();
        buffer.take(10);
        buffer.mark();
        for _ in 0..5 {
            buffer.take(16);
            buffer.read().unwrap();
        }
        assert_eq!(buffer.digest_at(10), Prefix { bytes: 10, checksum: crc32fast::hash(&input[..10]) });
    }
}
