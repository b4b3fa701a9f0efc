//! Reads what a stage or a sink keeps of the order: `order`, `key` and `partition`.

use std::num::NonZeroU16;

use super::keys;
use crate::plan::Order;
use crate::plan::bounds::{BUCKETS_DEFAULT, BUCKETS_MAX};
use crate::record::{JsonPointer, Pairing, PointerError, RecordKey};
use crate::settings::{Fault, Table, Value};

/// The order that a section asks for, if it does, and the keys that it goes by.
pub(super) fn read(section: &Table<'_>) -> Result<(Option<Order>, RecordKey), Fault> {
    if let Some(value) = section.get("partition") {
        return Ok((Some(Order::Key), RecordKey::Pair(partition(section, &value)?)));
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
fn partition(section: &Table<'_>, value: &Value<'_>) -> Result<Pairing, Fault> {
    for other in ["order", "key"] {
        if let Some(value) = section.get(other) {
            return Err(value
                .fault("cannot be combined with \"partition\"")
                .hint("a partition keeps the order of the records of each pair of ids, and no other"));
        }
    }
    let table = value.table()?;
    table.refuse_unknown(keys::PARTITION)?;
    table.require("kind")?.choice(&[("mix-and-batch", ())])?;
    let id = |name| pointer(&table.require(name)?, name, "");
    let (left, right) = (id("left")?, id("right")?);
    let buckets = table.or("buckets", BUCKETS_DEFAULT.into(), |value| {
        let buckets = value.count(BUCKETS_MAX)?;
        if buckets.get() < 2 {
            return Err(value
                .fault("must be at least 2")
                .hint("with one bucket, only one batch is worked on at a time"));
        }
        Ok(buckets)
    })?;
    let buckets = NonZeroU16::try_from(buckets).unwrap_or(BUCKETS_DEFAULT);
    Ok(Pairing { left, right, buckets, same_nodes: table.or("same_nodes", false, Value::truth)? })
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
