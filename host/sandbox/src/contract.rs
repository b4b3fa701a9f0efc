//! Checks what a guest returns against the stage interface. Nothing here trusts an offset, a count or an index.
//!
//! wasmtime has already bounded the lists by the guest's own memory and made every string valid UTF-8. What remains is
//! what the interface's comments promise: columns whole, origins ascending and in range, one fate per record.

use super::bindings::stage::sandmill::stage::types as wit;
use sandmill_engine::program::{Failure, GuestFailure, Outcome};
use sandmill_engine::record::{Column, Payload};

/// The expectations that an outcome is checked against.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    /// Records given to the call; 0 for `flush`.
    pub(super) records: usize,
    /// Outputs the stage may name: at least 1.
    pub(super) ports: usize,
}

/// What makes a guest's text fit to be shown.
type Legible<'a> = &'a dyn Fn(&str) -> String;

/// The outcome, checked.
pub(super) fn check(outcome: wit::Outcome, expected: Expected, legible: Legible<'_>) -> Result<Outcome, GuestFailure> {
    outcome_of(outcome, expected, legible).map_err(GuestFailure::Contract)
}

/// Columns as a payload, checked: shared with sources, which return nothing else.
pub(super) fn payload(values: (Vec<u8>, Vec<u32>), keys: (Vec<u8>, Vec<u32>)) -> Result<Payload, String> {
    let values = Column::from_parts(values.0, values.1).map_err(|fault| format!("values: {fault}"))?;
    let keys = Column::from_parts(keys.0, keys.1).map_err(|fault| format!("keys: {fault}"))?;
    let (value_count, key_count) = (values.len(), keys.len());
    Payload::new(values, keys).ok_or_else(|| format!("there are {value_count} values, but {key_count} keys"))
}

fn outcome_of(outcome: wit::Outcome, expected: Expected, legible: Legible<'_>) -> Result<Outcome, String> {
    let wit::Outcome { emitted: wit::BatchResult { values, keys }, origins, ports, failures } = outcome;
    let emitted = payload((values.data, values.ends), (keys.data, keys.ends))?;
    let failures = failures_of(failures, expected.records, legible)?;
    let origins = origins_of(origins, emitted.len(), &failures, expected.records)?;
    let ports = ports_of(ports, emitted.len(), expected.ports)?;
    Ok(Outcome { emitted, origins, ports, failures })
}

fn failures_of(failures: Vec<wit::Failure>, records: usize, legible: Legible<'_>) -> Result<Vec<Failure>, String> {
    // Counted first: a guest may return millions for a batch of one, and each would be copied.
    if failures.len() > records {
        return Err(format!("there are {} failures for {records} records", failures.len()));
    }
    let mut failures: Vec<Failure> = failures
        .into_iter()
        .map(|failure| Failure {
            index: failure.index,
            retryable: failure.retryable,
            message: legible(&failure.message),
        })
        .collect();
    failures.sort_by_key(|failure| failure.index);
    if let Some(twice) = failures.windows(2).find_map(|pair| match pair {
        [a, b] if a.index == b.index => Some(a.index),
        _ => None,
    }) {
        return Err(format!("record {twice} has two failures"));
    }
    match failures.last() {
        Some(last) if last.index as usize >= records => {
            Err(format!("a failure names record {}, but the batch has {records}", last.index))
        }
        _ => Ok(failures),
    }
}

fn origins_of(
    origins: Vec<u32>,
    outputs: usize,
    failures: &[Failure],
    records: usize,
) -> Result<Option<Vec<u32>>, String> {
    if origins.is_empty() {
        // `flush` is given no records: whatever it emits is its own. Without outputs there is nothing to trace.
        return match outputs {
            0 if records == 0 => Ok(None),
            0 => Ok(Some(origins)),
            _ if records == 0 => Ok(None),
            _ if outputs == records && failures.is_empty() => Ok(None),
            _ if failures.is_empty() => {
                Err(format!("there are {outputs} outputs for {records} records, and no origins"))
            }
            _ => Err(format!("{} records failed, and the outputs have no origins", failures.len())),
        };
    }
    if origins.len() != outputs {
        return Err(format!("there are {outputs} outputs, but {} origins", origins.len()));
    }
    if let Some(at) = origins.windows(2).position(|pair| matches!(pair, [a, b] if a > b)) {
        return Err(format!("origin {} is smaller than the one before it", at + 1));
    }
    if let Some(last) = origins.last().filter(|last| **last as usize >= records) {
        return Err(format!("an origin names record {last}, but the batch has {records}"));
    }
    if let Some(failure) = failures.iter().find(|failure| origins.binary_search(&failure.index).is_ok()) {
        return Err(format!("record {} has both outputs and a failure", failure.index));
    }
    Ok(Some(origins))
}

fn ports_of(ports: Vec<u16>, outputs: usize, known: usize) -> Result<Option<Vec<u16>>, String> {
    if ports.is_empty() {
        return Ok(None);
    }
    if ports.len() != outputs {
        return Err(format!("there are {outputs} outputs, but {} ports", ports.len()));
    }
    match ports.iter().find(|port| usize::from(**port) >= known) {
        Some(port) => Err(format!("an output goes to port {port}, but {}", numbered(known))),
        None => Ok(Some(ports)),
    }
}

/// The numbers of a stage's ports.
fn numbered(known: usize) -> String {
    match known {
        1 => "the stage has one output: port 0".to_owned(),
        _ => format!("the stage has ports 0 to {}: `ports` in the pipeline file names them in this order", known - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn column(values: &[&str]) -> wit::ColumnResult {
        let (data, ends) = values.iter().collect::<Column>().into_parts();
        wit::ColumnResult { data, ends }
    }

    fn outcome(values: &[&str]) -> wit::Outcome {
        let emitted = wit::BatchResult { values: column(values), keys: column(&[]) };
        wit::Outcome { emitted, origins: vec![], ports: vec![], failures: vec![] }
    }

    fn failure(index: u32) -> wit::Failure {
        wit::Failure { index, retryable: false, message: "no".to_owned() }
    }

    fn fault(outcome: wit::Outcome) -> String {
        match check(outcome, Expected { records: 3, ports: 2 }, &str::to_owned) {
            Err(GuestFailure::Contract(what)) => what,
            other => panic!("expected a broken contract, got {other:?}"),
        }
    }

    #[test]
    fn every_lie_about_an_outcome_is_named() {
        let mut lie = outcome(&["a", "b", "c"]);
        lie.emitted.values.ends = vec![2, 1, 3];
        assert_eq!(fault(lie), "values: end 1 is 1, before the previous end 2");

        let mut lie = outcome(&["a", "b", "c"]);
        lie.emitted.values.ends = vec![1, 2, 9];
        assert_eq!(fault(lie), "values: the last end is 9, but there are 3 bytes of data");

        let mut lie = outcome(&["a", "b", "c"]);
        lie.emitted.keys = column(&["k"]);
        assert_eq!(fault(lie), "there are 3 values, but 1 keys");

        assert_eq!(fault(outcome(&["a"])), "there are 1 outputs for 3 records, and no origins");

        let lie = wit::Outcome { origins: vec![0], ..outcome(&["a", "b"]) };
        assert_eq!(fault(lie), "there are 2 outputs, but 1 origins");
        let lie = wit::Outcome { origins: vec![1, 0], ..outcome(&["a", "b"]) };
        assert_eq!(fault(lie), "origin 1 is smaller than the one before it");
        let lie = wit::Outcome { origins: vec![0, 3], ..outcome(&["a", "b"]) };
        assert_eq!(fault(lie), "an origin names record 3, but the batch has 3");

        let lie = wit::Outcome { ports: vec![0], ..outcome(&["a", "b", "c"]) };
        assert_eq!(fault(lie), "there are 3 outputs, but 1 ports");
        let lie = wit::Outcome { ports: vec![0, 1, 2], ..outcome(&["a", "b", "c"]) };
        assert_eq!(
            fault(lie),
            "an output goes to port 2, but the stage has ports 0 to 1: `ports` in the pipeline file names them in this order"
        );
        let alone = wit::Outcome { ports: vec![1], ..outcome(&["a"]) };
        let refused = check(alone, Expected { records: 1, ports: 1 }, &str::to_owned);
        let Err(GuestFailure::Contract(what)) = refused else { panic!("{refused:?}") };
        assert_eq!(what, "an output goes to port 1, but the stage has one output: port 0");

        let lie = wit::Outcome { failures: vec![failure(1), failure(1)], ..outcome(&[]) };
        assert_eq!(fault(lie), "record 1 has two failures");
        let lie = wit::Outcome { failures: (0..4).map(failure).collect(), ..outcome(&[]) };
        assert_eq!(fault(lie), "there are 4 failures for 3 records");
        let lie = wit::Outcome { failures: vec![failure(3)], ..outcome(&[]) };
        assert_eq!(fault(lie), "a failure names record 3, but the batch has 3");
        let lie = wit::Outcome { origins: vec![1], failures: vec![failure(1)], ..outcome(&["a"]) };
        assert_eq!(fault(lie), "record 1 has both outputs and a failure");
        let lie = wit::Outcome { failures: vec![failure(1)], ..outcome(&["a", "b"]) };
        assert_eq!(fault(lie), "1 records failed, and the outputs have no origins");
    }

    proptest! {
        /// What passes the check can be divided among claims without a panic: the two agree on what is valid.
        #[test]
        fn whatever_passes_can_be_accounted_for(
            outputs in 0_usize..6,
            origins in prop::collection::vec(0_u32..5, 0..6),
            ports in prop::collection::vec(0_u16..3, 0..6),
            failed in prop::collection::vec(0_u32..5, 0..4),
            records in 0_usize..5,
        ) {
            let raw = wit::Outcome {
                origins,
                ports,
                failures: failed.into_iter().map(failure).collect(),
                ..outcome(&vec!["x"; outputs])
            };
            if let Ok(checked) = check(raw, Expected { records, ports: 2 }, &str::to_owned) {
                let ledger = std::sync::Arc::new(sandmill_engine::record::Ledger::default());
                let claims = sandmill_engine::record::Ticket::issue(&ledger, &"s".into(), 1, records, Default::default());
                let failed: Vec<u32> = checked.failures.iter().map(|failure| failure.index).collect();
                let claims = match &checked.origins {
                    Some(origins) => claims.divide(origins, &failed).outputs,
                    None => claims,
                };
                prop_assert!(records == 0 || claims.len() == checked.emitted.len());
                drop(claims);
                prop_assert!(ledger.accounting().balances());
            }
        }
    }
}
