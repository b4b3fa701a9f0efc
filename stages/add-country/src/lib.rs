//! Adds to a JSON record the country that an address belongs to: `{"ip": "192.0.2.7"}` gets `"country": "DE"`.
//!
//! The table is a file in a granted folder: `network,country`, a line each, the first one a header. Of several networks
//! that hold an address, the smallest counts. It is read once for each instance.
//!
//! ```toml
//! [stage.grant]
//! read = ["geo"]
//! ```
//!
//! | config | default | |
//! |---|---|---|
//! | `table` | | the table, as `geo/networks.csv` |
//! | `field` | `ip` | the field that holds the address; a record without one fails |
//! | `unknown` | `??` | the country of an address that no network holds |

mod networks;

use std::net::IpAddr;

use sandmill_stage::{Failure, Output, Record, Stage, files};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::networks::Networks;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    table: String,
    #[serde(default = "ip")]
    field: String,
    #[serde(default = "unknown")]
    unknown: String,
}

fn ip() -> String {
    "ip".to_owned()
}

fn unknown() -> String {
    "??".to_owned()
}

struct AddCountry {
    networks: Networks,
    field: String,
    unknown: String,
}

impl Stage for AddCountry {
    type Config = Config;

    fn open(Config { table, field, unknown }: Config) -> Result<Self, Failure> {
        let networks = Networks::parse(&files::read_text(&table)?).map_err(|failure| failure.at(&table))?;
        Ok(Self { networks, field, unknown })
    }

    fn process(&mut self, record: Record<'_>, out: &mut Output) -> Result<(), Failure> {
        let mut record: Map<String, Value> = record.json()?;
        let address = record.get(&self.field).and_then(Value::as_str).and_then(|text| text.parse::<IpAddr>().ok());
        let address = address.ok_or_else(|| Failure::new(format!("field \"{}\" holds no address", self.field)))?;
        let country = self.networks.country(address).unwrap_or(&self.unknown);
        record.insert("country".to_owned(), country.into());
        out.try_emit_with(|buffer| serde_json::to_writer(buffer, &record))?;
        Ok(())
    }
}

sandmill_stage::stage!(impl AddCountry);

#[cfg(test)]
mod tests {
    use super::*;
    use sandmill_stage::trial;

    /// A test runs in the stage's own folder.
    const CONFIG: &str = r#"{"table": "../../examples/enrich/geo/networks.csv"}"#;

    #[test]
    fn a_record_gets_the_country_of_its_address_and_keeps_the_rest() {
        let mut stage = trial!(impl AddCountry, CONFIG).unwrap();
        let fates = stage.process([r#"{"ip":"192.0.2.7","n":1}"#, r#"{"ip":"10.0.0.1"}"#, r#"{"ip":"?"}"#]);
        assert_eq!(
            fates.texts(),
            [r#"{"country":"DE","ip":"192.0.2.7","n":1}"#, r#"{"country":"??","ip":"10.0.0.1"}"#]
        );
        assert_eq!(fates.failure(2), Some("field \"ip\" holds no address"));
    }

    #[test]
    fn a_table_that_is_not_there_keeps_the_stage_from_starting() {
        let refused = trial!(impl AddCountry, r#"{"table": "geo/none.csv"}"#).unwrap_err();
        assert_eq!(refused.message(), "\"geo/none.csv\" cannot be read: it is not there");
    }
}
