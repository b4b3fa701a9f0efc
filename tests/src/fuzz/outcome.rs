//! The outcome that a stage returns: refused exactly when it breaks the interface's promises, which are written down here
//! once more; else every claim on its input ends as it says.

use std::ops::Range;

use arbitrary::{Result, Unstructured};
use sandmill::fuzzing::{Returned, Settled, check_outcome, settle};
use sandmill::program::{GuestFailure, Outcome};
use sandmill::record::Payload;

type Column = (Vec<u8>, Vec<u32>);

pub(super) fn run(data: &[u8]) {
    let _too_short = try_batch(&mut Unstructured::new(data));
}

/// A batch in parts, as it is after a failed attempt at the whole; each part with an outcome of its own.
fn try_batch(u: &mut Unstructured<'_>) -> Result<()> {
    let ports = u.int_in_range(1..=3)?;
    let with_keys: bool = u.arbitrary()?;
    let lengths: Vec<usize> = (0..u.int_in_range(1..=3)?).map(|_| u.int_in_range(0..=5)).collect::<Result<_>>()?;
    let records = numbered(lengths.iter().sum(), with_keys);
    let (mut parts, mut expected, mut from) = (Vec::new(), Expected::default(), 0);
    for length in lengths {
        let part = from..from + length;
        from = part.end;
        if length == 1 && seldom(u)? {
            expected.failed.push(part.start);
            parts.push((part, Err(GuestFailure::Returned("no".to_owned()))));
            continue;
        }
        let returned = returned(u, length, ports)?;
        let Some(outcome) = checked(&returned, length, ports) else { return Ok(()) };
        // Nothing is called for no records, but for `flush`, whose outputs are not those of a batch.
        if length > 0 {
            expected.add(&part, &returned);
            parts.push((part, Ok(outcome)));
        }
    }
    if !parts.is_empty() {
        expected.compare(&records, &settle(&records, parts, ports));
    }
    Ok(())
}

/// Checks it, and the check.
fn checked(returned: &Returned, records: usize, ports: usize) -> Option<Outcome> {
    let fault = broken_promise(returned, records, ports);
    match check_outcome(returned.clone(), records, ports) {
        Ok(outcome) => {
            assert_eq!(fault, None, "it was accepted: {returned:?}");
            Some(outcome)
        }
        Err(GuestFailure::Contract(what)) => {
            assert!(fault.is_some() && !what.is_empty(), "{what}: {returned:?}");
            None
        }
        Err(other) => panic!("this is no contract failure: {other:?}"),
    }
}

/// What the comments in the WIT promise, in other words than the host's.
fn broken_promise(returned: &Returned, records: usize, ports: usize) -> Option<&'static str> {
    let Returned { values, keys, origins, ports: to, failures } = returned;
    let outputs = values.1.len();
    let failed: Vec<usize> = failures.iter().map(|(index, _)| *index as usize).collect();
    let one_to_one = origins.is_empty() && outputs > 0 && records > 0;
    let promises = [
        ("columns are whole", is_column(values) && is_column(keys)),
        ("there is a key for each value, or none", keys.1.is_empty() || keys.1.len() == outputs),
        ("failures are of this batch", failed.iter().all(|index| *index < records)),
        ("one failure a record", (0..records).all(|i| failed.iter().filter(|index| **index == i).count() <= 1)),
        ("an origin for each output, or none", origins.is_empty() || origins.len() == outputs),
        ("without origins, one to one", !one_to_one || (outputs == records && failed.is_empty())),
        ("origins ascend", origins.is_sorted()),
        ("origins are of this batch", origins.iter().all(|origin| (*origin as usize) < records)),
        ("one fate a record", !origins.iter().any(|origin| failed.contains(&(*origin as usize)))),
        ("a port for each output, or none", to.is_empty() || to.len() == outputs),
        ("ports are known", to.iter().all(|port| usize::from(*port) < ports)),
    ];
    promises.into_iter().find_map(|(promise, kept)| (!kept).then_some(promise))
}

pub(super) fn is_column((data, ends): &Column) -> bool {
    ends.is_sorted() && ends.last().map_or(0, |end| *end as usize) == data.len()
}

/// What should become of a batch: told from what was returned, not from what the host made of it.
#[derive(Debug, Default)]
struct Expected {
    /// By output: port and value.
    outputs: Vec<(u16, Vec<u8>)>,
    failed: Vec<usize>,
    dropped: usize,
    heard: usize,
}

impl Expected {
    fn add(&mut self, part: &Range<usize>, returned: &Returned) {
        let mut start = 0;
        for (index, end) in returned.values.1.iter().enumerate() {
            let value = returned.values.0.get(start..*end as usize).expect("a checked column");
            start = *end as usize;
            self.outputs.push((returned.ports.get(index).copied().unwrap_or(0), value.to_vec()));
        }
        let mut failed: Vec<usize> = returned.failures.iter().map(|(index, _)| part.start + *index as usize).collect();
        failed.sort_unstable();
        let heard = match (returned.origins.as_slice(), returned.values.1.len()) {
            ([], outputs) => outputs,
            (origins, _) => origins.chunk_by(|a, b| a == b).count(),
        };
        self.heard += heard;
        self.dropped += part.len() - heard - failed.len();
        self.failed.extend(failed);
    }

    fn compare(&self, records: &Payload, settled: &Settled) {
        let account = settled.account;
        assert!(account.balances() && account.in_flight == 0, "{account:?}");
        assert_eq!(account.read, records.len() as u64);
        assert_eq!(account.delivered, self.outputs.len() as u64);
        assert_eq!(account.created, (self.outputs.len() - self.heard) as u64);
        assert_eq!(account.dead_lettered, self.failed.len() as u64);
        assert_eq!(account.dropped, self.dropped as u64);
        assert_eq!(settled.failed, records.select(self.failed.iter().copied()));
        for (port, payload) in (0_u16..).zip(&settled.outputs) {
            let here = self.outputs.iter().filter(|(to, _)| *to == port).map(|(_, value)| value.as_slice());
            assert!(payload.values().iter().eq(here), "port {port} got {payload:?}");
        }
    }
}

fn numbered(records: usize, with_keys: bool) -> Payload {
    let mut payload = Payload::default();
    for number in 0..records {
        payload.push(with_keys.then_some(b"k"), number.to_string().as_bytes());
    }
    payload
}

/// An outcome that keeps the interface's promises, and sometimes breaks one or two.
pub(super) fn returned(u: &mut Unstructured<'_>, records: usize, ports: usize) -> Result<Returned> {
    let (mut origins, mut failures) = (Vec::new(), Vec::new());
    let one_to_one = records > 0 && u.ratio(1, 3)?;
    let outputs = if one_to_one { records } else { u.int_in_range(0..=8)? };
    if !one_to_one && records > 0 {
        for _ in 0..outputs {
            origins.push(u.int_in_range(0..=records - 1)? as u32);
        }
        origins.sort_unstable();
        for index in 0..records as u32 {
            if !origins.contains(&index) && u.ratio(1, 2)? {
                failures.push((index, "no".to_owned()));
            }
        }
    }
    let values = column(u, outputs)?;
    let keys = if u.arbitrary()? { column(u, outputs)? } else { Default::default() };
    let to = if u.arbitrary()? { u.int_in_range(0..=ports - 1)? as u16 } else { 0 };
    let mut returned = Returned { values, keys, origins, ports: Vec::new(), failures };
    if u.arbitrary()? {
        returned.ports = (0..outputs).map(|index| if index % 2 == 0 { to } else { 0 }).collect();
    }
    for _ in 0..3 {
        if seldom(u)? {
            spoil(u, &mut returned)?;
        }
    }
    Ok(returned)
}

fn spoil(u: &mut Unstructured<'_>, returned: &mut Returned) -> Result<()> {
    match u.int_in_range(0..=5)? {
        0 => returned.origins.push(number(u)?),
        1 => returned.ports.push(number(u)? as u16),
        2 => returned.failures.push((number(u)?, u.arbitrary()?)),
        3 => drop(returned.origins.pop()),
        4 => drop(returned.ports.pop()),
        _ => returned.origins.reverse(),
    }
    Ok(())
}

/// A column of so many short values; now and then with something wrong with it.
pub(super) fn column(u: &mut Unstructured<'_>, values: usize) -> Result<Column> {
    let mut column = Column::default();
    for _ in 0..values {
        let length = u.int_in_range(0..=4)?;
        column.0.extend_from_slice(u.bytes(length)?);
        column.1.push(column.0.len() as u32);
    }
    if seldom(u)? {
        let end = number(u)?;
        match u.int_in_range(0..=3)? {
            0 => column.1.push(end),
            1 => column.0.push(0),
            2 => drop(column.1.pop()),
            _ => column.1.iter_mut().skip(values / 2).take(1).for_each(|at| *at = end),
        }
    }
    Ok(column)
}

/// Once in eight times, and never when the bytes have run out.
pub(super) fn seldom(u: &mut Unstructured<'_>) -> Result<bool> {
    Ok(u.int_in_range(0..=7)? == 7)
}

/// Small, or at an edge.
pub(super) fn number(u: &mut Unstructured<'_>) -> Result<u32> {
    Ok(match u.int_in_range(0..=11)? {
        small @ 0..=7 => small,
        8 => i32::MAX as u32,
        9 => i32::MAX as u32 + 1,
        10 => u32::MAX,
        _ => u.arbitrary()?,
    })
}
