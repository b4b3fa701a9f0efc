//! What goes over the wire: headers that cannot be forged, bodies, and encryption.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{HeaderValue, Request};
use http_body_util::{BodyExt, Full};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

use super::super::Resolver;
use super::super::resolver::SystemResolver;
use super::super::tls::Tls;
use super::rig::{BOUNDS, Server, Stage, empty, get, gone, read_head, text, until};

const HELLO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

#[tokio::test]
async fn the_host_header_is_what_is_connected_to_whatever_the_guest_says() {
    let server = Server::saying(HELLO).await;
    let mut stage = Stage::new(&["http://LocalHost:*"], &[], BOUNDS);
    let mut request = get(&format!("http://LOCALHOST:{}/", server.port));
    for (name, value) in [
        ("host", "metadata.google.internal"),
        ("connection", "keep-alive, x-secret"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
        ("http2-settings", "AAAA"),
        ("proxy-authorization", "Basic AAAA"),
        ("proxy-connection", "keep-alive"),
        ("x-own", "kept"),
    ] {
        request.headers_mut().append(name, HeaderValue::from_static(value));
    }
    stage.send(request).await.expect("an answer");
    let head = server.heads().concat();
    let mut lines: Vec<&str> = head.trim_end().lines().collect();
    lines.sort_unstable();
    let host = format!("host: localhost:{}", server.port);
    assert_eq!(lines, ["GET / HTTP/1.1", "connection: close", &host, "x-own: kept"]);
}

#[tokio::test]
async fn a_body_is_sent_and_no_second_request_hides_in_it() {
    let rest = Arc::new(Mutex::new(None));
    let kept = Arc::clone(&rest);
    let server = Server::start(move |mut stream| {
        let kept = Arc::clone(&kept);
        async move {
            let mut body = [0; 5];
            stream.read_exact(&mut body).await.expect("the body");
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n").await.ok();
            stream.write_all(&body).await.ok();
            let mut behind = String::new();
            stream.read_to_string(&mut behind).await.ok();
            *kept.lock().unwrap() = Some(behind);
        }
    })
    .await;
    let mut stage = Stage::new(&["POST http://localhost:*"], &[], BOUNDS);
    let uri = format!("http://localhost:{}/", server.port);
    let body = Full::new(Bytes::from_static(b"helloGET /secret HTTP/1.1\r\n\r\n")).map_err(|never| match never {});
    let lying = Request::post(uri).header("content-length", "5").body(body.boxed_unsync()).unwrap();
    let response = stage.send(lying).await.expect("an answer");
    assert_eq!(text(response).await.unwrap(), "hello");
    until(|| rest.lock().unwrap().is_some()).await;
    assert_eq!(rest.lock().unwrap().as_deref(), Some(""));
}

/// A certificate authority, and a server's settings with a certificate of it for `name`.
fn authority(name: &str) -> (RootCertStore, Arc<ServerConfig>) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = params.self_signed(&key).unwrap();
    let issuer = Issuer::new(params, key);
    let own_key = KeyPair::generate().unwrap();
    let own = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&own_key, &issuer).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(root.der().clone()).unwrap();
    let certificate: CertificateDer<'static> = own.der().clone();
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(own_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], private)
        .unwrap();
    (roots, Arc::new(config))
}

/// The port of a server that encrypts, and its task.
async fn encrypting(config: Arc<ServerConfig>) -> (u16, tokio::task::JoinSet<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = TlsAcceptor::from(Arc::clone(&config)).accept(stream).await else { continue };
            let name = stream.get_ref().1.server_name().unwrap_or("no name").to_owned();
            read_head(&mut stream).await;
            let length = name.len();
            let reply = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{name}");
            stream.write_all(reply.as_bytes()).await.ok();
            gone(&mut stream).await;
        }
    });
    (port, tasks)
}

#[tokio::test]
async fn https_trusts_the_given_certificates_and_asks_for_the_host_by_name() {
    let (roots, config) = authority("localhost");
    let (port, _tasks) = encrypting(config).await;
    let mut stage = Stage::with(&["https://localhost:*"], &[], BOUNDS, |egress| egress.tls = Tls::trusting(roots));
    let response = stage.get(&format!("https://localhost:{port}/")).await.expect("an answer");
    assert_eq!(text(response).await.unwrap(), "localhost");
}

#[tokio::test]
async fn https_refuses_a_certificate_for_another_name_or_of_somebody_unknown() {
    let (roots, config) = authority("other.example");
    let (port, _tasks) = encrypting(config).await;
    for trusted in [roots, authority("localhost").0] {
        let rules = ["https://localhost:*"];
        let mut stage = Stage::with(&rules, &[], BOUNDS, |egress| egress.tls = Tls::trusting(trusted));
        assert_eq!(stage.refusal(&format!("https://localhost:{port}/")).await, "TlsCertificateError");
    }
}

#[tokio::test]
async fn https_to_a_server_that_speaks_none_is_an_error() {
    let server = Server::start(|mut stream| async move { gone(&mut stream).await }).await;
    let plain = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = plain.local_addr().unwrap().port();
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move {
        let (mut stream, _) = plain.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        gone(&mut stream).await;
    });
    let roots = authority("localhost").0;
    let mut stage = Stage::with(&["https://*:*", "https://localhost:*"], &[], BOUNDS, |egress| {
        egress.tls = Tls::trusting(roots);
    });
    assert_eq!(stage.refusal(&format!("https://localhost:{port}/")).await, "TlsProtocolError");
    assert_eq!(server.connections().await, 0);
}

#[tokio::test]
async fn the_machine_resolves_its_own_name() {
    let found = SystemResolver::default().resolve("localhost", 80).await.expect("addresses");
    assert!(!found.is_empty() && found.iter().all(|address| address.is_loopback()), "{found:?}");
    assert!(SystemResolver::default().resolve("no such name", 80).await.is_err());
}

#[tokio::test]
async fn a_method_that_has_no_body_gets_none() {
    let server = Server::saying("HTTP/1.1 204 No Content\r\n\r\n").await;
    let mut stage = Stage::new(&["HEAD,DELETE http://localhost:*"], &[], BOUNDS);
    for method in ["HEAD", "DELETE"] {
        let uri = format!("http://localhost:{}/", server.port);
        let request = Request::builder().method(method).uri(uri).body(empty()).unwrap();
        let response = stage.send(request).await.expect(method);
        assert_eq!(text(response).await.unwrap(), "");
    }
}
