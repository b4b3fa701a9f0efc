//! Sockets that nobody is given: every way to make one, and to look up a name, answers that access is denied.
//!
//! The C library of a language may import `wasi:sockets` although the program uses no network: CPython's does. Such a
//! component runs, and a program that tries the network anyway sees its language's own error. No socket is ever made, so
//! nothing else of these interfaces can be called with one.

use wasmtime::Result;
use wasmtime::component::{LinkerInstance, Resource};
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddressFamily};
use wasmtime_wasi::p2::bindings::sockets::{ip_name_lookup, tcp, udp};

use super::super::store::HostState;
use super::Replacement;

/// The interfaces that would give something away.
pub(super) const DENIED: [Replacement; 3] = [
    ("wasi:sockets/tcp-create-socket@0.2.12", tcp_socket),
    ("wasi:sockets/udp-create-socket@0.2.12", udp_socket),
    ("wasi:sockets/ip-name-lookup@0.2.12", look_up),
];

type Denied<T> = (Result<Resource<T>, ErrorCode>,);

fn tcp_socket(linker: &mut LinkerInstance<'_, HostState>) -> Result<()> {
    linker.func_wrap("create-tcp-socket", |_, (_,): (IpAddressFamily,)| -> Result<Denied<tcp::TcpSocket>> {
        Ok((Err(ErrorCode::AccessDenied),))
    })
}

fn udp_socket(linker: &mut LinkerInstance<'_, HostState>) -> Result<()> {
    linker.func_wrap("create-udp-socket", |_, (_,): (IpAddressFamily,)| -> Result<Denied<udp::UdpSocket>> {
        Ok((Err(ErrorCode::AccessDenied),))
    })
}

fn look_up(linker: &mut LinkerInstance<'_, HostState>) -> Result<()> {
    type Network = wasmtime_wasi::p2::Network;
    linker.func_wrap(
        "resolve-addresses",
        |_, (_, _): (Resource<Network>, String)| -> Result<Denied<ip_name_lookup::ResolveAddressStream>> {
            Ok((Err(ErrorCode::AccessDenied),))
        },
    )
}
