//! Reads `[sink]`.

/// Keys of every sink.
pub(super) const COMMON: &[&str] = &["name", "kind", "from", "queue", "batch", "on_error", "retry"];
