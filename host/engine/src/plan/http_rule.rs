//! One line of an `http` grant: which requests may be sent, and where to.
//!
//! ```text
//! rule    = [METHODS " "] ["private:"] scheme "://" host [":" port] [path]
//! METHODS = a list such as GET,HEAD; without one, every method but CONNECT and TRACE
//! scheme  = http | https
//! host    = name                exactly this name
//!         | *.name              every name below it, however deep; not the name itself
//!         | *                   every host
//!         | 192.0.2.1 | [::1]   exactly this address
//! port    = a number, or * for all; without one, the scheme's own
//! path    = a prefix: /v1 grants /v1 and /v1/users, not /v10; /v1/ only what is below
//! ```
//!
//! A name is granted, but an address is connected to, so each address that a name resolves to is asked about as well
//! ([`HttpRule::permits_address`]). Only a globally reachable one passes, unless it is granted by name:
//!
//! - a rule whose host is an address permits that address;
//! - `localhost` permits this machine, and nothing else;
//! - `private:` in front of an exact name says that the name may lie in the network around this machine (RFC 1918,
//!   unique-local, 100.64.0.0/10). Never on the machine itself, nor at a link-local or metadata address.
//!
//! A path prefix is compared byte for byte. A path that a server could read as another (`.` and `..`, an encoded dot or
//! slash, a backslash, anything that is not plainly written) is within no prefix: the module `path` says which.

mod path;

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::fmt;

use path::is_unambiguous;

use super::address::{Reach, reach};

const LOCALHOST: &str = "localhost";
const PRIVATE: &str = "private:";

/// Methods that turn a connection into something else, or give a request back with what others have added to it.
const NEVER: [&str; 2] = ["CONNECT", "TRACE"];

/// Requests that a stage may send: methods, scheme, host, port and path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRule {
    written: String,
    /// `None`: all but those that are never granted.
    methods: Option<Vec<String>>,
    scheme: Scheme,
    host: Host,
    /// `None`: all.
    port: Option<u16>,
    /// Empty: all paths. A lone slash is written for the same.
    path: String,
}

/// The parts of a request that rules look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpTarget<'a> {
    /// The method, for example `GET`.
    pub method: &'a str,
    /// `http` or `https`.
    pub scheme: &'a str,
    /// A name, an IPv4 address, or an IPv6 address in brackets.
    pub host: &'a str,
    /// The port that is connected to.
    pub port: u16,
    /// From the first slash to the query.
    pub path: &'a str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Any,
    /// Names that end in a dot and this.
    Below(String),
    Name(String),
    /// A name that may lie in the network around this machine.
    Private(String),
    Address(IpAddr),
}

impl HttpRule {
    /// Reads a rule; the module says how one is written.
    ///
    /// # Errors
    /// Says what was expected, and what was found.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (methods, rest) = match text.split_once(' ') {
            Some((methods, rest)) => (Some(parse_methods(methods)?), rest),
            None => (None, text),
        };
        let (private, rest) = match rest.strip_prefix(PRIVATE) {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let Some((scheme, rest)) = rest.split_once("://") else {
            return Err(expected("http:// or https:// before the host", rest));
        };
        let scheme = Scheme::parse(scheme)?;
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let (host, port) = split_port(authority)?;
        Ok(Self {
            written: text.to_owned(),
            methods,
            scheme,
            host: Host::parse(host, private)?,
            port: port.map_or(Ok(Some(scheme.port())), parse_port)?,
            path: parse_path(path)?,
        })
    }

    /// Whether the request may be sent, if the address it goes to may be connected to.
    #[must_use]
    pub fn allows(&self, target: &HttpTarget<'_>) -> bool {
        self.allows_method(target.method)
            && target.scheme == self.scheme.name()
            && self.port.is_none_or(|port| port == target.port)
            && self.host.is_of(target.host)
            && self.allows_path(target.path)
    }

    /// Whether a request that the rule allows may go to `address`.
    #[must_use]
    pub fn permits_address(&self, address: IpAddr) -> bool {
        match &self.host {
            Host::Address(granted) => *granted == address,
            Host::Name(name) if name == LOCALHOST => reach(address) == Reach::Loopback,
            Host::Private(_) => matches!(reach(address), Reach::Global | Reach::Private),
            Host::Any | Host::Below(_) | Host::Name(_) => reach(address) == Reach::Global,
        }
    }

    fn allows_method(&self, method: &str) -> bool {
        match &self.methods {
            Some(methods) => methods.iter().any(|granted| granted == method),
            None => !is_never(method),
        }
    }

    fn allows_path(&self, path: &str) -> bool {
        let Some(rest) = path.strip_prefix(self.path.as_str()) else { return false };
        let whole_segments = rest.is_empty() || rest.starts_with('/') || self.path.ends_with('/');
        self.path.is_empty() || (whole_segments && is_unambiguous(path))
    }
}

impl fmt::Display for HttpRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl HttpTarget<'_> {
    /// The address that the host is, if it is one and not a name.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        parse_address(self.host)
    }
}

impl fmt::Display for HttpTarget<'_> {
    /// Without the query, which may hold what is nobody's business.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, scheme, host, port, path } = self;
        write!(f, "{method} {scheme}://{host}:{port}{path}")
    }
}

impl Scheme {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "http" => Ok(Self::Http),
            "https" => Ok(Self::Https),
            _ => Err(expected("the scheme http or https", text)),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl Host {
    fn parse(text: &str, private: bool) -> Result<Self, String> {
        let name = text.to_ascii_lowercase();
        if private {
            if is_name(&name) && name != LOCALHOST {
                return Ok(Self::Private(name));
            }
            return Err(expected("the exact name of a host after \"private:\"", text)
                + "; wildcards are never private, and an address or localhost does not need it");
        }
        if let Some(address) = parse_address(text) {
            return Ok(Self::Address(address));
        }
        match name.strip_prefix('*') {
            Some("") => Ok(Self::Any),
            Some(below) => match below.strip_prefix('.') {
                Some(suffix) if is_name(suffix) => Ok(Self::Below(suffix.to_owned())),
                Some(_) | None => Err(expected("*.name or *", text)),
            },
            None if is_name(&name) => Ok(Self::Name(name)),
            None => Err(expected("a host: a name, *.name, *, an IPv4 address or an [IPv6 address]", text)),
        }
    }

    fn is_of(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let address = parse_address(&host);
        if address.is_none() && !is_name(&host) {
            // Spellings of an address that only a resolver understands: 127.1, 0x7f000001, 2130706433.
            return false;
        }
        match self {
            Self::Any => true,
            Self::Below(suffix) => host.strip_suffix(suffix.as_str()).is_some_and(|front| front.ends_with('.')),
            Self::Name(name) | Self::Private(name) => *name == host,
            Self::Address(granted) => address == Some(*granted),
        }
    }
}

fn parse_methods(text: &str) -> Result<Vec<String>, String> {
    let method = |name: &str| {
        if is_never(name) {
            Err(expected("methods other than CONNECT and TRACE, which are never granted", name))
        } else if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-') {
            Ok(name.to_owned())
        } else {
            Err(expected("methods in capitals, such as GET,HEAD, and one space after them", name))
        }
    };
    text.split(',').map(method).collect()
}

fn is_never(method: &str) -> bool {
    NEVER.iter().any(|never| never.eq_ignore_ascii_case(method))
}

/// Host and port of an authority.
fn split_port(authority: &str) -> Result<(&str, Option<&str>), String> {
    if authority.contains('@') {
        return Err(expected("a host without a user name or password", authority));
    }
    // The colons of an IPv6 address are within brackets, or it is none.
    let (bracketed, rest) = authority.split_at(authority.find(']').map_or(0, |bracket| bracket + 1));
    match rest.split_once(':') {
        Some((name, port)) if !port.contains(':') => {
            Ok((authority.get(..bracketed.len() + name.len()).unwrap_or_default(), Some(port)))
        }
        Some(_) | None => Ok((authority, None)),
    }
}

fn parse_port(text: &str) -> Result<Option<u16>, String> {
    if text == "*" {
        return Ok(None);
    }
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(port) if digits && port > 0 => Ok(Some(port)),
        Ok(_) | Err(_) => Err(expected("a port from 1 to 65535, or *", text)),
    }
}

fn parse_path(text: &str) -> Result<String, String> {
    if text.contains(['?', '#']) {
        return Err(expected("a path without a query or fragment, which are not checked", text));
    }
    if text.contains('*') {
        return Err(expected("a path without *, because it is a prefix as it is", text));
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(expected("a path in the form in which it is sent, with %20 for a space", text));
    }
    if !is_unambiguous(text) {
        return Err(expected(
            "a path without . and .., without encoded dots and slashes, and with %XX for what a URL has to encode",
            text,
        ));
    }
    Ok(if text == "/" { String::new() } else { text.to_owned() })
}

/// An address as a URL spells it; IPv6 in brackets, without a zone.
fn parse_address(host: &str) -> Option<IpAddr> {
    match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(host) => host.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => host.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    }
}

/// Whether it is a host's name. A name whose last label is a number is a spelling of an address.
fn is_name(host: &str) -> bool {
    let label = |label: &str| {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
        (1..=63).contains(&label.len()) && label.bytes().all(plain)
    };
    let number = |label: &str| label.starts_with("0x") || label.bytes().all(|byte| byte.is_ascii_digit());
    host.len() <= 253 && host.split('.').all(label) && !host.rsplit('.').next().is_none_or(number)
}

fn expected(what: &str, found: &str) -> String {
    if found.is_empty() {
        format!("expected {what}, found nothing")
    } else {
        format!("expected {what}, found \"{found}\"")
    }
}

#[cfg(test)]
mod tests;
