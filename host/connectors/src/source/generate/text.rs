//! Printable text, at the speed of a copy: a few fresh letters, and then a passage of a text that is made once.

use fastrand::Rng;

/// Letters about as often as in English, and spaces: six bits choose one.
const LETTERS: &[u8; 64] = b"          eeeeeeetttttaaaaoooiiinnnsssrrrhhhdddlluccmmffyywgpbvk";

/// Number of letters made from one draw of 64 bits.
const LETTERS_PER_DRAW: usize = 10;

/// How long the text is that passages are taken from. Arbitrary: it stays in a first-level cache.
const SOURCE_BYTES: usize = 16 * 1024;

/// Makes texts of one length.
#[derive(Debug)]
pub(super) struct Text {
    rng: Rng,
    bytes: usize,
    source: Vec<u8>,
}

impl Text {
    pub(super) fn new(mut rng: Rng, bytes: usize) -> Self {
        let mut source = Vec::with_capacity(SOURCE_BYTES + LETTERS_PER_DRAW);
        while source.len() < SOURCE_BYTES {
            source.extend_from_slice(&letters(rng.u64(..)));
        }
        Self { rng, bytes, source }
    }

    /// How long each text is.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Appends the next text.
    pub(super) fn push_next(&mut self, out: &mut Vec<u8>) {
        let fresh = letters(self.rng.u64(..));
        let start = fresh.get(..self.bytes).unwrap_or(&fresh);
        out.extend_from_slice(start);
        let mut left = self.bytes - start.len();
        while left > 0 {
            let passage = self.source.get(self.rng.usize(..self.source.len())..).unwrap_or_default();
            let passage = passage.get(..left).unwrap_or(passage);
            out.extend_from_slice(passage);
            left -= passage.len();
        }
    }
}

fn letters(bits: u64) -> [u8; LETTERS_PER_DRAW] {
    let mut rest = bits;
    [(); LETTERS_PER_DRAW].map(|()| {
        let [low, ..] = rest.to_le_bytes();
        rest >>= 6;
        LETTERS.get(usize::from(low & 63)).copied().unwrap_or(b' ')
    })
}
