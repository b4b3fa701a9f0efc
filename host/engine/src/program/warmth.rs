//! Whether the instances of a stage begin open.

use std::time::Duration;

use serde::Serialize;

use crate::time::seconds;

/// Whether a stage's instances are open as soon as they are made, from an image of one that was opened before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Warmth {
    /// They are.
    Warm,
    /// They are since an image was ready, which was made beside the run. Those before were opened one by one, which gives
    /// the same outputs.
    Warmed {
        /// When it was ready: so long after the run had begun.
        #[serde(serialize_with = "seconds", rename = "after_seconds")]
        after: Duration,
    },
    /// They are opened one by one until an image is ready, which is made beside the run. In a closing report: the run ended
    /// before that.
    Pending,
    /// They are opened one by one, and nobody loses by it: `open` takes no time worth saving, there is one instance for a
    /// worker, or the stage is to be opened so.
    Unneeded,
    /// They are opened one by one, and this is why.
    Cold(String),
}
