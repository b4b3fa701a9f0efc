//! An order as JSON, and a summary of it as JSON.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Order<'a> {
    id: u64,
    #[serde(borrow)]
    customer: Customer<'a>,
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Customer<'a> {
    #[serde(borrow)]
    email: Cow<'a, str>,
    #[serde(borrow)]
    country: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Item {
    cents: u64,
    count: u64,
}

#[derive(Serialize)]
struct Summary<'a> {
    id: u64,
    email: &'a str,
    country: &'a str,
    items: usize,
    cents: u64,
}

/// Parses the order, and appends what is picked of it.
pub(crate) fn summarise(order: &[u8], out: &mut Vec<u8>) -> serde_json::Result<()> {
    let Order { id, customer, items } = serde_json::from_slice(order)?;
    let cents = items.iter().map(|item| item.cents * item.count).sum();
    let (email, country) = (&customer.email, &customer.country);
    serde_json::to_writer(out, &Summary { id, email, country, items: items.len(), cents })
}
