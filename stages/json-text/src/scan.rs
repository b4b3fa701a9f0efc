//! Whether a text is JSON, without making values of it.

use crate::{DEPTH_MAX, plain};

/// What was seen in a text beside plain bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// White space between tokens.
    pub space: bool,
    /// A string with a backslash or DEL in it.
    pub special: bool,
    /// An object.
    pub object: bool,
    /// How deep it is nested, at least: 0 for what holds no other value.
    pub depth: u16,
}

/// Walks through a text. It only ever says yes: where it gives nothing, [`crate::Text`] knows whether, and why not.
#[derive(Clone, Debug)]
pub struct Scan<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    marks: Marks,
}

impl<'a> Scan<'a> {
    /// From the beginning of `text`.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        Self::at(text, 0)
    }

    /// From byte `at` of `text`.
    #[must_use]
    pub fn at(text: &'a str, at: usize) -> Self {
        Self { text, bytes: text.as_bytes(), at, marks: Marks::default() }
    }

    /// Where it stands.
    #[must_use]
    pub fn position(&self) -> usize {
        self.at
    }

    /// The byte that comes next.
    #[inline]
    #[must_use]
    pub fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// What was seen since this was asked last.
    #[inline]
    pub fn take_marks(&mut self) -> Marks {
        std::mem::take(&mut self.marks)
    }

    /// Whether nothing but white space follows.
    #[must_use]
    pub fn finish(&mut self) -> bool {
        self.space();
        self.at == self.bytes.len()
    }

    /// Walks over a value, of which `depth` hold this one.
    #[inline]
    pub fn value(&mut self, depth: usize) -> Option<()> {
        match self.peek()? {
            b'"' => self.rest_of_string(),
            b'{' => self.object(depth + 1),
            b'[' => self.array(depth + 1),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.skip(b"true").then_some(()),
            b'f' => self.skip(b"false").then_some(()),
            b'n' => self.skip(b"null").then_some(()),
            _ => None,
        }
    }

    fn object(&mut self, depth: usize) -> Option<()> {
        self.marks.object = true;
        self.open(depth)?;
        if self.take(b'}') {
            return Some(());
        }
        loop {
            self.name()?;
            self.value(depth)?;
            if self.ends(b'}')? {
                return Some(());
            }
        }
    }

    fn array(&mut self, depth: usize) -> Option<()> {
        self.open(depth)?;
        if self.take(b']') {
            return Some(());
        }
        loop {
            self.value(depth)?;
            if self.ends(b']')? {
                return Some(());
            }
        }
    }

    /// Enters an array or object that is so deep.
    pub fn open(&mut self, depth: usize) -> Option<()> {
        self.marks.depth = self.marks.depth.max(u16::try_from(depth).ok().filter(|_| depth <= DEPTH_MAX)?);
        self.at += 1;
        self.space();
        Some(())
    }

    /// Whether the array or object ends here; otherwise continues with its next value.
    #[inline]
    pub fn ends(&mut self, close: u8) -> Option<bool> {
        self.space();
        if self.take(close) {
            return Some(true);
        }
        if !self.take(b',') {
            return None;
        }
        self.space();
        Some(false)
    }

    /// A member's name, as it is written between its quotes, and all up to its value.
    #[inline]
    pub fn name(&mut self) -> Option<&'a str> {
        let name = self.string()?;
        self.colon()?;
        Some(name)
    }

    /// Walks over `text`, if that is what comes next.
    #[inline]
    pub fn skip(&mut self, text: &[u8]) -> bool {
        let end = self.at + text.len();
        let is_there = self.bytes.get(self.at..end).is_some_and(|there| are_same(there, text));
        if is_there {
            self.at = end;
        }
        is_there
    }

    /// All from `start` to where it stands.
    #[must_use]
    pub fn passed(&self, start: usize) -> &'a [u8] {
        self.bytes.get(start..self.at).unwrap_or_default()
    }

    /// Whether white space was seen since marks were taken.
    #[must_use]
    pub fn has_seen_space(&self) -> bool {
        self.marks.space
    }

    /// Enters the text's outermost array or object. Gives whether it ends right there.
    pub fn begins(&mut self, open: u8, close: u8) -> Option<bool> {
        self.space();
        if self.peek()? != open {
            return None;
        }
        self.open(1)?;
        Some(self.take(close))
    }

    #[inline]
    fn colon(&mut self) -> Option<()> {
        self.space();
        if !self.take(b':') {
            return None;
        }
        self.space();
        Some(())
    }

    /// A string, as it is written between its quotes.
    #[inline]
    pub fn string(&mut self) -> Option<&'a str> {
        if self.peek()? != b'"' {
            return None;
        }
        let begin = self.at + 1;
        self.rest_of_string()?;
        self.text.get(begin..self.at - 1)
    }

    /// Walks over a string from its first quote.
    #[inline]
    fn rest_of_string(&mut self) -> Option<()> {
        self.at = plain::end(self.bytes, self.at + 1, true);
        while self.peek()? != b'"' {
            self.special()?;
            self.at = plain::end(self.bytes, self.at, true);
        }
        self.at += 1;
        Some(())
    }

    /// An escape or DEL. Half a surrogate pair is nothing; a whole one is rare.
    #[cold]
    fn special(&mut self) -> Option<()> {
        self.marks.special = true;
        let length = match (self.peek()?, self.bytes.get(self.at + 1)) {
            (0x7f, _) => 1,
            (b'\\', Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't')) => 2,
            (b'\\', Some(b'u')) => {
                let digits = self.text.get(self.at + 2..self.at + 6)?;
                let is_hexadecimal = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
                u32::from_str_radix(digits, 16).ok().filter(|_| is_hexadecimal).and_then(char::from_u32)?;
                6
            }
            _ => return None,
        };
        self.at += length;
        Some(())
    }

    #[inline]
    fn number(&mut self) -> Option<()> {
        let start = self.at;
        self.take(b'-');
        let first = self.peek()?;
        let digits = self.digits()?;
        if first == b'0' && digits > 1 {
            return None;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        let has_exponent = matches!(self.peek(), Some(b'e' | b'E'));
        if has_exponent {
            self.at += 1;
            if matches!(self.peek(), Some(b'-' | b'+')) {
                self.at += 1;
            }
            self.digits()?;
        }
        // What may not be finite has an exponent, or hundreds of digits.
        let may_overflow = has_exponent || self.at - start > 300;
        if !may_overflow || self.text.get(start..self.at)?.parse::<f64>().is_ok_and(f64::is_finite) {
            return Some(());
        }
        None
    }

    #[inline]
    fn digits(&mut self) -> Option<usize> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        (self.at > start).then_some(self.at - start)
    }

    /// Skips white space.
    #[inline]
    pub fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.marks.space = true;
            self.at += 1;
        }
    }

    /// Takes `byte`, if it comes next.
    #[inline]
    pub fn take(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }
}

/// Short texts are compared here: a call takes longer.
#[inline]
fn are_same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    // What both ends do not cover is nothing, or was compared twice.
    match one.len() {
        4..8 => one.first_chunk::<4>() == other.first_chunk::<4>() && one.last_chunk::<4>() == other.last_chunk::<4>(),
        8..=16 => {
            one.first_chunk::<8>() == other.first_chunk::<8>() && one.last_chunk::<8>() == other.last_chunk::<8>()
        }
        _ => one == other,
    }
}
