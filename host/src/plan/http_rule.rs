//! One line of an `http` grant: which requests may be sent, and where to.

/// Requests that a stage may send: methods, scheme, host, port and path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRule {}
