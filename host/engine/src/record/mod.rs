//! The data of a pipeline: columns of bytes, the payload made of them, the batch that adds each record's claim on its
//! source, and the ledger in which every claim ends.

mod batch;
mod column;
mod deal;
mod id;
mod key;
mod latency;
mod ledger;
mod lineage;
mod receipt;
mod ticket;
mod traffic;
mod written;

pub use batch::{Batch, BatchBounds, Payload};
pub use column::{Column, ColumnError};
pub(crate) use deal::{PayloadSize, RowsByHand};
pub use id::RecordId;
pub use key::{JsonPointer, KeyHash, Pairing, PointerError, RecordKey};
pub use latency::Latency;
pub use ledger::{Accounting, Fate, Ledger};
pub(crate) use lineage::SharedClaims;
pub use lineage::{Divided, Lineage};
pub(crate) use receipt::Kept;
pub use receipt::{Keepsake, Per, Receipt, Receipts, Slip};
pub use ticket::{Issuer, Lines, Place, Places, Ticket};
pub use traffic::Traffic;
pub use written::Written;
