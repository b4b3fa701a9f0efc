//! A verb for what no stage is granted: a socket of its own.
//!
//! | verb | does |
//! |---|---|
//! | `socket` | makes a TCP socket |

use crate::Answer;

/// See above.
#[cfg(target_arch = "wasm32")]
pub fn verbs(verb: &str, _: &str) -> Answer {
    use crate::raw::wasi::sockets::network::IpAddressFamily;
    use crate::raw::wasi::sockets::tcp_create_socket::create_tcp_socket;
    use crate::told;
    (verb == "socket")
        .then(|| told(create_tcp_socket(IpAddressFamily::Ipv4).map(|_| "made").map_err(|code| code.name())))
}

/// None.
#[cfg(not(target_arch = "wasm32"))]
pub fn verbs(_: &str, _: &str) -> Answer {
    None
}
