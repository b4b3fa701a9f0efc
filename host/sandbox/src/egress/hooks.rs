//! The hooks of one store: every request of its guest goes through here.

use std::sync::Arc;

use http::{Request, Response};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use super::Egress;
use super::warnings::Warnings;

/// Bytes that an outgoing body may hold back on the host: this, twice. The default is a mebibyte, which a guest with a
/// thousand bodies would multiply.
const CHUNK_BYTES_MAX: usize = 32 << 10;

/// Sends the requests of one instance.
#[derive(Debug)]
pub(crate) struct EgressHooks {
    pub(super) egress: Arc<Egress>,
    pub(super) warnings: Warnings,
}

type Progress = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for EgressHooks {
    /// It is set by what is connected to, not by what the guest calls it.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _received: Progress,
    ) -> Box<dyn Future<Output = Result<(Response<WasiBody>, Progress), Error>> + Send> {
        let begun = self.egress.begin(request, options, self.warnings.clone());
        Box::new(async move {
            let response = begun?.await.map_err(|_| Error::ConnectionTerminated)??;
            // The body has its connection with it, so there is nothing left to drive.
            let nothing: Progress = Box::new(std::future::ready(Ok(())));
            Ok((response, nothing))
        })
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK_BYTES_MAX
    }
}
