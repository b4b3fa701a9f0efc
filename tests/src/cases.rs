//! Cases in files: commands, what they must say, and how they must end.
//!
//! A case is a file `NAME.toml`. Its first lines say what is run and how it ends; the rest, if there is one, is the
//! `pipeline.toml` that it is run on, in a [`Sandbox`]:
//!
//! ```text
//! # $ printf 'one\ntwo\n' > in.txt
//! # $ sandmill run
//! # ? 3
//!
//! name = "…"
//! ```
//!
//! `# ?` is the exit code of the command above it, 0 where it is left out. What the commands write, one after the other, is
//! in `NAME.stdout` and `NAME.stderr`; no such file: nothing. `[..]` there stands for any text within a line, `...` for
//! any lines; the placeholders are those of [`redactions`]. `BLESS=1` writes codes and files anew.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use regex::Regex;
use snapbox::{Assert, Data, Redactions};

use crate::command::{Sandbox, Seen};
use crate::parts;

/// Where a case is, and what it says.
#[derive(Debug)]
pub struct Case {
    path: PathBuf,
    commands: Vec<Command>,
    pipeline: String,
}

#[derive(Debug)]
struct Command {
    line: String,
    code: i32,
}

impl Case {
    /// Reads one.
    ///
    /// # Errors
    /// When the file cannot be read, or has no command.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path)?;
        let mut commands: Vec<Command> = Vec::new();
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next_if(|line| line.starts_with("# $ ") || line.starts_with("# ? ")) {
            if let Some(line) = line.strip_prefix("# $ ") {
                commands.push(Command { line: line.to_owned(), code: 0 });
            } else if let (Some(code), Some(command)) = (line.strip_prefix("# ? "), commands.last_mut()) {
                command.code = code.parse().with_context(|| format!("{}: exit code {code:?}", path.display()))?;
            }
        }
        ensure!(!commands.is_empty(), "{}: the first line must be a command: # $ …", path.display());
        let pipeline: Vec<&str> = lines.collect();
        Ok(Self { path: path.to_owned(), commands, pipeline: pipeline.join("\n").trim_start().to_owned() })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default()
    }

    /// Runs the case. Gives what is not as it should be, if anything; with `bless`, makes that what it should be.
    ///
    /// # Errors
    /// When it cannot be run, or a command of it hangs.
    pub async fn run(&self, bless: bool) -> Result<Option<String>> {
        let sandbox = Sandbox::new()?;
        self.furnish(&sandbox)?;
        let mut seen = Vec::new();
        for command in &self.commands {
            seen.push(sandbox.run(&command.line).await?);
        }
        let codes = self.codes(&seen, bless)?;
        let assert = Assert::new().normalize_paths(false).redact_with(redactions(sandbox.path())?);
        let joined = |part: fn(&Seen) -> &str| seen.iter().map(part).collect::<String>();
        let stdout = self.output(&assert, "stdout", joined(|seen| &seen.stdout), bless)?;
        let stderr = self.output(&assert, "stderr", joined(|seen| &seen.stderr), bless)?;
        let wrong = codes + &stdout + &stderr;
        Ok((!wrong.is_empty()).then(|| format!("{}\n{wrong}", self.path.display())))
    }

    fn furnish(&self, sandbox: &Sandbox) -> Result<()> {
        if !self.pipeline.is_empty() {
            fs::write(sandbox.path().join("pipeline.toml"), format!("{}\n", self.pipeline))?;
        }
        for stage in Regex::new(r"stages/([a-z-]+)\.wasm")?.captures_iter(&self.pipeline) {
            parts::stage_into(sandbox.path(), &stage[1])?;
        }
        Ok(())
    }

    fn codes(&self, seen: &[Seen], bless: bool) -> Result<String> {
        let pairs = || self.commands.iter().zip(seen);
        if pairs().all(|(command, seen)| command.code == seen.code) {
            return Ok(String::new());
        }
        if bless {
            let mut text = String::new();
            for (command, seen) in pairs() {
                text.push_str(&format!("# $ {}\n", command.line));
                if seen.code != 0 {
                    text.push_str(&format!("# ? {}\n", seen.code));
                }
            }
            if !self.pipeline.is_empty() {
                text.push_str(&format!("\n{}\n", self.pipeline));
            }
            fs::write(&self.path, text)?;
            return Ok(String::new());
        }
        let wrong = pairs().filter(|(command, seen)| command.code != seen.code).map(|(command, seen)| {
            format!("`{}` exited with {}, not {}\n{}", command.line, seen.code, command.code, seen.stderr)
        });
        Ok(wrong.collect())
    }

    /// The difference between what was written and what should have been.
    fn output(&self, assert: &Assert, ending: &str, actual: String, bless: bool) -> Result<String> {
        let path = self.path.with_extension(ending);
        let expected = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error.into()),
        };
        let (actual, expected) = assert.normalize(Data::text(actual), Data::text(expected));
        if actual.to_bytes()? == expected.to_bytes()? {
            return Ok(String::new());
        }
        if bless {
            match actual.to_bytes()? {
                text if text.is_empty() => fs::remove_file(&path)?,
                text => fs::write(&path, text)?,
            }
            return Ok(String::new());
        }
        let mut difference = String::new();
        let (is, should_be) = (format!("the {ending} of this run"), path.display().to_string());
        let palette = snapbox::report::Palette::plain();
        snapbox::report::write_diff(&mut difference, &expected, &actual, Some(&should_be), Some(&is), palette)?;
        Ok(difference)
    }
}

/// What varies from run to run, and what stands for it.
fn redactions(sandbox: &Path) -> Result<Redactions> {
    let mut redactions = Redactions::new();
    redactions.insert("[SANDBOX]", sandbox.display().to_string())?;
    // With the room before it: the columns of a table are as wide as what is in them.
    // And with the speed after it, and the line of latency, which a short run does not have.
    let speed = r"(?:, [\d,]+ records/s(?:, [\d.]+ [KMG]?i?B/s)?(?:\nlatency: [^\n]*)?)?";
    let duration = Regex::new(&format!(r"(?<redacted>(?: {{2,}})?\b\d+(?:\.\d+)? (?:µs|ms|s){speed})\b"))?;
    redactions.insert("[DURATION]", duration)?;
    redactions.insert("[HASH]", Regex::new(r"\b(?<redacted>[0-9a-f]{64})\b")?)?;
    let latency = Regex::new(r#""latency_seconds":(?<redacted>\{[^}]*\})"#)?;
    redactions.insert("[LATENCY]", latency)?;
    redactions.insert("[SECONDS]", Regex::new(r#""(?:time|\w+_seconds)":(?<redacted>[\d.e-]+)"#)?)?;
    // Which node is the busiest in a run of milliseconds is chance.
    redactions.insert("[BOTTLENECK]", Regex::new(r#""bottleneck":(?<redacted>null|\{[^}]*\})"#)?)?;
    Ok(redactions)
}
