//! Makes JSON of a web server's access log: the *combined* format of Apache and nginx, or the *common* one, which has
//! neither referer nor agent.
//!
//! A line becomes `{"ip", "time", "hour", "method", "path", "status", "bytes", "referer", "agent"}`: time as in
//! `2025-10-10T13:55:36+00:00`, hour as in `2025-10-10T13:00`, both in the log's own time zone; status and bytes as
//! numbers; referer and agent `null` where the log has `-`. A line that is broken fails, with what was expected.
//!
//! | config | default | |
//! |---|---|---|
//! | `fields` | all | which of the fields to write |
//! | `strip_query` | `false` | cut the path at the first `?` |

use access_log::{Field, Line};
use sandmill_stage::{Failure, Output, Record, Stage};
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    fields: Option<Vec<Field>>,
    strip_query: bool,
}

struct ParseAccessLog {
    fields: Vec<Field>,
    strip_query: bool,
}

impl Stage for ParseAccessLog {
    type Config = Config;

    fn open(config: Config) -> Result<Self, Failure> {
        let fields = config.fields.unwrap_or_else(|| Field::ALL.to_vec());
        if fields.is_empty() {
            return Err("config.fields: an object without fields says nothing".into());
        }
        Ok(Self { fields, strip_query: config.strip_query })
    }

    fn process(&mut self, record: Record<'_>, out: &mut Output) -> Result<(), Failure> {
        let line = record.value.trim_ascii_end();
        let is_plain = access_log::is_plain(line);
        if !is_plain {
            record.text()?;
        }
        let mut line = Line::parse(line, is_plain)?;
        if self.strip_query {
            line.path = line.path.split(|byte| *byte == b'?').next().unwrap_or_default();
        }
        out.emit_with(|buffer| access_log::write(&line, &self.fields, buffer));
        Ok(())
    }
}

sandmill_stage::stage!(impl ParseAccessLog);

#[cfg(test)]
mod tests {
    use super::*;
    use sandmill_stage::trial;

    const LINE: &str = r#"203.0.113.7 - ada [10/Oct/2025:13:55:36 +0200] "GET /cart?item=7 HTTP/1.1" 200 2326 "https://example.com/" "Mozilla/5.0 (X11; \"Linux\")""#;

    #[test]
    fn a_line_becomes_an_object() {
        let fates = trial!(impl ParseAccessLog).unwrap().process([LINE]);
        let expected = r#"{"ip":"203.0.113.7","time":"2025-10-10T13:55:36+02:00","hour":"2025-10-10T13:00","method":"GET","path":"/cart?item=7","status":200,"bytes":2326,"referer":"https://example.com/","agent":"Mozilla/5.0 (X11; \\\"Linux\\\")"}"#;
        assert_eq!(fates.texts(), [expected]);
        assert!(serde_json::from_str::<serde_json::Value>(expected).is_ok());
    }

    #[test]
    fn fields_and_query_are_for_the_configuration_to_choose() {
        let config = r#"{"fields": ["path", "status"], "strip_query": true}"#;
        let fates = trial!(impl ParseAccessLog, config).unwrap().process([LINE]);
        assert_eq!(fates.texts(), [r#"{"path":"/cart","status":200}"#]);
        let refused = trial!(impl ParseAccessLog, r#"{"fields": ["pth"]}"#).unwrap_err();
        assert!(refused.message().starts_with("config.fields[0]"), "{}", refused.message());
        assert!(trial!(impl ParseAccessLog, r#"{"fields": []}"#).is_err());
    }

    #[test]
    fn the_common_format_has_neither_referer_nor_agent() {
        let line = r#"::1 - - [01/Jan/2025:00:00:00 -0330] "HEAD / HTTP/2" 304 -"#;
        let config = r#"{"fields": ["time", "bytes", "referer", "agent"]}"#;
        let fates = trial!(impl ParseAccessLog, config).unwrap().process([line]);
        let expected = r#"{"time":"2025-01-01T00:00:00-03:30","bytes":0,"referer":null,"agent":null}"#;
        assert_eq!(fates.texts(), [expected]);
    }

    #[test]
    fn a_broken_line_fails_and_says_what_was_expected() {
        let lines = ["", "GET /", &LINE[..60], &LINE.replace("200 ", "2x0 "), LINE];
        let fates = trial!(impl ParseAccessLog).unwrap().process(lines);
        assert_eq!(fates.failure(0), Some("no line of an access log: it is empty"));
        assert_eq!(fates.failure(1), Some("no line of an access log: expected [time] behind the user"));
        assert_eq!(fates.failure(2), Some("no line of an access log: the request has no closing quote"));
        assert_eq!(fates.failure(3), Some("no line of an access log: the status is not three digits"));
        assert_eq!(fates.outputs[0].origin, Some(4));
    }

    #[test]
    fn a_line_may_hold_any_text_but_nothing_that_is_none() {
        let line = LINE.replace("/cart?item=7", "/caf\u{e9}?\t").replace("203.0.113.7", "a\"b");
        let fates = trial!(impl ParseAccessLog, r#"{"fields": ["ip", "path"]}"#)
            .unwrap()
            .process([line.as_bytes(), b"1.2.3.4 - - [\xff"]);
        assert_eq!(fates.texts(), ["{\"ip\":\"a\\\"b\",\"path\":\"/caf\u{e9}?\\t\"}"]);
        let expected = "the record is not UTF-8: byte 0xff at offset 13 starts no character";
        assert_eq!(fates.failure(1), Some(expected));
    }
}
