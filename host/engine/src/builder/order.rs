//! What a stage keeps of the order.

use super::StageBuilder;
use crate::plan::Order;
use crate::record::{Pairing, RecordKey};

impl StageBuilder {
    /// Whether its outputs keep the order of its inputs; by default they do.
    #[must_use]
    pub fn order(mut self, order: Order) -> Self {
        self.plan.order = order;
        self
    }

    /// Where the key of a record is found, for [`Order::Key`]; in the record's own key unless said otherwise.
    #[must_use]
    pub fn key(mut self, key: RecordKey) -> Self {
        self.plan.key = key;
        self
    }

    /// Deals records by their pairs of ids: no two batches that share a bucket of either id are worked on at once
    /// (mix-and-batch). It takes the place of [`Self::order`] and [`Self::key`]: records of one pair keep their order.
    #[must_use]
    pub fn partition(self, pairing: Pairing) -> Self {
        self.order(Order::Key).key(RecordKey::Pair(pairing))
    }
}
