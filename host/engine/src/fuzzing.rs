//! Entry points for the fuzzer and tests to what is private: outcomes are divided as a worker does it. Not a part of what the library
//! promises.

use std::ops::Range;
use std::sync::Arc;

use crate::pool::{Gathered, Load};
use crate::program::{GuestFailure, Outcome};
use crate::record::{Accounting, Batch, Fate, Ledger, Payload, Places, Ticket};

/// The outcome of a batch.
#[derive(Debug)]
pub struct Settled {
    /// The outputs, by port.
    pub outputs: Vec<Payload>,
    /// The records that failed.
    pub failed: Payload,
    /// The account once all claims have ended: outputs as delivered, failures as dead letters.
    pub account: Accounting,
}

/// Divides the claims of `records` as a worker does after attempts at these parts of them, in order, and settles them.
/// A part that failed as a whole is one record.
///
/// # Panics
/// When the parts do not make up the batch, or an outcome has not been checked: a worker has seen to both.
#[must_use]
pub fn settle(records: &Payload, parts: Vec<(Range<usize>, Result<Outcome, GuestFailure>)>, ports: usize) -> Settled {
    let ledger = Arc::<Ledger>::default();
    let claims = Ticket::issue(&ledger, &Arc::from("source"), 1, records.len(), Places::default());
    let mut gathered = Gathered::from(0);
    for (range, attempted) in parts {
        match attempted {
            Ok(outcome) => gathered.add(&range, records.len(), outcome, &|_, _| false),
            Err(failure) => drop(gathered.fail(range.start, &failure, &|_, _| false)),
        }
    }
    assert_eq!(gathered.through(), records.len(), "the parts make up the batch");
    let sorted = gathered.sort(&mut Load::first(Batch::new(records.clone(), claims), 0));
    let (emitted, hands) = (sorted.emitted, sorted.ports.unwrap_or_else(|| vec![0; sorted.claims.len()]));
    let mut outputs = Vec::with_capacity(ports);
    for (port, claims) in (0_u16..).zip(sorted.claims.deal(&hands, ports)) {
        let chosen = hands.iter().enumerate().filter(|(_, hand)| **hand == port).map(|(index, _)| index);
        let (payload, claims) = Batch::new(emitted.select(chosen), claims).into_parts();
        claims.settle(Fate::Delivered);
        outputs.push(payload);
    }
    sorted.dropped.settle(Fate::Dropped);
    let (failed, claims) = Batch::new(sorted.failed.records, sorted.failed.claims).into_parts();
    assert_eq!(failed.len(), sorted.failed.reasons.len(), "every failed record has a reason");
    claims.settle(Fate::DeadLettered);
    Settled { outputs, failed, account: ledger.accounting() }
}
