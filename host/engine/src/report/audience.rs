//! Who learns what happens in a run.

use std::sync::Arc;

use super::EventSender;
use crate::redact::Redactor;

/// Where events go, and what is struck out of them on the way.
#[derive(Clone, Debug)]
pub struct Audience {
    /// Where events go.
    pub events: EventSender,
    /// What is removed from their texts.
    pub redactor: Arc<Redactor>,
}
