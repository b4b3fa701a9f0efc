//! Secrets in texts that escape: read as the reader of such a text does, in one pass, whatever mix of escapes it holds.
//!
//! JSON may write any character of a string as `\u00e9`, `\/` or itself; a URL any byte as `%2F`, `%2f` or itself; both
//! may have been done twice. There are too many such spellings to look for each. So the text is reduced as it is read,
//! as the secret was, and both are compared: escapes become what they mean, backslashes go, and a line feed becomes the
//! `n` that stands for it, so that nothing depends on where an escape begins. That removes a few texts too many (`a\nb`
//! where the secret is `anb`), and none too few.
//!
//! The search is Knuth, Morris and Pratt's: linear, and without a copy of the text. It reads only what lies around an
//! escape: a secret without one is found as it is.

use std::ops::Range;

use memchr::{memchr, memchr2, memchr3};

use super::SECRET_BYTES_MIN;

/// Base64 that is broken into lines has lines at least as long.
const LINE_BYTES_MIN: usize = 32;

/// The longest single escape, without the backslashes before it: a pair of surrogates.
const ESCAPE_BYTES_MAX: usize = 13;

/// Attempts that begin within an escape, at one time. Arbitrary: more are begun only by texts made to do so.
const STRAYS_MAX: usize = 256;

/// The kinds of escapes that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// Backslashes: JSON, and how programs show strings.
    Backslashes,
    /// These, percent signs, and `+` for a space: URLs and forms, also within JSON.
    Urls,
    /// All of these, with line breaks that mean nothing and either alphabet: base64.
    Base64,
}

/// One secret, reduced.
pub(super) struct Pattern {
    reading: Reading,
    reduced: Vec<u8>,
    /// Of each length of a match, how much of it may be the start of another.
    fallback: Vec<usize>,
}

/// A piece of a text: one byte, or an escape.
#[derive(Clone, Copy, Default)]
struct Unit {
    /// Where it ends.
    end: usize,
    /// What it means: up to four bytes.
    bytes: [u8; 4],
    length: usize,
    is_escape: bool,
}

impl Pattern {
    /// `None` where so little of it is left that it occurs in many texts.
    pub(super) fn new(secret: &str, reading: Reading) -> Option<Self> {
        let mut reduced = Vec::with_capacity(secret.len());
        let mut at = 0;
        while let Some(unit) = reading.unit(secret.as_bytes(), at) {
            reduced.extend_from_slice(unit.meant());
            at = unit.end;
        }
        Self::of(reduced, reading)
    }

    /// The same for a secret that itself looks as if it had escapes in it, where these were taken apart: `%41` as
    /// `%25%34%31`.
    pub(super) fn literal(secret: &str, reading: Reading) -> Option<Self> {
        let units = secret.bytes().map(|byte| reading.meaning(&[byte], 0));
        Self::of(units.flat_map(|unit| unit.meant().to_vec()).collect(), reading)
    }

    fn of(reduced: Vec<u8>, reading: Reading) -> Option<Self> {
        (reduced.len() >= SECRET_BYTES_MIN).then(|| Self { fallback: fallback(&reduced), reduced, reading })
    }

    /// The longest that it may be when each of its bytes is escaped once, bytes.
    pub(super) fn longest(&self) -> usize {
        self.reduced.len().saturating_mul(6)
    }

    /// Where it occurs in `text` with an escape within or beside it; what overlaps comes as one.
    pub(super) fn find_all(&self, text: &[u8], found: &mut dyn FnMut(Range<usize>)) {
        let mut read = 0;
        while let Some(escape) = self.next_escape(text, read) {
            // What lies before it was read already, perhaps, but not to the end of a secret that began there.
            read = Search::new(self, text).run(escape.saturating_sub(self.reduced.len()), found);
        }
    }

    /// How many bytes at the end of `text` may be the start of it.
    pub(super) fn start_at_end_of(&self, text: &[u8]) -> Option<usize> {
        let mut search = Search::new(self, text);
        let mut at = text.len().saturating_sub(self.longest());
        while let Some(unit) = self.reading.unit(text, at) {
            for byte in unit.meant() {
                search.read(*byte, at..unit.end, &mut |_| {});
            }
            at = unit.end;
        }
        // As many units back as were matched.
        let first = (search.slot + self.reduced.len()).checked_sub(search.matched)? % self.reduced.len();
        let start = search.starts.get(first)?;
        (search.matched >= SECRET_BYTES_MIN).then(|| text.len() - start)
    }

    fn next_escape(&self, text: &[u8], from: usize) -> Option<usize> {
        let rest = text.get(from..)?;
        match self.reading {
            Reading::Backslashes => memchr(b'\\', rest).map(|at| from + at),
            Reading::Urls if self.reduced.contains(&b' ') => memchr3(b'\\', b'%', b'+', rest).map(|at| from + at),
            Reading::Urls => memchr2(b'\\', b'%', rest).map(|at| from + at),
            Reading::Base64 => {
                let ends_line = |at: usize| {
                    let line = text.get(..at).unwrap_or_default();
                    let line = line.strip_suffix(b"\r").unwrap_or(line);
                    line.len() >= LINE_BYTES_MIN && line.iter().rev().take(LINE_BYTES_MIN).all(|byte| is_base64(*byte))
                };
                let mut at = from;
                loop {
                    at += memchr3(b'\\', b'%', b'\n', text.get(at..)?)?;
                    if text.get(at) != Some(&b'\n') || ends_line(at) {
                        return Some(at);
                    }
                    at += 1;
                }
            }
        }
    }
}

/// A search through what lies around some escapes.
struct Search<'a> {
    pattern: &'a Pattern,
    text: &'a [u8],
    /// How much of the pattern has been matched.
    matched: usize,
    /// Where the last units begin that were matched, of as many bytes as the pattern has: a ring.
    starts: Vec<usize>,
    /// Where the next of them goes.
    slot: usize,
    /// Matches that began within an escape: where, and how much.
    strays: Vec<(usize, usize)>,
}

impl<'a> Search<'a> {
    fn new(pattern: &'a Pattern, text: &'a [u8]) -> Self {
        let starts = vec![0; pattern.reduced.len()];
        Self { pattern, text, matched: 0, starts, slot: 0, strays: Vec::new() }
    }

    /// Reads on from `at`, until no escape is near. Where that is.
    fn run(&mut self, mut at: usize, found: &mut dyn FnMut(Range<usize>)) -> usize {
        let (mut plain, first) = (0, self.pattern.reduced.first().copied());
        while let Some(unit) = self.pattern.reading.unit(self.text, at) {
            plain = if unit.is_escape || unit.length == 0 { 0 } else { plain + 1 };
            for byte in unit.meant() {
                // Nearly all bytes match nothing.
                if self.matched > 0 || Some(*byte) == first || !self.strays.is_empty() {
                    self.read(*byte, at..unit.end, found);
                }
            }
            if unit.is_escape {
                self.begin_within(at..unit.end, found);
            }
            at = unit.end;
            if plain > 2 * self.pattern.reduced.len() {
                break;
            }
        }
        at
    }

    fn read(&mut self, byte: u8, unit: Range<usize>, found: &mut dyn FnMut(Range<usize>)) {
        let Pattern { reduced, fallback, .. } = self.pattern;
        if let Some(start) = self.starts.get_mut(self.slot) {
            *start = unit.start;
        }
        self.slot = if self.slot + 1 == reduced.len() { 0 } else { self.slot + 1 };
        while self.matched > 0 && reduced.get(self.matched) != Some(&byte) {
            self.matched = fallback.get(self.matched - 1).copied().unwrap_or(0);
        }
        self.matched += usize::from(reduced.get(self.matched) == Some(&byte));
        if self.matched == reduced.len() {
            // The oldest of the starts is the next to be written over.
            let start = self.starts.get(self.slot).copied().unwrap_or(unit.start);
            found(start..unit.end);
            self.matched = fallback.last().copied().unwrap_or(0);
        }
        self.strays.retain_mut(|(start, matched)| {
            let fits = reduced.get(*matched) == Some(&byte);
            *matched += usize::from(fits);
            if *matched == reduced.len() {
                found(*start..unit.end);
            }
            fits && *matched < reduced.len()
        });
    }

    /// What looks like an escape may be the end of something else, and the start of the secret: `%4` before `1`.
    fn begin_within(&mut self, unit: Range<usize>, found: &mut dyn FnMut(Range<usize>)) {
        let first = unit.end.saturating_sub(ESCAPE_BYTES_MAX).max(unit.start + 1);
        for start in first..unit.end {
            let tail = self.text.get(start..unit.end).unwrap_or_default();
            if tail.len() >= self.pattern.reduced.len() {
                if tail.starts_with(&self.pattern.reduced) {
                    found(start..start + self.pattern.reduced.len());
                }
            } else if self.pattern.reduced.starts_with(tail) && self.strays.len() < STRAYS_MAX {
                self.strays.push((start, tail.len()));
            }
        }
    }
}

impl Unit {
    /// A byte that means itself in every reading.
    fn plain(byte: u8, end: usize) -> Self {
        Self { end, bytes: [byte, 0, 0, 0], length: 1, is_escape: false }
    }

    fn meant(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

impl Reading {
    /// The unit of `text` that begins at `at`.
    fn unit(self, text: &[u8], at: usize) -> Option<Unit> {
        let byte = *text.get(at)?;
        Some(match byte {
            b'\\' => self.backslash(text, at),
            b'%' if self != Self::Backslashes => self.percent(text, at),
            b'+' if self == Self::Urls => Unit { is_escape: true, ..self.meaning(&[byte], at + 1) },
            byte if byte.is_ascii_alphanumeric() => Unit::plain(byte, at + 1),
            byte => self.meaning(&[byte], at + 1),
        })
    }

    /// One or more backslashes, with what they make an escape of.
    fn backslash(self, text: &[u8], at: usize) -> Unit {
        let behind = text.get(at..).unwrap_or_default().iter().position(|byte| *byte != b'\\');
        let letter = behind.map_or(text.len(), |behind| at + behind);
        let rest = text.get(letter + 1..).unwrap_or_default();
        let meant = match text.get(letter) {
            Some(b'u') => character(rest).map(|(c, length)| {
                let mut utf8 = [0; 4];
                self.meaning(c.encode_utf8(&mut utf8).as_bytes(), letter + 1 + length)
            }),
            Some(b'x') => {
                hex(rest, 2).and_then(|byte| u8::try_from(byte).ok()).map(|byte| self.meaning(&[byte], letter + 3))
            }
            Some(b'n' | b'r' | b't') if self == Self::Base64 => Some(Unit { end: letter + 1, ..Unit::default() }),
            Some(_) | None => None,
        };
        // The others stand for themselves without it, or for what they are reduced to.
        Unit { is_escape: true, ..meant.unwrap_or(Unit { end: letter, ..Unit::default() }) }
    }

    /// A percent sign with what it makes an escape of, however often that was done.
    fn percent(self, text: &[u8], at: usize) -> Unit {
        let (mut byte, mut end) = (b'%', at + 1);
        while byte == b'%'
            && let Some(next) = text.get(end..).and_then(|rest| hex(rest, 2))
        {
            (byte, end) = (u8::try_from(next).unwrap_or(byte), end + 2);
        }
        Unit { is_escape: true, ..self.meaning(&[byte], end) }
    }

    /// What some bytes that end there are reduced to.
    fn meaning(self, bytes: &[u8], end: usize) -> Unit {
        let mut unit = Unit { end, ..Unit::default() };
        for (slot, byte) in unit.bytes.iter_mut().zip(bytes) {
            *slot = match (self, *byte) {
                (Self::Base64, b'\n' | b'\r' | b' ' | b'\t') => continue,
                (Self::Base64, b'-') => b'+',
                (Self::Base64, b'_') => b'/',
                (Self::Backslashes | Self::Urls, b'\n') => b'n',
                (Self::Backslashes | Self::Urls, b'\r') => b'r',
                (Self::Backslashes | Self::Urls, b'\t') => b't',
                (Self::Backslashes | Self::Urls, 0x08) => b'b',
                (Self::Backslashes | Self::Urls, 0x0c) => b'f',
                (Self::Backslashes | Self::Urls, 0) => b'0',
                (Self::Urls, b'+') => b' ',
                (_, byte) => byte,
            };
            unit.length += 1;
        }
        // A backslash that was itself escaped goes like any other.
        if self != Self::Base64 && bytes == b"\\" {
            unit.length = 0;
        }
        unit
    }
}

/// The character after `\u`, and in how many bytes: `00e9`, `{e9}`, `d83d\ude00`.
fn character(text: &[u8]) -> Option<(char, usize)> {
    if text.first() == Some(&b'{') {
        let length = text.iter().take(8).position(|byte| *byte == b'}')?;
        return Some((char::from_u32(hex(text.get(1..)?, length.checked_sub(1)?)?)?, length + 1));
    }
    let first = hex(text, 4)?;
    if let Some(c) = char::from_u32(first) {
        return Some((c, 4));
    }
    let rest = text.get(4..)?;
    let slashes = rest.iter().take(4).position(|byte| *byte != b'\\')?;
    let second = hex(rest.get(slashes..)?.strip_prefix(b"u")?, 4)?;
    let c = char::decode_utf16([u16::try_from(first).ok()?, u16::try_from(second).ok()?]).next()?.ok()?;
    Some((c, 9 + slashes))
}

/// The number that this many hexadecimal digits at the start of `text` are.
fn hex(text: &[u8], digits: usize) -> Option<u32> {
    let digits = text.get(..digits).filter(|digits| !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit))?;
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
}

/// Of each start of `pattern`, the length of its longest end that is a start, too.
fn fallback(pattern: &[u8]) -> Vec<usize> {
    let mut of: Vec<usize> = Vec::with_capacity(pattern.len());
    let mut length = 0;
    for (at, byte) in pattern.iter().enumerate() {
        while length > 0 && pattern.get(length) != Some(byte) {
            length = of.get(length - 1).copied().unwrap_or(0);
        }
        length += usize::from(at > 0 && pattern.get(length) == Some(byte));
        of.push(length);
    }
    of
}
