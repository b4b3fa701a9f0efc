//! Requests to the servers that the pipeline file grants (feature `http`).
//!
//! ```toml
//! [stage.grant]
//! http = ["GET https://api.example.com/ip/", "https://*.example.org"]
//! ```
//!
//! ```no_run
//! use sandmill_stage::{Failure, http};
//!
//! fn look_up(ip: &str) -> Result<String, Failure> {
//!     let response = http::get(&format!("https://api.example.com/ip/{ip}")).map_err(http::Error::into_failure)?;
//!     if response.status != 200 {
//!         return Err(Failure::new(format!("the server says {}", response.status)));
//!     }
//!     Ok(response.text()?.to_owned())
//! }
//! sandmill_stage::stage!(look_up);
//! # fn main() {}
//! ```
//!
//! A call waits for the whole response, which is bounded in size and time by the host; waiting costs no `cpu`, but counts
//! towards the limit `wall`. Redirects are not followed: a stage that wants to, sends another request, which has to be
//! granted as well. Natively, in a stage's tests, nothing is sent: every request fails.

use std::fmt;

use crate::Failure;

mod url;
#[cfg(target_arch = "wasm32")]
mod wasi;

/// Asks for what is at `url`.
///
/// # Errors
/// As [`Request::send`].
pub fn get(url: &str) -> Result<Response, Error> {
    Request::get(url).send()
}

/// A request to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Request {
    method: String,
    url: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Request {
    /// A request with any method.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self { method: method.into(), url: url.into(), headers: Vec::new(), body: Vec::new() }
    }

    /// Asks for something.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// Gives something.
    pub fn post(url: impl Into<String>) -> Self {
        Self::new("POST", url)
    }

    /// Adds a header.
    pub fn header(mut self, name: impl Into<String>, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.into(), value.as_ref().to_vec()));
        self
    }

    /// Sets the body.
    pub fn body(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.body = bytes.into();
        self
    }

    /// Sends the request, and waits for the whole response. A status such as 404 is a response like any other.
    ///
    /// # Errors
    /// Why there is no response, or only part of one.
    pub fn send(self) -> Result<Response, Error> {
        let target = url::Target::of(&self.url).ok_or_else(|| {
            self.failed(Kind::Invalid, "the address is none: it has the form http://host/path".to_owned())
        })?;
        #[cfg(target_arch = "wasm32")]
        return wasi::send(&self, &target).map_err(|(kind, why)| self.failed(kind, why));
        #[cfg(not(target_arch = "wasm32"))]
        {
            let why = format!("nothing is sent to \"{}\" from a native test", target.authority);
            Err(self.failed(Kind::Refused, why))
        }
    }

    fn failed(&self, kind: Kind, why: String) -> Error {
        let Self { method, url, .. } = self;
        // What follows may be a token: it has no place in a dead letter.
        let shown = url.split(['?', '#']).next().unwrap_or_default();
        Error { request: format!("{method} {shown}"), kind, why }
    }
}

/// What the server said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Its status: 200, 404.
    pub status: u16,
    /// Names and values.
    pub headers: Vec<(String, Vec<u8>)>,
    /// All of its body.
    pub body: Vec<u8>,
}

impl Response {
    /// The first header of that name, however it is capitalised, when it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(given, _)| given.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value).ok()
    }

    /// The body as text.
    ///
    /// # Errors
    /// When it is not UTF-8.
    pub fn text(&self) -> Result<&str, Failure> {
        std::str::from_utf8(&self.body).map_err(|error| Failure::from(error).at("the response is not text"))
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// When it is not JSON, or not of this type.
    pub fn json<'a, T: serde::Deserialize<'a>>(&'a self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| Failure::from(error).at("the response"))
    }
}

/// Why there is no response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    request: String,
    kind: Kind,
    why: String,
}

/// What there is to do about an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The pipeline file does not grant it, or the address is one that the host does not connect to.
    Refused,
    /// The request is wrong in itself.
    Invalid,
    /// The server was not reached, went away, or took too long: another attempt may succeed.
    Unreachable,
    /// The response breaks a rule, or is larger than allowed.
    Response,
}

impl Error {
    /// What there is to do about it.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The failure of the record that the request was for: retryable where another attempt may succeed.
    #[must_use]
    pub fn into_failure(self) -> Failure {
        let failure = Failure::new(self.to_string());
        if self.kind == Kind::Unreachable { failure.retryable() } else { failure }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.request, self.why)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_request_without_what_may_be_a_token() {
        let error = get("https://api.example.com/v1?token=abc").unwrap_err();
        let shown = error.to_string();
        assert!(shown.starts_with("GET https://api.example.com/v1: "), "{shown}");
        let error = Request::post("api.example.com").body("x").send().unwrap_err();
        let expected = "POST api.example.com: the address is none: it has the form http://host/path";
        assert_eq!((error.kind(), error.to_string().as_str()), (Kind::Invalid, expected));
        assert!(!error.into_failure().is_retryable());
    }

    #[test]
    fn headers_of_a_response_are_found_by_any_capitalisation() {
        let headers = vec![("content-type".to_owned(), b"text/plain".to_vec()), ("x".to_owned(), vec![0xff])];
        let response = Response { status: 200, headers, body: b"[1]".to_vec() };
        assert_eq!(response.header("Content-Type"), Some("text/plain"));
        assert_eq!(response.header("x"), None);
        assert_eq!(response.json::<[u8; 1]>(), Ok([1]));
    }
}
