//! Masks personal data in JSON records: the last parts of IP addresses, e-mail addresses, and tokens in paths and
//! queries. Everything else stays as it is written.
//!
//! In a text, what stands between two of `/ ? & = # ; ,` and spaces is masked as a whole when it is an e-mail address
//! (its `@` may be written `%40`), a JSON web token, a long text that looks random, or the value of a parameter whose
//! name is listed.
//!
//! | config | default | |
//! |---|---|---|
//! | `ip_fields` | `["ip"]` | fields that hold an address; one that holds something else is masked as a whole |
//! | `text_fields` | `["path", "referer"]` | fields to search for e-mail addresses and tokens |
//! | `ip_parts` | 2 | how many of an address's first parts to keep |
//! | `tokens` | `token`, `access_token`, `key`, `api_key`, `session`, `password`, … | parameters whose values are secret |
//! | `token_length` | 20 | from which length a text may be a token, bytes |

mod mask;

use std::str;

use flat_json::{Member, Members, quoted, write_string};
use sandmill_stage::{Failure, Output, Record, Stage};
use serde::Deserialize;

use crate::mask::{TextMask, mask_ip};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    ip_fields: Vec<String>,
    text_fields: Vec<String>,
    ip_parts: usize,
    tokens: Vec<String>,
    token_length: usize,
}

impl Default for Config {
    fn default() -> Self {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Self {
            ip_fields: owned(&["ip"]),
            text_fields: owned(&["path", "referer"]),
            ip_parts: 2,
            tokens: owned(&[
                "token",
                "access_token",
                "auth",
                "key",
                "api_key",
                "apikey",
                "session",
                "sid",
                "password",
                "secret",
                "code",
            ]),
            token_length: 20,
        }
    }
}

struct MaskPersonalData {
    ip_fields: Vec<String>,
    text_fields: Vec<String>,
    ip_parts: usize,
    text: TextMask,
}

impl Stage for MaskPersonalData {
    type Config = Config;

    fn open(config: Config) -> Result<Self, Failure> {
        let Config { ip_fields, text_fields, ip_parts, tokens, token_length } = config;
        Ok(Self { ip_fields, text_fields, ip_parts, text: TextMask { tokens, token_length } })
    }

    fn process(&mut self, record: Record<'_>, out: &mut Output) -> Result<(), Failure> {
        out.try_emit_with(|buffer| self.mask(record.value, buffer))
    }
}

impl MaskPersonalData {
    /// Copies the record, except the values of the fields that are masked.
    fn mask(&self, record: &[u8], buffer: &mut Vec<u8>) -> Result<(), Failure> {
        let mut copied = 0;
        for member in Members::of(record) {
            let member = member?;
            let listed = |names: &[String]| names.iter().any(|name| name.as_bytes() == member.name);
            let is_ip = listed(&self.ip_fields);
            if !is_ip && !listed(&self.text_fields) {
                continue;
            }
            let Some(text) = quoted(member.value) else { continue };
            buffer.extend_from_slice(record.get(copied..member.at).unwrap_or_default());
            self.write_masked(buffer, is_ip, member, text)?;
            copied = member.at + member.value.len();
        }
        buffer.extend_from_slice(record.get(copied..).unwrap_or_default());
        Ok(())
    }

    fn write_masked(&self, buffer: &mut Vec<u8>, is_ip: bool, member: Member<'_>, text: &[u8]) -> Result<(), Failure> {
        let mask = |text: &str, buffer: &mut Vec<u8>| {
            if is_ip { mask_ip(text, self.ip_parts, buffer) } else { self.text.mask(text, buffer) }
        };
        if text.contains(&b'\\') {
            // An escape could hide what is to be masked, or be torn apart: work on what it stands for.
            let text: String = serde_json::from_slice(member.value)?;
            let mut masked = Vec::with_capacity(text.len());
            mask(&text, &mut masked);
            write_string(buffer, &masked);
            return Ok(());
        }
        buffer.push(b'"');
        mask(str::from_utf8(text)?, buffer);
        buffer.push(b'"');
        Ok(())
    }
}

sandmill_stage::stage!(impl MaskPersonalData);

#[cfg(test)]
mod tests {
    use super::*;
    use sandmill_stage::trial;

    #[test]
    fn only_the_listed_fields_change() {
        let record = r#"{"ip":"203.0.113.7", "status":200,"path":"/u/ada@example.com","agent":"ada@example.com","referer":null}"#;
        let masked = r#"{"ip":"203.0.0.0", "status":200,"path":"/u/***","agent":"ada@example.com","referer":null}"#;
        assert_eq!(trial!(impl MaskPersonalData).unwrap().process([record]).texts(), [masked]);
        let config = r#"{"ip_fields": [], "text_fields": ["agent"]}"#;
        let fates = trial!(impl MaskPersonalData, config).unwrap().process([record]);
        assert!(fates.texts()[0].contains(r#""ip":"203.0.113.7""#) && fates.texts()[0].contains(r#""agent":"***""#));
    }

    #[test]
    fn escapes_hide_nothing_and_are_not_torn_apart() {
        let record = r#"{"path":"/\u0061da@example.com/\"x\"/\nbob@example.com"}"#;
        let fates = trial!(impl MaskPersonalData).unwrap().process([record]);
        assert_eq!(fates.texts(), [r#"{"path":"/***/\"x\"/\n***"}"#]);
    }

    #[test]
    fn a_record_that_is_no_object_fails_and_leaves_nothing_behind() {
        let fates = trial!(impl MaskPersonalData).unwrap().process([r#"{"ip":"1.2.3.4""#, r#"{"ip":"1.2.3.4"}"#]);
        assert_eq!(fates.texts(), [r#"{"ip":"1.2.0.0"}"#]);
        assert!(fates.failure(0).is_some());
    }
}
