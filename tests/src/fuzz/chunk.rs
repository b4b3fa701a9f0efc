//! The columns that a source returns: refused, or records like any others, cut and joined without a loss.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use arbitrary::{Result, Unstructured};
use sandmill::fuzzing::check_columns;
use sandmill::record::{Batch, BatchBounds, Fate, Ledger, Payload, Places, Ticket};

use super::outcome::{column, is_column};

type Record = (Option<Vec<u8>>, Vec<u8>);

pub(super) fn run(data: &[u8]) {
    let _too_short = try_chunk(&mut Unstructured::new(data));
}

fn try_chunk(u: &mut Unstructured<'_>) -> Result<()> {
    let records = u.int_in_range(0..=12)?;
    let values = column(u, records)?;
    let keys = if u.arbitrary()? { column(u, records)? } else { Default::default() };
    let sound = is_column(&values) && is_column(&keys) && (keys.1.is_empty() || keys.1.len() == values.1.len());
    let bounds = BatchBounds {
        records: NonZeroUsize::MIN.saturating_add(u.int_in_range(0..=6)?),
        bytes: NonZeroUsize::MIN.saturating_add(u.int_in_range(0..=40)?),
        linger: Duration::ZERO,
    };
    let at = u.int_in_range(0..=14)?;
    match check_columns(values.clone(), keys.clone()) {
        Ok(payload) => {
            assert!(sound, "{values:?} {keys:?} are no columns");
            keeps_its_records(&payload, &bounds, at);
        }
        Err(fault) => assert!(!sound && !fault.is_empty(), "{values:?} {keys:?}: {fault}"),
    }
    Ok(())
}

fn records_of(payload: &Payload) -> Vec<Record> {
    let record = |index| Some((payload.key(index).map(<[u8]>::to_vec), payload.value(index)?.to_vec()));
    (0..payload.len()).map(|index| record(index).expect("every record has a value")).collect()
}

/// However a payload is cut, its records are all there, once, in order.
fn keeps_its_records(payload: &Payload, bounds: &BatchBounds, at: usize) {
    let whole = records_of(payload);
    assert_eq!(whole.iter().map(|(_, value)| value.len()).sum::<usize>(), payload.values().bytes());
    assert_eq!(records_of(&payload.select(0..payload.len())), whole);
    assert_eq!(records_of(&payload.slice(0..at)), whole.iter().take(at).cloned().collect::<Vec<_>>());

    let mut rest = payload.clone();
    let mut joined = rest.split_front(at);
    joined.append(&rest);
    assert_eq!(joined, *payload);
    joined.truncate(at);
    assert_eq!(joined, payload.slice(0..at));

    let ledger = Arc::<Ledger>::default();
    let claims = Ticket::issue(&ledger, &Arc::from("source"), 1, payload.len(), Places::default());
    let mut pieces = Vec::new();
    for piece in Batch::new(payload.clone(), claims).cut(bounds) {
        assert!(piece.len() == 1 || (piece.len() <= bounds.records.get() && piece.bytes() <= bounds.bytes.get()));
        let (piece, claims) = piece.into_parts();
        claims.settle(Fate::Delivered);
        pieces.extend(records_of(&piece));
    }
    assert_eq!(pieces, whole);
    let account = ledger.accounting();
    assert_eq!((account.delivered, account.in_flight), (whole.len() as u64, 0));
}
