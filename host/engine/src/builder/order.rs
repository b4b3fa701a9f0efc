//! What a stage keeps of the order.

use super::StageBuilder;
use crate::plan::Order;
use crate::record::RecordKey;

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
}
