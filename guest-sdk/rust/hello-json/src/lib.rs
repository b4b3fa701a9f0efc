//! The stage under test whose records are JSON, read as a type: the same in every language.

use sandmill_stage::{Json, stage};
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Deserialize, Serialize)]
struct Order {
    id: i64,
    customer: Customer,
    #[serde(default)]
    tags: Vec<String>,
    /// Anything.
    #[serde(default)]
    value: Value,
    #[serde(default)]
    price: f64,
}

#[derive(Deserialize, Serialize)]
struct Customer {
    name: String,
}

/// Gives each order as it came; `make` asks for what JSON does not have.
fn hello(Json(mut order): Json<Order>) -> Json<Order> {
    match order.customer.name.as_str() {
        "~nan" => order.price = f64::NAN,
        "~infinity" => order.price = f64::INFINITY,
        _ => {}
    }
    Json(order)
}
stage!(hello);
