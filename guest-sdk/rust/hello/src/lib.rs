//! The stage under test of the conformance suite: the same in every language. A record's first character says what it does.

use sandmill_stage::{Failure, Flush, Output, Record, Stage, eprintln, log, print, println, stage};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    limit: i64,
}

struct Hello {
    config: Config,
    /// How many records the instance has seen, and how many it keeps until its end.
    seen: usize,
    kept: usize,
    is_spoilt: bool,
}

impl Stage for Hello {
    type Config = Config;

    fn open(config: Config) -> Result<Self, Failure> {
        Ok(Self { config, seen: 0, kept: 0, is_spoilt: false })
    }

    fn process(&mut self, record: Record<'_>, out: &mut Output) -> Result<(), Failure> {
        self.seen += 1;
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
                let count: usize = text(rest)?.parse()?;
                (0..count).for_each(|_| out.emit(self.upper(value)));
            }
            Some(b'@') => {
                let (key, value) = text(rest)?.split_once('=').ok_or("there is no \"=\"")?;
                out.emit_keyed(key, self.upper(value.as_bytes()));
            }
            Some(b'>') => {
                let (port, value) = text(rest)?.split_once(' ').ok_or("there is no port")?;
                out.emit_to(port.parse()?, self.upper(value.as_bytes()));
            }
            Some(b'~') => self.odd(text(value)?, out)?,
            _ => out.emit(self.upper(value)),
        }
        Ok(())
    }
}

impl Flush for Hello {
    fn flush(&mut self, out: &mut Output) -> Result<(), Failure> {
        if self.is_spoilt {
            return Err("told to fail at the end".into());
        }
        (1..=self.kept).for_each(|number| out.emit_keyed("kept", number.to_string()));
        Ok(())
    }
}
stage!(impl Hello);

impl Hello {
    fn upper(&self, value: &[u8]) -> Vec<u8> {
        let prefix = self.config.prefix.as_bytes();
        let mut output = Vec::with_capacity(prefix.len() + value.len());
        output.extend_from_slice(prefix);
        output.extend(value.iter().map(u8::to_ascii_uppercase));
        output
    }

    /// What concerns the instance, and failures of all kinds.
    fn odd(&mut self, value: &str, out: &mut Output) -> Result<(), Failure> {
        match value {
            "~keep" => self.kept += 1,
            "~spoil" => self.is_spoilt = true,
            "~count" => out.emit(self.seen.to_string()),
            "~limit" => out.emit(self.config.limit.to_string()),
            "~both" => {
                out.emit("lost");
                return Err("emitted, then failed".into());
            }
            "~nothing" => return Err("".into()),
            "~long" => return Err("x".repeat(1_000_000).into()),
            "~nul" => return Err("a\0b".into()),
            _ => {
                reach_out(value, out)?;
                speak(value);
                break_it(value, out);
                out.emit(value);
            }
        }
        Ok(())
    }
}

fn text(bytes: &[u8]) -> Result<&str, Failure> {
    std::str::from_utf8(bytes).map_err(|error| Failure::new(format!("not UTF-8: {error}")))
}

fn speak(value: &str) {
    match value {
        "~print" => {
            println!("printed, Straße");
            eprintln!("to stderr");
            print!("no end");
        }
        "~log" => {
            log::debug!("debug, Straße");
            log::info!("info");
            log::warn!("warn");
            log::error!("error {}", 4);
        }
        _ => {}
    }
}

fn reach_out(value: &str, out: &mut Output) -> Result<(), Failure> {
    match value {
        "~file" => out.emit(std::fs::read("/etc/passwd")?),
        "~env" => out.emit(std::env::var("HOME")?),
        "~beside" => drop(std::thread::Builder::new().spawn(|| {})?),
        _ => {}
    }
    Ok(())
}

/// What ends the instance.
fn break_it(value: &str, out: &mut Output) {
    match value {
        "~panic" => panic!("told to panic"),
        "~oom" => std::mem::forget(vec![1_u8; 1 << 31]),
        "~loop" => loop {
            std::hint::spin_loop();
        },
        "~deep" => out.emit(deep(1).to_string()),
        "~exit" => std::process::exit(3),
        _ => {
            if let Some(then) = value.strip_prefix("~last ") {
                print!("last words");
                break_it(then, out);
            }
        }
    }
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
        hello.process(["~keep", "~keep"]);
        assert_eq!(hello.flush().unwrap().texts(), ["1", "2"]);
    }
}
