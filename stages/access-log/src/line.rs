//! A line of an access log, taken apart without a copy.

use std::fmt;

use flat_json::write_string;
use memchr::{memchr, memchr2, memrchr};

/// Why a text is no line of an access log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken(&'static str);

/// What a line says.
#[derive(Clone, Debug)]
pub struct Line<'a> {
    pub(crate) ip: &'a [u8],
    pub(crate) time: Time,
    pub(crate) method: &'a [u8],
    /// As it was asked for, with its query.
    pub path: &'a [u8],
    /// Three digits.
    pub(crate) status: [u8; 3],
    /// Digits, without a leading zero.
    pub(crate) bytes: &'a [u8],
    pub(crate) referer: Option<&'a [u8]>,
    pub(crate) agent: Option<&'a [u8]>,
    /// There is neither backslash nor control character: what stood between quotes is JSON as it is.
    is_plain: bool,
}

impl<'a> Line<'a> {
    /// Takes a line apart. `is_plain`: as [`is_plain`] says of it; of another line, that it is UTF-8 is for the caller to know.
    ///
    /// # Errors
    /// When it is no line of an access log.
    pub fn parse(line: &'a [u8], is_plain: bool) -> Result<Self, Broken> {
        if line.is_empty() {
            return Err(Broken("it is empty"));
        }
        let (ip, rest) = split(line, b' ').ok_or(Broken("expected an address and a space"))?;
        let (_, rest) = split(rest, b'[').ok_or(Broken("expected [time] behind the user"))?;
        let (time, rest) = split(rest, b']').ok_or(Broken("the time has no closing bracket"))?;
        let time = Time::parse(time).ok_or(Broken("the time is not as in 10/Oct/2025:13:55:36 +0000"))?;
        let (request, rest) = quoted(rest).ok_or(Broken("the request has no closing quote"))?;
        let request = method_and_path(request).ok_or(Broken("the request is not METHOD PATH PROTOCOL"))?;
        let (status, rest) = status(rest).ok_or(Broken("the status is not three digits"))?;
        let (bytes, rest) = split(rest, b' ').unwrap_or((rest, b""));
        let bytes = number(bytes).ok_or(Broken("the number of bytes is none"))?;
        let (referer, agent) = if rest.is_empty() { (None, None) } else { referer_and_agent(rest)? };
        let (method, path) = request;
        Ok(Self { ip, time, method, path, status, bytes, referer, agent, is_plain })
    }

    /// Appends as JSON what stood between quotes.
    pub(crate) fn write_quoted(&self, text: &[u8], buffer: &mut Vec<u8>) {
        if self.is_plain {
            buffer.push(b'"');
            buffer.extend_from_slice(text);
            buffer.push(b'"');
        } else {
            write_string(buffer, text);
        }
    }

    /// The same for what may be missing.
    pub(crate) fn write_given(&self, text: Option<&[u8]>, buffer: &mut Vec<u8>) {
        match text {
            Some(text) => self.write_quoted(text, buffer),
            None => buffer.extend_from_slice(b"null"),
        }
    }
}

/// Whether a line holds neither backslash nor control character nor anything but ASCII. One look at all bytes, vectorised,
/// saves most lines the check of their characters and of every text in them.
#[must_use]
pub fn is_plain(line: &[u8]) -> bool {
    let is_special = |byte: &u8| *byte < 0x20 || *byte == b'\\' || *byte >= 0x80;
    !line.iter().fold(false, |any, byte| any | is_special(byte))
}

/// `10/Oct/2025:13:55:36 +0000`, rearranged to `2025-10-10T13:55:36+00:00`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Time([u8; 25]);

impl Time {
    #[rustfmt::skip]
    fn parse(text: &[u8]) -> Option<Self> {
        let &[
            d1, d2, b'/', m1, m2, m3, b'/', y1, y2, y3, y4, b':', h1, h2, b':', n1, n2, b':', s1, s2,
            b' ', sign, z1, z2, z3, z4,
        ] = text else { return None };
        let digits = [d1, d2, y1, y2, y3, y4, h1, h2, n1, n2, s1, s2, z1, z2, z3, z4];
        if !digits.iter().all(u8::is_ascii_digit) || !matches!(sign, b'+' | b'-') {
            return None;
        }
        let &[o1, o2] = month([m1, m2, m3])?;
        Some(Self([
            y1, y2, y3, y4, b'-', o1, o2, b'-', d1, d2, b'T', h1, h2, b':', n1, n2, b':', s1, s2,
            sign, z1, z2, b':', z3, z4,
        ]))
    }

    pub(crate) fn write(&self, buffer: &mut Vec<u8>) {
        buffer.push(b'"');
        buffer.extend_from_slice(&self.0);
        buffer.push(b'"');
    }

    pub(crate) fn write_hour(&self, buffer: &mut Vec<u8>) {
        let (hour, _) = self.0.split_at(13);
        buffer.push(b'"');
        buffer.extend_from_slice(hour);
        buffer.extend_from_slice(b":00\"");
    }
}

fn month(name: [u8; 3]) -> Option<&'static [u8; 2]> {
    Some(match &name {
        b"Jan" => b"01",
        b"Feb" => b"02",
        b"Mar" => b"03",
        b"Apr" => b"04",
        b"May" => b"05",
        b"Jun" => b"06",
        b"Jul" => b"07",
        b"Aug" => b"08",
        b"Sep" => b"09",
        b"Oct" => b"10",
        b"Nov" => b"11",
        b"Dec" => b"12",
        _ => return None,
    })
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no line of an access log: {}", self.0)
    }
}

impl std::error::Error for Broken {}

fn method_and_path(request: &[u8]) -> Option<(&[u8], &[u8])> {
    let (method, rest) = split(request, b' ')?;
    let end = memrchr(b' ', rest)?;
    let (path, protocol) = rest.split_at_checked(end)?;
    let fits = !method.is_empty() && !path.is_empty() && protocol.starts_with(b" HTTP/");
    fits.then_some((method, path))
}

/// Three digits between spaces (or at the end), and what follows them.
fn status(text: &[u8]) -> Option<([u8; 3], &[u8])> {
    let (status, rest) = text.strip_prefix(b" ")?.split_first_chunk::<3>()?;
    let rest = if rest.is_empty() { rest } else { rest.strip_prefix(b" ")? };
    status.iter().all(u8::is_ascii_digit).then_some((*status, rest))
}

/// A number as JSON has it; 0 for `-`.
fn number(text: &[u8]) -> Option<&[u8]> {
    match text {
        b"-" => Some(b"0"),
        b"" | [b'0', _, ..] => None,
        digits => digits.iter().all(u8::is_ascii_digit).then_some(digits),
    }
}

type Given<'a> = Option<&'a [u8]>;

fn referer_and_agent(text: &[u8]) -> Result<(Given<'_>, Given<'_>), Broken> {
    let given = |text| (text != b"-").then_some(text);
    let (referer, rest) = quoted(text).ok_or(Broken("the referer has no closing quote"))?;
    let (agent, _) = quoted(rest).ok_or(Broken("the agent has no closing quote"))?;
    Ok((given(referer), given(agent)))
}

/// What stands between two quotes at the start, and what follows them. A quote behind a backslash is none.
fn quoted(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = text.trim_ascii_start().strip_prefix(b"\"")?;
    let mut at = 0;
    loop {
        at += memchr2(b'"', b'\\', text.get(at..)?)?;
        let (before, found) = text.split_at_checked(at)?;
        if let [b'"', after @ ..] = found {
            return Some((before, after));
        }
        at += 2;
    }
}

/// What stands before the first such byte, and what follows it.
fn split(text: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let (before, found) = text.split_at_checked(memchr(byte, text)?)?;
    Some((before, found.get(1..)?))
}
