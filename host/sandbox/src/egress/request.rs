//! Takes a guest's request apart: where it goes, and what is sent there.

use http::header::{CONNECTION, HOST, HeaderValue};
use http::request::Parts;
use http::uri::{PathAndQuery, Uri};
use http::{Request, Version};
use wasmtime_wasi_http::{DEFAULT_FORBIDDEN_HEADERS, Error, WasiBody};

use sandmill_engine::plan::HttpTarget;

/// Where a request goes: what the rules are asked about is what is connected to, and what the `Host` header says.
#[derive(Clone, Debug)]
pub(super) struct Target {
    method: http::Method,
    secure: bool,
    host: String,
    port: u16,
    path: PathAndQuery,
}

impl Target {
    /// # Errors
    /// When the request names no host, or more than a host and a port.
    pub(super) fn of(request: &Parts) -> Result<Self, Error> {
        let secure = match request.uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            Some(_) | None => return Err(Error::HttpProtocolError),
        };
        let authority = request.uri.authority().ok_or(Error::HttpRequestUriInvalid)?;
        let (host, port) = match authority.port_u16() {
            Some(port) => (authority.host(), port),
            None => (authority.host(), if secure { 443 } else { 80 }),
        };
        // A user name, or a port that is none: nothing is passed over that somebody else may read in another way.
        let named = authority.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{}", port.as_str()));
        if host.is_empty() || port == 0 || named != authority.as_str() {
            return Err(Error::HttpRequestUriInvalid);
        }
        let path = request.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        if !path.as_str().starts_with('/') {
            return Err(Error::HttpRequestUriInvalid);
        }
        Ok(Self { method: request.method.clone(), secure, host: host.to_ascii_lowercase(), port, path })
    }

    /// As rules look at it.
    pub(super) fn as_rules_see_it(&self) -> HttpTarget<'_> {
        HttpTarget {
            method: self.method.as_str(),
            scheme: if self.secure { "https" } else { "http" },
            host: &self.host,
            port: self.port,
            path: self.path.path(),
        }
    }

    pub(super) fn is_secure(&self) -> bool {
        self.secure
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// The request as it goes out: to this target, whatever its headers said, over a connection of its own.
    ///
    /// # Errors
    /// When the host cannot be a header.
    pub(super) fn request(&self, mut parts: Parts, body: WasiBody) -> Result<Request<WasiBody>, Error> {
        for header in &DEFAULT_FORBIDDEN_HEADERS {
            parts.headers.remove(header);
        }
        let usual = self.port == if self.secure { 443 } else { 80 };
        let host = if usual { self.host.clone() } else { format!("{}:{}", self.host, self.port) };
        let host = HeaderValue::try_from(host).map_err(|_| Error::HttpRequestUriInvalid)?;
        parts.headers.insert(HOST, host);
        parts.headers.insert(CONNECTION, HeaderValue::from_static("close"));
        parts.uri = Uri::from(self.path.clone());
        parts.version = Version::HTTP_11;
        Ok(Request::from_parts(parts, body))
    }
}
