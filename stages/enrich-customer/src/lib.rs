//! Adds to an order what is known of its customer, and computes what follows from it. Orders come as the JSON that a
//! CSV source makes: every value a text. All fields that the stage does not know go on as they are.
//!
//! Needs `customer`, `amount` and `currency`; adds `country`, `segment`, `amount_base` (the amount in the base currency,
//! to two places), `discount` (that of the segment, of this amount) and `size` (`small`, `medium` or `large`). A bad
//! amount, an unknown currency, and a customer that is not in the table, without a `fallback`, fail.
//!
//! | config | |
//! |---|---|
//! | `customers` | `{ C001 = { country = "DE", segment = "gold" } }` |
//! | `fallback` | the same for customers that are not in the table; without it they fail |
//! | `rates` | what one unit of each currency is worth: `{ EUR = 1.0, USD = 0.92 }` |
//! | `discounts` | share by segment, as `{ gold = 0.1 }`; a segment that is not listed has none |
//! | `medium`, `large` | from which amount in the base currency an order is one; 100 and 1000 |

use std::collections::HashMap;

use sandmill_stage::{Failure, Json};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    customers: HashMap<String, Customer>,
    fallback: Option<Customer>,
    rates: HashMap<String, f64>,
    #[serde(default)]
    discounts: HashMap<String, f64>,
    #[serde(default = "one_hundred")]
    medium: f64,
    #[serde(default = "one_thousand")]
    large: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Customer {
    country: String,
    segment: String,
}

fn one_hundred() -> f64 {
    100.0
}

fn one_thousand() -> f64 {
    1000.0
}

#[derive(Deserialize, Serialize)]
struct Order {
    customer: String,
    amount: Amount,
    currency: String,
    #[serde(flatten)]
    other: Map<String, Value>,
}

/// A number, or a text that is to be one.
#[derive(Deserialize, Serialize)]
#[serde(untagged)]
enum Amount {
    Number(f64),
    Text(String),
}

#[derive(Serialize)]
struct Enriched<'c> {
    #[serde(flatten)]
    order: Order,
    country: &'c str,
    segment: &'c str,
    amount_base: f64,
    discount: f64,
    size: &'static str,
}

fn enrich_customer(Json(mut order): Json<Order>, config: &Config) -> Result<Json<Enriched<'_>>, Failure> {
    let amount = order.amount.read()?;
    let customer = config.customer(&order.customer)?;
    let rate = config.rates.get(&order.currency);
    let rate = rate.ok_or_else(|| Failure::new(format!("no rate for currency \"{}\"", order.currency)))?;
    let amount_base = cents(amount * rate);
    order.amount = Amount::Number(amount);
    Ok(Json(Enriched {
        country: &customer.country,
        segment: &customer.segment,
        amount_base,
        discount: cents(amount_base * config.discounts.get(&customer.segment).copied().unwrap_or(0.0)),
        size: config.size(amount_base),
        order,
    }))
}

impl Config {
    fn customer(&self, id: &str) -> Result<&Customer, Failure> {
        let customer = self.customers.get(id).or(self.fallback.as_ref());
        customer.ok_or_else(|| Failure::new(format!("no customer \"{id}\" in the table")))
    }

    fn size(&self, amount_base: f64) -> &'static str {
        if amount_base >= self.large {
            "large"
        } else if amount_base >= self.medium {
            "medium"
        } else {
            "small"
        }
    }
}

impl Amount {
    fn read(&self) -> Result<f64, Failure> {
        let amount = match self {
            Self::Number(number) => Some(*number),
            Self::Text(text) => text.trim().parse().ok(),
        };
        let amount = amount.filter(|amount: &f64| amount.is_finite() && *amount >= 0.0);
        amount.ok_or_else(|| match self {
            Self::Number(number) => Failure::new(format!("bad amount {number}")),
            Self::Text(text) => Failure::new(format!("bad amount \"{text}\"")),
        })
    }
}

fn cents(amount: f64) -> f64 {
    (amount * 100.0).round() / 100.0
}

sandmill_stage::stage!(enrich_customer);

#[cfg(test)]
mod tests {
    use sandmill_stage::trial;

    const CONFIG: &str = r#"{
        "customers": {"C1": {"country": "DE", "segment": "gold"}, "C2": {"country": "FR", "segment": "new"}},
        "rates": {"EUR": 1.0, "USD": 0.9},
        "discounts": {"gold": 0.1}
    }"#;

    fn order(customer: &str, amount: &str, currency: &str) -> String {
        format!(r#"{{"id":"7","customer":"{customer}","amount":"{amount}","currency":"{currency}"}}"#)
    }

    #[test]
    fn an_order_gets_country_segment_and_what_follows() {
        let orders = [order("C1", "1234.50", "USD"), order("C2", " 8 ", "EUR")];
        let fates = trial!(super::enrich_customer, CONFIG).unwrap().process(orders);
        let expected = [
            r#"{"customer":"C1","amount":1234.5,"currency":"USD","id":"7","country":"DE","segment":"gold","amount_base":1111.05,"discount":111.11,"size":"large"}"#,
            r#"{"customer":"C2","amount":8.0,"currency":"EUR","id":"7","country":"FR","segment":"new","amount_base":8.0,"discount":0.0,"size":"small"}"#,
        ];
        assert_eq!(fates.texts(), expected);
    }

    #[test]
    fn an_order_that_cannot_be_enriched_fails_with_its_reason() {
        let orders = [
            order("C1", "12,50", "EUR"),
            order("C9", "1", "EUR"),
            order("C1", "1", "XAU"),
            order("C1", "-1", "EUR"),
            r#"{"customer":"C1","currency":"EUR"}"#.into(),
        ];
        let fates = trial!(super::enrich_customer, CONFIG).unwrap().process(orders);
        assert_eq!(fates.failure(0), Some("bad amount \"12,50\""));
        assert_eq!(fates.failure(1), Some("no customer \"C9\" in the table"));
        assert_eq!(fates.failure(2), Some("no rate for currency \"XAU\""));
        assert_eq!(fates.failure(3), Some("bad amount \"-1\""));
        assert!(fates.failure(4).unwrap().contains("missing field `amount`"));
        assert!(fates.outputs.is_empty());
    }

    #[test]
    fn a_fallback_takes_in_unknown_customers() {
        let config = CONFIG.replacen('{', r#"{"fallback": {"country": "??", "segment": "unknown"},"#, 1);
        let fates = trial!(super::enrich_customer, config).unwrap().process([order("C9", "1", "EUR")]);
        assert!(fates.texts()[0].contains(r#""country":"??""#));
    }
}
