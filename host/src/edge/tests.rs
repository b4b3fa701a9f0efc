//! What the tests of the edges share.

use std::num::NonZeroUsize;
use std::time::Duration;

use crate::record::{BatchBounds, Payload};

/// Bounds on a chunk.
pub(super) fn bounds(records: usize, bytes: usize) -> BatchBounds {
    let nonzero = |n| NonZeroUsize::new(n).expect("tests give positive bounds");
    BatchBounds { records: nonzero(records), bytes: nonzero(bytes), linger: Duration::ZERO }
}

/// Records with values and no keys.
pub(super) fn records<V: AsRef<[u8]>>(values: &[V]) -> Payload {
    Payload::of_values(values.iter().collect())
}
