//! A line of an access log, taken apart without a copy.

use std::fmt;

use memchr::{memchr, memchr2};

/// What a line says.
pub(crate) struct Line<'a> {
    pub(crate) ip: &'a str,
    pub(crate) time: Time,
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    /// Three digits.
    pub(crate) status: &'a str,
    /// Digits, none of them a leading zero.
    pub(crate) bytes: &'a str,
    pub(crate) referer: Option<&'a str>,
    pub(crate) agent: Option<&'a str>,
}

/// Why a line is none of an access log.
#[derive(Debug)]
pub(crate) struct Broken(&'static str);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no line of an access log: {}", self.0)
    }
}

impl<'a> Line<'a> {
    pub(crate) fn parse(line: &'a str) -> Result<Self, Broken> {
        let line = line.trim_end();
        if line.is_empty() {
            return Err(Broken("it is empty"));
        }
        let (ip, rest) = split(line, b' ').ok_or(Broken("expected an address and a space"))?;
        let (_, rest) = split(rest, b'[').ok_or(Broken("expected [time] behind the user"))?;
        let (time, rest) = split(rest, b']').ok_or(Broken("the time has no closing bracket"))?;
        let time = Time::parse(time)?;
        let (request, rest) = quoted(rest, Broken("the request has no closing quote"))?;
        let (method, path) = method_and_path(request)?;
        let mut rest = rest.trim_start().splitn(3, ' ');
        let status = rest.next().filter(|status| status.len() == 3 && digits(status));
        let status = status.ok_or(Broken("the status is not three digits"))?;
        let bytes = bytes(rest.next())?;
        let (referer, agent) = match rest.next() {
            None => (None, None),
            Some(rest) => {
                let (referer, rest) = quoted(rest, Broken("the referer has no closing quote"))?;
                let (agent, _) = quoted(rest, Broken("the agent has no closing quote"))?;
                (given(referer), given(agent))
            }
        };
        Ok(Self { ip, time, method, path, status, bytes, referer, agent })
    }
}

/// `10/Oct/2025:13:55:36 +0000`, rearranged to `2025-10-10T13:55:36+00:00`.
pub(crate) struct Time([u8; 25]);

impl Time {
    fn parse(text: &str) -> Result<Self, Broken> {
        let broken = Broken("the time is not as in 10/Oct/2025:13:55:36 +0000");
        let Ok(bytes) = <&[u8; 26]>::try_from(text.as_bytes()) else { return Err(broken) };
        let &[
            d1,
            d2,
            b'/',
            m1,
            m2,
            m3,
            b'/',
            y1,
            y2,
            y3,
            y4,
            b':',
            h1,
            h2,
            b':',
            n1,
            n2,
            b':',
            s1,
            s2,
            b' ',
            sign,
            z1,
            z2,
            z3,
            z4,
        ] = bytes
        else {
            return Err(broken);
        };
        let all_digits =
            [d1, d2, y1, y2, y3, y4, h1, h2, n1, n2, s1, s2, z1, z2, z3, z4].iter().all(u8::is_ascii_digit);
        if !all_digits || !matches!(sign, b'+' | b'-') {
            return Err(broken);
        }
        let [o1, o2] = *month([m1, m2, m3]).ok_or(broken)?;
        Ok(Self([
            y1, y2, y3, y4, b'-', o1, o2, b'-', d1, d2, b'T', h1, h2, b':', n1, n2, b':', s1, s2, sign, z1, z2, b':',
            z3, z4,
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

/// What stands between two quotes at the start, and what follows them. A quote behind a backslash is none.
fn quoted(text: &str, broken: Broken) -> Result<(&str, &str), Broken> {
    let Some(text) = text.trim_start().strip_prefix('"') else { return Err(broken) };
    let mut at = 0;
    while let Some(found) = memchr2(b'"', b'\\', text.as_bytes().get(at..).unwrap_or_default()) {
        at += found;
        if text.as_bytes().get(at) == Some(&b'"') {
            return Ok((text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default()));
        }
        at += 2;
    }
    Err(broken)
}

fn method_and_path(request: &str) -> Result<(&str, &str), Broken> {
    let broken = || Broken("the request is not METHOD PATH PROTOCOL");
    let (method, rest) = split(request, b' ').ok_or_else(broken)?;
    let (path, protocol) = rest.rsplit_once(' ').ok_or_else(broken)?;
    let fits = !method.is_empty() && !path.is_empty() && protocol.starts_with("HTTP/");
    if fits { Ok((method, path)) } else { Err(broken()) }
}

fn bytes(text: Option<&str>) -> Result<&str, Broken> {
    match text {
        Some("-") => Ok("0"),
        Some(text) if !text.is_empty() && digits(text) && (text == "0" || !text.starts_with('0')) => Ok(text),
        _ => Err(Broken("the number of bytes is none")),
    }
}

fn given(text: &str) -> Option<&str> {
    (text != "-").then_some(text)
}

fn digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// What stands before the first such ASCII byte, and what follows it.
fn split(text: &str, at: u8) -> Option<(&str, &str)> {
    let at = memchr(at, text.as_bytes())?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}
