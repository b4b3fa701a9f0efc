//! The stage under test of the conformance suite: the same in every language. A record's first character says what it does.

use sandmill_stage::{Failure, Output, Record, Stage, log, stage};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(default)]
    prefix: String,
}

struct Hello {
    prefix: String,
}

impl Stage for Hello {
    type Config = Config;

    fn open(config: Config) -> Result<Self, Failure> {
        Ok(Self { prefix: config.prefix })
    }

    fn process(&mut self, record: Record<'_>, out: &mut Output) -> Result<(), Failure> {
        let value = record.value;
        let rest = value.get(1..).unwrap_or_default();
        match value.first() {
            Some(b'!') => {
                let failure = Failure::new(format!("told to fail: {}", text(value)?));
                return Err(if rest.starts_with(b"?") { failure.retryable() } else { failure });
            }
            Some(b'-') => {}
            Some(b'+') => (0..2).for_each(|_| out.emit(self.upper(rest))),
            Some(b'*') => {
                let count: usize = text(rest)?.parse().map_err(|error| Failure::new(format!("{error}")))?;
                (0..count).for_each(|_| out.emit(self.upper(value)));
            }
            Some(b'@') => {
                let (key, value) = text(rest)?.split_once('=').ok_or_else(|| Failure::new("there is no \"=\""))?;
                out.emit_keyed(key, self.upper(value.as_bytes()));
            }
            Some(b'>') => {
                let (port, value) = text(rest)?.split_once(' ').ok_or_else(|| Failure::new("there is no port"))?;
                let port = port.parse().map_err(|error| Failure::new(format!("{error}")))?;
                out.emit_to(port, self.upper(value.as_bytes()));
            }
            Some(b'~') => odd(text(value)?, out)?,
            _ => out.emit(self.upper(value)),
        }
        Ok(())
    }
}
stage!(impl Hello);

impl Hello {
    fn upper(&self, value: &[u8]) -> Vec<u8> {
        let mut output = Vec::with_capacity(self.prefix.len() + value.len());
        output.extend_from_slice(self.prefix.as_bytes());
        output.extend(value.iter().map(u8::to_ascii_uppercase));
        output
    }
}

fn text(bytes: &[u8]) -> Result<&str, Failure> {
    std::str::from_utf8(bytes).map_err(|error| Failure::new(format!("not UTF-8: {error}")))
}

fn odd(value: &str, out: &mut Output) -> Result<(), Failure> {
    match value {
        "~panic" => panic!("told to panic"),
        "~oom" => std::mem::forget(vec![1_u8; 1 << 31]),
        "~loop" => loop {
            std::hint::spin_loop();
        },
        "~deep" => out.emit(deep(1).to_string()),
        "~exit" => std::process::exit(3),
        "~log" => {
            log::debug!("debug, Straße");
            log::info!("info");
            log::warn!("warn");
            log::error!("error {}", 4);
        }
        "~file" => out.emit(std::fs::read("/etc/passwd").map_err(|error| Failure::new(error.to_string()))?),
        "~env" => out.emit(std::env::var("HOME").map_err(|error| Failure::new(error.to_string()))?),
        _ => out.emit(value),
    }
    Ok(())
}

#[expect(unconditional_recursion, reason = "that is the case")]
fn deep(depth: u64) -> u64 {
    std::hint::black_box([depth; 16]);
    deep(depth + 1) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mark_has_its_fate() {
        let mut hello = sandmill_stage::trial!(impl Hello, r#"{"prefix": "p:"}"#).unwrap();
        let fates = hello.process(["aß", "!x", "-", "+y", "*2", "@k=v", ">1 z"]);
        assert_eq!(fates.texts(), ["p:Aß", "p:Y", "p:Y", "p:*2", "p:*2", "p:V", "p:Z"]);
        assert_eq!(fates.failure(1), Some("told to fail: !x"));
    }
}
