//! Replaces addresses in JSON records by pseudonyms: `"203.0.113.7"` becomes `"~3f0c9d…"`. The same address has the same
//! pseudonym for as long as key and period are the same, so visitors can be counted, but not found.
//!
//! It is a keyed hash (HMAC-SHA-256, 80 bits of it) of period and address. There are so few addresses that a hash without
//! a key would hide nothing: who tries them all has them all.
//!
//! ```toml
//! [stage.grant]
//! secret = ["PSEUDONYM_KEY"]                   # at least 16 bytes
//! env = { PSEUDONYM_PERIOD = "2026-11" }       # another text gives other pseudonyms
//! ```
//!
//! | config | default | |
//! |---|---|---|
//! | `fields` | `["ip"]` | fields that hold an address; a record in which one holds something else fails |

use std::net::IpAddr;

use hmac::{Hmac, KeyInit, Mac};
use sandmill_stage::{Failure, Output, Record, Stage, env};
use serde::Deserialize;
use serde_json::{Map, Value};
use sha2::Sha256;

/// What a key must have at least to be one.
const KEY_BYTES_MIN: usize = 16;
/// How much of the hash is shown: among a million visitors, the chance of two with one pseudonym is below one in a trillion.
const SHOWN_BYTES: usize = 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    fields: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self { fields: vec!["ip".to_owned()] }
    }
}

struct Pseudonymise {
    fields: Vec<String>,
    /// Knows key and period already.
    begun: Hmac<Sha256>,
}

impl Stage for Pseudonymise {
    type Config = Config;

    fn open(Config { fields }: Config) -> Result<Self, Failure> {
        let granted = |name: &str| env::var(name).ok_or_else(|| Failure::new(format!("{name} is not granted")));
        Self::new(fields, &granted("PSEUDONYM_KEY")?, &granted("PSEUDONYM_PERIOD")?)
    }

    fn process(&mut self, record: Record<'_>, out: &mut Output) -> Result<(), Failure> {
        let mut record: Map<String, Value> = record.json()?;
        for field in &self.fields {
            let Some(value) = record.get_mut(field) else { continue };
            let address = value.as_str().and_then(|text| text.parse::<IpAddr>().ok());
            // The value is not shown: it may be an address all the same.
            let address = address.ok_or_else(|| Failure::new(format!("field \"{field}\" holds no address")))?;
            *value = self.pseudonym(address).into();
        }
        out.try_emit_with(|buffer| serde_json::to_writer(buffer, &record))?;
        Ok(())
    }
}

impl Pseudonymise {
    fn new(fields: Vec<String>, key: &str, period: &str) -> Result<Self, Failure> {
        if key.len() < KEY_BYTES_MIN {
            return Err(Failure::new(format!("PSEUDONYM_KEY is too short: it needs {KEY_BYTES_MIN} bytes")));
        }
        let mut begun = Hmac::<Sha256>::new_from_slice(key.as_bytes())?;
        begun.update(period.as_bytes());
        // So that no period and address can be read as another two.
        begun.update(&[0]);
        Ok(Self { fields, begun })
    }

    fn pseudonym(&self, address: IpAddr) -> String {
        let mut hash = self.begun.clone();
        // As its bits, however it is written; an address of IPv4 within IPv6 is the one that it holds.
        match address.to_canonical() {
            IpAddr::V4(address) => hash.update(&address.octets()),
            IpAddr::V6(address) => hash.update(&address.octets()),
        }
        let hash = hash.finalize().into_bytes();
        hash.iter().take(SHOWN_BYTES).fold("~".to_owned(), |shown, byte| format!("{shown}{byte:02x}"))
    }
}

sandmill_stage::stage!(impl Pseudonymise);

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "a key for tests: not a secret";

    fn pseudonym(key: &str, period: &str, address: &str) -> String {
        Pseudonymise::new(Vec::new(), key, period).unwrap().pseudonym(address.parse().unwrap())
    }

    #[test]
    fn an_address_has_one_pseudonym_however_it_is_written() {
        let one = pseudonym(KEY, "2026-11", "2001:db8::1");
        assert_eq!(one, pseudonym(KEY, "2026-11", "2001:DB8:0::0:1"));
        assert_eq!(pseudonym(KEY, "2026-11", "192.0.2.1"), pseudonym(KEY, "2026-11", "::ffff:192.0.2.1"));
        assert_eq!(one.len(), 21);
    }

    #[test]
    fn address_key_and_period_all_matter() {
        let one = pseudonym(KEY, "2026-11", "192.0.2.1");
        assert_ne!(one, pseudonym(KEY, "2026-11", "192.0.2.2"));
        assert_ne!(one, pseudonym(KEY, "2026-12", "192.0.2.1"));
        assert_ne!(one, pseudonym("another key for the tests", "2026-11", "192.0.2.1"));
    }

    #[test]
    fn what_is_no_address_fails_without_being_shown() {
        let mut stage = Pseudonymise::new(vec!["ip".to_owned()], KEY, "").unwrap();
        let record = Record { key: b"", value: br#"{"ip":"192.0.2.1 (proxy)"}"# };
        let failure = stage.process(record, &mut Output::default()).unwrap_err();
        assert_eq!(failure.message(), "field \"ip\" holds no address");
    }

    #[test]
    fn a_short_key_is_refused() {
        let refused = Pseudonymise::new(Vec::new(), "short", "").err().unwrap();
        assert_eq!(refused.message(), "PSEUDONYM_KEY is too short: it needs 16 bytes");
    }
}
