//! The way out for HTTP requests of guests.

use std::future::Future;

use http::{Request, Response};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::plan::HttpRule;

/// Where the requests of one stage may go. Made once; its stores share it.
#[derive(Debug)]
pub(super) struct Egress {}

impl Egress {
    /// For these rules.
    pub(super) fn new(_rules: &[HttpRule]) -> Self {
        Self {}
    }

    /// What one store sends its requests through.
    #[expect(clippy::unused_self, reason = "hooks share what their stage's egress holds")]
    pub(super) fn hooks(&self) -> impl WasiHttpHooks + Send + 'static {
        Hooks {}
    }
}

struct Hooks {}

type Sent = Result<(), Error>;

impl WasiHttpHooks for Hooks {
    fn send_request(
        &mut self,
        _request: Request<WasiBody>,
        _options: Option<RequestOptions>,
        _sent: Box<dyn Future<Output = Sent> + Send>,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, Box<dyn Future<Output = Sent> + Send>), Error>> + Send>
    {
        Box::new(async { Err(Error::HttpRequestDenied) })
    }
}
