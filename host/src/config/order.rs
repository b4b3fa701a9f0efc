//! Reads what a stage or a sink keeps of the order: `order`, `key` and `partition`.

use std::num::{NonZeroU16, NonZeroUsize};

use super::keys;
use crate::plan::Order;
use crate::plan::bounds::{BUCKETS_DEFAULT, BUCKETS_MAX};
use crate::record::{JsonPointer, Pairing, PointerError, RecordKey};
use crate::settings::{Fault, Table, Value};

/// The order that a section asks for, if it does, and the keys that it goes by.
/// `at_once` are the workers or writers that may be at it at the same time.
pub(super) fn read(section: &Table<'_>, at_once: NonZeroUsize) -> Result<(Option<Order>, RecordKey), Fault> {
    if let Some(value) = section.get("partition") {
        return Ok((Some(Order::Key), RecordKey::Pair(partition(section, &value, at_once)?)));
    }
    let orders = [("none", Order::None), ("input", Order::Input), ("key", Order::Key)];
    let order = section.or("order", None, |value| value.choice(&orders).map(Some))?;
    let Some(value) = section.get("key") else { return Ok((order, RecordKey::Own)) };
    let pointer = pointer(&value, "key", ", or leave it out for the record's own key")?;
    if order != Some(Order::Key) {
        return Err(value
            .fault("is used only with order = \"key\"")
            .hint("write order = \"key\", or leave \"key\" out"));
    }
    Ok((order, RecordKey::Json(pointer)))
}

/// `partition`: it says all that there is to say about the order.
fn partition(section: &Table<'_>, value: &Value<'_>, at_once: NonZeroUsize) -> Result<Pairing, Fault> {
    for other in ["order", "key"] {
        if let Some(value) = section.get(other) {
            return Err(value
                .fault("cannot be combined with \"partition\"")
                .hint("a partition keeps the order of the records of each pair of ids, and no other"));
        }
    }
    let table = value.table()?;
    table.refuse_unknown(keys::PARTITION)?;
    let kind = table.get("kind").ok_or_else(|| table.missing("kind").hint("write kind = \"mix-and-batch\""))?;
    kind.choice(&[("mix-and-batch", ())])?;
    let id = |name| pointer(&table.require(name)?, name, "");
    let (left, right) = (id("left")?, id("right")?);
    let many = at_once.get().saturating_mul(4).clamp(BUCKETS_DEFAULT, BUCKETS_MAX);
    let buckets = table.or("buckets", many as u64, |value| value.whole(2..=BUCKETS_MAX as u64))?;
    let buckets = u16::try_from(buckets).ok().and_then(NonZeroU16::new).unwrap_or(NonZeroU16::MIN);
    let pairing = Pairing { left, right, buckets, same_nodes: table.or("same_nodes", false, Value::truth)? };
    let most = pairing.at_once_max();
    if at_once.get() > most && at_once.get() > 1 {
        let more = at_once.get().saturating_mul(4);
        let highest = if pairing.same_nodes { BUCKETS_MAX / 2 } else { BUCKETS_MAX };
        let hint = if at_once.get() > highest {
            format!("let at most {highest} be at it, with buckets = {BUCKETS_MAX}")
        } else {
            format!("buckets = {}, or more", more.min(BUCKETS_MAX))
        };
        let why = if pairing.same_nodes { " (with same_nodes, each takes two)" } else { "" };
        return Err(value
            .fault(&format!(
                "with {buckets} buckets, at most {most} batches are worked on at once{why}, and {at_once} may be"
            ))
            .hint(hint));
    }
    Ok(pairing)
}

fn pointer(value: &Value<'_>, name: &str, otherwise: &str) -> Result<JsonPointer, Fault> {
    value.text()?.parse().map_err(|error: PointerError| {
        let fault = value.fault(&error.to_string());
        match (error, value.value.as_str()) {
            (PointerError::NoSlash, Some(text)) => {
                let path = text.trim_start_matches("$.").replace('.', "/");
                fault.hint(format!("write {name} = \"/{path}\"{otherwise}"))
            }
            (PointerError::NoSlash | PointerError::Tilde | PointerError::TooLong, _) => fault,
        }
    })
}
