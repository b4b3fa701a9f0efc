//! Drops the requests of bots and health checks from the JSON that `parse-access-log` makes. The others go on as they are.
//!
//! | config | default | dropped |
//! |---|---|---|
//! | `agents` | `bot`, `crawler`, `spider`, `probe`, `healthcheck` | agents that contain one, in upper or lower case |
//! | `paths` | `/health`, `/healthz`, `/livez`, `/ready`, `/readyz`, `/ping` | paths that are one, whatever their query |
//! | `no_agent` | `false` | requests without an agent |

use flat_json::{Members, NoObject, quoted};
use memchr::memmem::Finder;
use sandmill_stage::{Failure, Output, Record, Stage};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    agents: Vec<String>,
    paths: Vec<String>,
    no_agent: bool,
}

impl Default for Config {
    fn default() -> Self {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Self {
            agents: owned(&["bot", "crawler", "spider", "probe", "healthcheck"]),
            paths: owned(&["/health", "/healthz", "/livez", "/ready", "/readyz", "/ping"]),
            no_agent: false,
        }
    }
}

struct DropBots {
    agents: Vec<Finder<'static>>,
    paths: Vec<String>,
    no_agent: bool,
    /// The agent in hand, in lower case.
    agent: Vec<u8>,
}

impl Stage for DropBots {
    type Config = Config;

    fn open(config: Config) -> Result<Self, Failure> {
        if config.agents.iter().any(String::is_empty) {
            return Err("config.agents: every agent contains the empty text".into());
        }
        let finder = |agent: &String| Finder::new(agent.to_ascii_lowercase().as_bytes()).into_owned();
        Ok(Self {
            agents: config.agents.iter().map(finder).collect(),
            paths: config.paths,
            no_agent: config.no_agent,
            agent: Vec::new(),
        })
    }

    fn process(&mut self, record: Record<'_>, out: &mut Output) -> Result<(), Failure> {
        if !self.is_automatic(record.value)? {
            out.emit(record.value);
        }
        Ok(())
    }
}

impl DropBots {
    fn is_automatic(&mut self, request: &[u8]) -> Result<bool, NoObject> {
        let (mut path, mut agent) = (None, None);
        for member in Members::of(request) {
            let member = member?;
            match member.name {
                b"path" => path = quoted(member.value),
                b"agent" => agent = quoted(member.value),
                _ => {}
            }
        }
        Ok(path.is_some_and(|path| self.is_check(path)) || agent.map_or(self.no_agent, |agent| self.is_bot(agent)))
    }

    fn is_check(&self, path: &[u8]) -> bool {
        let path = path.split(|byte| *byte == b'?').next().unwrap_or_default();
        self.paths.iter().any(|check| check.as_bytes() == path)
    }

    fn is_bot(&mut self, agent: &[u8]) -> bool {
        self.agent.clear();
        self.agent.extend_from_slice(agent);
        self.agent.make_ascii_lowercase();
        self.agents.iter().any(|bot| bot.find(&self.agent).is_some())
    }
}

sandmill_stage::stage!(impl DropBots);

#[cfg(test)]
mod tests {
    use super::*;
    use sandmill_stage::trial;

    #[test]
    fn bots_and_health_checks_are_dropped_and_people_go_on() {
        let person = r#"{"path":"/healthy-food","agent":"Mozilla/5.0"}"#;
        let unknown = r#"{"path":"/","agent":null}"#;
        let requests = [
            person,
            r#"{"path":"/","agent":"GoogleBOT/2.1"}"#,
            r#"{"path":"/healthz?verbose=1","agent":"Mozilla/5.0"}"#,
            unknown,
        ];
        assert_eq!(trial!(impl DropBots).unwrap().process(requests).texts(), [person, unknown]);
        let strict = trial!(impl DropBots, r#"{"no_agent": true, "paths": []}"#).unwrap().process(requests);
        assert_eq!(strict.texts(), [person, requests[2]]);
    }

    #[test]
    fn a_record_that_is_no_object_fails() {
        let fates = trial!(impl DropBots).unwrap().process(["GET /"]);
        assert_eq!(fates.failure(0), Some("the record is no JSON object: byte 0 is not what may stand there"));
    }

    #[test]
    fn an_agent_that_would_drop_everything_is_refused() {
        assert!(trial!(impl DropBots, r#"{"agents": [""]}"#).is_err());
    }
}
