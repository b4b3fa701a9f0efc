//! What is promised about the records of a source at a sink.

use serde::Serialize;

use crate::edge::Delivery;

/// How often a record of a source is at a sink, when the run is killed and resumed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Promise {
    /// The name of the source.
    pub source: String,
    /// The name of a sink that its records may come to.
    pub sink: String,
    /// How often what a record comes to is there.
    pub delivery: Delivery,
}
