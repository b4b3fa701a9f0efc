//! Records as a sink is given them: with names by which it can tell one that is written again.

use std::fmt;
use std::ops::Deref;

use crate::record::{Lineage, Payload, RecordId};

/// Records for a sink: a payload, and the name of each record.
#[derive(Clone, Copy)]
pub struct Records<'a> {
    payload: &'a Payload,
    claims: Option<&'a Lineage>,
}

impl<'a> Records<'a> {
    /// Records with their claims, which know their names.
    #[must_use]
    pub fn new(payload: &'a Payload, claims: &'a Lineage) -> Self {
        Self { payload, claims: Some(claims) }
    }

    /// The name of record `index`: the same when the record is written again, and never that of another one. A destination
    /// that keeps it, or is given it as a key, can pass over what it has already. `None` if a stage made the record of
    /// several, and out of range.
    #[must_use]
    pub fn id(&self, index: usize) -> Option<RecordId> {
        self.claims.and_then(|claims| claims.id(index))
    }
}

/// Without names: for a sink that is written to by hand.
impl<'a> From<&'a Payload> for Records<'a> {
    fn from(payload: &'a Payload) -> Self {
        Self { payload, claims: None }
    }
}

impl Deref for Records<'_> {
    type Target = Payload;

    fn deref(&self) -> &Payload {
        self.payload
    }
}

impl fmt::Debug for Records<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Records").field(self.payload).finish()
    }
}
