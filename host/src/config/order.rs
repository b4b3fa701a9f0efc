//! Reads `order` and `key`, of a stage or a sink.

use crate::plan::Order;
use crate::record::{JsonPointer, PointerError, RecordKey};
use crate::settings::{Fault, Table};

/// The choices of `order`.
pub(super) const ORDERS: [(&str, Order); 3] = [("none", Order::None), ("input", Order::Input), ("key", Order::Key)];

/// `key`: only where order is kept by it.
pub(super) fn key(section: &Table<'_>, order: Option<Order>) -> Result<RecordKey, Fault> {
    let Some(value) = section.get("key") else { return Ok(RecordKey::Own) };
    let pointer: JsonPointer = value.text()?.parse().map_err(|error: PointerError| {
        let fault = value.fault(&error.to_string());
        match (error, value.value.as_str()) {
            (PointerError::NoSlash, Some(text)) => {
                let path = text.trim_start_matches("$.").replace('.', "/");
                fault.hint(format!("write key = \"/{path}\", or leave it out for the record's own key"))
            }
            (PointerError::NoSlash | PointerError::Tilde | PointerError::TooLong, _) => fault,
        }
    })?;
    if order != Some(Order::Key) {
        return Err(value
            .fault("is used only with order = \"key\"")
            .hint("write order = \"key\", or leave \"key\" out"));
    }
    Ok(RecordKey::Json(pointer))
}
