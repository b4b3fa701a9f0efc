//! One request and its response, over `wasi:http`.
//!
//! Children go before their parents, as the host demands: a stream before its body, a pollable before what it waits
//! for. Locals are dropped in reverse, so each child is bound after its parent.

use super::url::Target;
use super::{Kind, Request, Response};

use self::bindings::wasi::http::outgoing_handler::handle;
use self::bindings::wasi::http::types::{
    ErrorCode, Fields, IncomingResponse, Method, OutgoingBody, OutgoingRequest, Scheme, http_error_code,
};
use self::bindings::wasi::io::streams::StreamError;

const CHUNK_BYTES: u64 = 64 << 10;

type Failed = (Kind, String);

#[expect(clippy::all, clippy::restriction, reason = "generated")]
mod bindings {
    wit_bindgen::generate!({
        path: "../wit",
        inline: "package sandmill:reach-http; world http {
            import wasi:http/outgoing-handler@0.2.12;
        }",
        generate_all,
    });
}

pub(super) fn send(request: &Request, target: &Target<'_>) -> Result<Response, Failed> {
    let outgoing = head(request, target)?;
    let body = outgoing.body().map_err(|()| invalid("the host gives it no body"))?;
    let future = handle(outgoing, None).map_err(|code| in_words(&code))?;
    // A server may answer, or go away, before it has read everything: what became of the request says more than what
    // became of its body. A body that is not finished ends the request.
    let sent = write(body, &request.body);
    let answer = loop {
        if let Some(answer) = future.get() {
            break answer;
        }
        future.subscribe().block();
    };
    let response = answer.map_err(|()| invalid("the response was taken before"))?.map_err(|code| in_words(&code))?;
    if response.status() < 400 {
        sent?;
    }
    receive(&response)
}

fn head(request: &Request, target: &Target<'_>) -> Result<OutgoingRequest, Failed> {
    let headers = Fields::new();
    for (name, value) in &request.headers {
        headers.append(name, value).map_err(|error| invalid(&format!("its header \"{name}\": {}", words(&error))))?;
    }
    if !request.body.is_empty() && !headers.has("content-length") {
        let length = request.body.len().to_string();
        headers.append("content-length", length.as_bytes()).map_err(|error| invalid(&words(&error)))?;
    }
    let outgoing = OutgoingRequest::new(headers);
    outgoing.set_method(&method(&request.method)).map_err(|()| invalid("it has no such method"))?;
    outgoing.set_scheme(Some(&scheme(target.scheme))).map_err(|()| invalid("its address has no such scheme"))?;
    outgoing.set_authority(Some(target.authority)).map_err(|()| invalid("the host in its address is none"))?;
    let path = outgoing.set_path_with_query(Some(&target.path_with_query));
    path.map_err(|()| invalid("the path in its address is none"))?;
    Ok(outgoing)
}

fn write(body: OutgoingBody, mut bytes: &[u8]) -> Result<(), Failed> {
    let stream = body.write().map_err(|()| invalid("the host takes no body"))?;
    while !bytes.is_empty() {
        let room = stream.check_write().map_err(broken)?;
        if room == 0 {
            stream.subscribe().block();
            continue;
        }
        let (now, later) = bytes.split_at(bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX)));
        stream.write(now).map_err(broken)?;
        bytes = later;
    }
    match stream.blocking_flush() {
        // The host lets go of a body as soon as it has all that was announced: at once, where that is nothing.
        Ok(()) | Err(StreamError::Closed) => drop(stream),
        Err(failed @ StreamError::LastOperationFailed(_)) => return Err(broken(failed)),
    }
    OutgoingBody::finish(body, None).map_err(|code| in_words(&code))
}

fn receive(response: &IncomingResponse) -> Result<Response, Failed> {
    let status = response.status();
    let headers = response.headers().entries();
    let body = response.consume().map_err(|()| invalid("the response was taken before"))?;
    let stream = body.stream().map_err(|()| invalid("the response was taken before"))?;
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(CHUNK_BYTES) {
            Ok(chunk) => bytes.extend_from_slice(&chunk),
            Err(StreamError::Closed) => return Ok(Response { status, headers, body: bytes }),
            Err(failed @ StreamError::LastOperationFailed(_)) => return Err(broken(failed)),
        }
    }
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "CONNECT" => Method::Connect,
        "OPTIONS" => Method::Options,
        "TRACE" => Method::Trace,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    }
}

fn scheme(name: &str) -> Scheme {
    match name.to_ascii_lowercase().as_str() {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.to_owned()),
    }
}

fn invalid(why: &str) -> Failed {
    (Kind::Invalid, why.to_owned())
}

fn broken(error: StreamError) -> Failed {
    match error {
        StreamError::Closed => (Kind::Unreachable, "the connection was closed".to_owned()),
        StreamError::LastOperationFailed(why) => match http_error_code(&why) {
            Some(code) => in_words(&code),
            None => (Kind::Unreachable, why.to_debug_string()),
        },
    }
}

fn words(error: &bindings::wasi::http::types::HeaderError) -> String {
    use bindings::wasi::http::types::HeaderError as E;
    match error {
        E::InvalidSyntax => "it is not valid".to_owned(),
        E::Forbidden => "it is for the host to set".to_owned(),
        E::Immutable => "it cannot be changed".to_owned(),
    }
}

fn in_words(code: &ErrorCode) -> Failed {
    use ErrorCode as E;
    let sized = |what: &str, size: Option<u64>| match size {
        Some(size) => format!("{what} ({size} bytes)"),
        None => what.to_owned(),
    };
    let (kind, why) = match code {
        E::HttpRequestDenied => (Kind::Refused, "refused: this stage may not send it"),
        E::DestinationIpProhibited => (Kind::Refused, "refused: the host's address is not one that stages may reach"),
        E::DnsTimeout => (Kind::Unreachable, "its name was not resolved in time"),
        E::DnsError(_) => (Kind::Unreachable, "its name cannot be resolved"),
        E::DestinationNotFound => (Kind::Unreachable, "there is no such host"),
        E::DestinationUnavailable | E::DestinationIpUnroutable => (Kind::Unreachable, "the host cannot be reached"),
        E::ConnectionRefused => (Kind::Unreachable, "the host refused the connection"),
        E::ConnectionTerminated => (Kind::Unreachable, "the connection was closed"),
        E::ConnectionTimeout => (Kind::Unreachable, "no connection in time"),
        E::ConnectionReadTimeout | E::HttpResponseTimeout => (Kind::Unreachable, "no response in time"),
        E::ConnectionWriteTimeout => (Kind::Unreachable, "the request was not taken in time"),
        E::ConnectionLimitReached => (Kind::Unreachable, "too many connections"),
        E::TlsProtocolError | E::TlsAlertReceived(_) => (Kind::Response, "no TLS with this host"),
        E::TlsCertificateError => (Kind::Response, "the host's certificate is not trusted"),
        E::HttpRequestLengthRequired => (Kind::Invalid, "the host wants to know the length of the body"),
        E::HttpRequestBodySize(size) => return (Kind::Invalid, sized("the request's body has the wrong size", *size)),
        E::HttpRequestMethodInvalid => (Kind::Invalid, "the method is none"),
        E::HttpRequestUriInvalid => (Kind::Invalid, "the address is none"),
        E::HttpRequestUriTooLong => (Kind::Invalid, "the address is too long"),
        E::HttpRequestHeaderSectionSize(_)
        | E::HttpRequestHeaderSize(_)
        | E::HttpRequestTrailerSectionSize(_)
        | E::HttpRequestTrailerSize(_) => (Kind::Invalid, "the request's headers are too large"),
        E::HttpResponseIncomplete => (Kind::Unreachable, "the response broke off"),
        E::HttpResponseBodySize(size) => return (Kind::Response, sized("the response is too large", *size)),
        E::HttpResponseHeaderSectionSize(_)
        | E::HttpResponseHeaderSize(_)
        | E::HttpResponseTrailerSectionSize(_)
        | E::HttpResponseTrailerSize(_) => (Kind::Response, "the response's headers are too large"),
        E::HttpResponseTransferCoding(_) | E::HttpResponseContentCoding(_) => {
            (Kind::Response, "the response is encoded in a way that is not understood")
        }
        E::HttpUpgradeFailed | E::HttpProtocolError => (Kind::Response, "the host does not speak HTTP as it should"),
        E::LoopDetected => (Kind::Response, "the request leads back to itself"),
        E::ConfigurationError => (Kind::Refused, "the pipeline is not set up for it"),
        E::InternalError(why) => return (Kind::Unreachable, why.as_deref().unwrap_or("it failed").to_owned()),
    };
    (kind, why.to_owned())
}
