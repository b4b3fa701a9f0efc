//! TLS settings: the trusted certificates of the machine, read when the first request needs them.

use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use wasmtime_wasi_http::Error;

/// The TLS settings of a stage's requests.
#[derive(Debug, Default)]
pub(super) struct Tls {
    config: OnceCell<Arc<ClientConfig>>,
}

impl Tls {
    /// Reads the machine's certificates (or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name), unless they have been
    /// read. A failure is not kept: the next request tries again.
    ///
    /// # Errors
    /// Says why there are none.
    pub(super) async fn config(&self) -> Result<Arc<ClientConfig>, String> {
        let load = async || {
            // A few hundred files, perhaps.
            let read = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs).await;
            let read = read.map_err(|error| error.to_string())?;
            let mut roots = RootCertStore::empty();
            let (trusted, _unreadable) = roots.add_parsable_certificates(read.certs);
            if trusted == 0 {
                let why: Vec<String> = read.errors.iter().map(ToString::to_string).collect();
                return Err(format!("no trusted certificate was found on this machine {why:?}"));
            }
            config(roots).map(Arc::new)
        };
        self.config.get_or_try_init(load).await.map(Arc::clone)
    }

    #[cfg(test)]
    pub(super) fn trusting(roots: RootCertStore) -> Self {
        Self { config: OnceCell::new_with(Some(Arc::new(config(roots).expect("a configuration")))) }
    }
}

/// Encrypts `stream`, whose other end must prove that it is `host`.
///
/// # Errors
/// When it does not, or speaks no TLS.
pub(super) async fn encrypt(
    stream: TcpStream,
    host: &str,
    config: Arc<ClientConfig>,
) -> Result<TlsStream<TcpStream>, Error> {
    let bare = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(bare).map_err(|_| Error::HttpRequestUriInvalid)?;
    TlsConnector::from(config).connect(name, stream).await.map_err(|error| failure(&error))
}

fn config(roots: RootCertStore) -> Result<ClientConfig, String> {
    // The provider is named, so that nothing depends on what else the process has chosen for itself.
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn failure(error: &std::io::Error) -> Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(_)) => Error::TlsCertificateError,
        Some(rustls::Error::AlertReceived(alert)) => {
            Error::TlsAlertReceived { alert_id: Some(u8::from(*alert)), alert_message: Some(format!("{alert:?}")) }
        }
        Some(_) | None => Error::TlsProtocolError,
    }
}
