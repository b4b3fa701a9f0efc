//! Replaces functions of `wasi:http/types` that keep a guest's text for as long as it likes: what names a request is
//! bounded. A guest may hold a thousand requests, and what it says of them lies in the host's memory.

use wasmtime::component::{LinkerInstance, Resource};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::p2::bindings::http::types::{HostOutgoingRequest as _, Method};
use wasmtime_wasi_http::p2::types::HostOutgoingRequest;

use super::super::store::HostState;

type Store<'a> = StoreContextMut<'a, HostState>;
type Request = Resource<HostOutgoingRequest>;

/// Longest method. The longest that is registered has 17 bytes.
const METHOD_BYTES_MAX: usize = 32;
/// Longest authority: a name of the network has at most 253 bytes, a port six with its colon.
const AUTHORITY_BYTES_MAX: usize = 260;
/// Longest path with its query. What most servers take at the most.
const PATH_BYTES_MAX: usize = 16 << 10;
/// Bound of the headers of a request, and of a field map by itself: what most servers take at the most.
pub(super) const FIELDS_BYTES_MAX: usize = 16 << 10;

/// Replaces them.
pub(super) fn bound(linker: &mut LinkerInstance<'_, HostState>) -> Result<()> {
    linker.func_wrap(
        "[method]outgoing-request.set-method",
        |mut store: Store<'_>, (request, method): (Request, Method)| {
            if matches!(&method, Method::Other(name) if name.len() > METHOD_BYTES_MAX) {
                return Ok((Err(()),));
            }
            Ok((store.data_mut().http().set_method(request, method)?,))
        },
    )?;
    linker.func_wrap(
        "[method]outgoing-request.set-authority",
        |mut store: Store<'_>, (request, authority): (Request, Option<String>)| {
            if is_longer(authority.as_deref(), AUTHORITY_BYTES_MAX) {
                return Ok((Err(()),));
            }
            Ok((store.data_mut().http().set_authority(request, authority)?,))
        },
    )?;
    linker.func_wrap(
        "[method]outgoing-request.set-path-with-query",
        |mut store: Store<'_>, (request, path): (Request, Option<String>)| {
            if is_longer(path.as_deref(), PATH_BYTES_MAX) {
                return Ok((Err(()),));
            }
            Ok((store.data_mut().http().set_path_with_query(request, path)?,))
        },
    )
}

fn is_longer(text: Option<&str>, most: usize) -> bool {
    text.is_some_and(|text| text.len() > most)
}
