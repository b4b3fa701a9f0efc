//! Picks `id` and `name` of a JSON object, makes the name upper case, and drops every fifth. No configuration.
//!
//! Written as a user would write it: serde in, serde out.

use std::borrow::Cow;

use sandmill_stage::{Failure, Json, Record};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Person<'a> {
    id: u64,
    #[serde(borrow)]
    name: Cow<'a, str>,
}

#[derive(Serialize)]
struct Picked {
    id: u64,
    name: String,
}

fn pick(record: Record<'_>) -> Result<Option<Json<Picked>>, Failure> {
    let Person { id, name } = record.json()?;
    Ok((id % 5 != 0).then(|| Json(Picked { id, name: name.to_ascii_uppercase() })))
}

sandmill_stage::stage!(pick);
