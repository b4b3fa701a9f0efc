//! Claims that wait for a commit: their records are written, and have no fate before the sink commits them.

use std::mem;

use super::Lineage;

/// Claims of records that a sink has written and not committed. No checkpoint waits for them: it commits them. Dropped,
/// they count as in flight, as all claims do.
#[derive(Debug, Default)]
pub struct Written(Lineage);

impl Written {
    /// Adds claims of records that were written.
    pub fn add(&mut self, written: Lineage) {
        written.stop();
        self.0.append(written);
    }

    /// Takes all claims out, to be settled.
    #[must_use]
    pub fn take(&mut self) -> Lineage {
        let claims = mem::take(&mut self.0);
        claims.start();
        claims
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        drop(self.take());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::record::{Fate, Ledger, Places, Ticket};

    fn issue(ledger: &Arc<Ledger>, records: usize) -> Lineage {
        Ticket::issue(ledger, &Arc::from("s"), 1, records, Places::default())
    }

    #[test]
    fn written_claims_move_again_when_they_are_settled_and_have_one_fate() {
        let ledger = Arc::new(Ledger::default());
        let mut written = Written::default();
        written.add(issue(&ledger, 3));
        written.add(issue(&ledger, 2));
        assert_eq!((ledger.moving(), ledger.accounting().unsettled()), (0, 5));
        let claims = written.take();
        assert_eq!((claims.len(), ledger.moving()), (5, 5));
        claims.settle(Fate::Delivered);
        drop(written);
        let account = ledger.accounting();
        assert_eq!((ledger.moving(), account.delivered, account.in_flight), (0, 5, 0));
        assert_eq!(ledger.latency().map(|latency| latency.records), Some(5));
    }

    /// Without it, a checkpoint could be taken between the failure of a task and the end of its run (issue 12).
    #[test]
    fn claims_that_were_given_up_keep_checkpoints_off_for_ever() {
        let ledger = Arc::new(Ledger::default());
        drop(issue(&ledger, 3));
        let mut written = Written::default();
        written.add(issue(&ledger, 2));
        drop(written);
        assert_eq!((ledger.moving(), ledger.accounting().in_flight), (5, 5));
    }
}
