//! Runs a compiler: passes its output on line by line, and ends it when the build is stopped.

use std::io::{BufRead as _, BufReader, Read};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

use super::stop::Stop;
use super::talk::Talk;
use sandmill_engine::error::{Error, ErrorKind, Result};

/// Lines that are kept for the error. A compiler says the most important ones first.
const LINES_KEPT_MAX: usize = 2_000;
/// What is kept of a line: one that is longer is a program's own text, not a message.
const LINE_BYTES_MAX: usize = 4_096;

/// What a run came to.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) succeeded: bool,
    /// What it said, on either pipe.
    pub(super) said: Vec<String>,
}

/// Runs `command` in a process group of its own, to its end.
///
/// # Errors
/// When it cannot be started, or the build was stopped.
pub(super) fn run(mut command: Command, stop: &Stop, talk: &mut dyn Talk) -> Result<Done> {
    let program = command.get_program().to_string_lossy().into_owned();
    let failed = |error: std::io::Error| Error::config(format!("\"{program}\" cannot be run")).caused_by(error);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = command.spawn().map_err(failed)?;
    let watched = stop.watch(child.id());
    let said = listen(&mut child, talk);
    drop(watched);
    let status = child.wait().map_err(failed)?;
    if stop.is_stopped() {
        return Err(Error::new(ErrorKind::Cancelled, "the build was stopped"));
    }
    Ok(Done { succeeded: status.success(), said })
}

/// Both pipes are read at once: a program stands still when either is full.
fn listen(child: &mut Child, talk: &mut dyn Talk) -> Vec<String> {
    // Lines that wait to be shown; a compiler that is faster than the terminal waits.
    let (sender, lines) = mpsc::sync_channel(64);
    let pipes: [Option<Box<dyn Read + Send>>; 2] = [
        child.stdout.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>),
        child.stderr.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>),
    ];
    for pipe in pipes.into_iter().flatten() {
        let sender = sender.clone();
        std::thread::spawn(move || pass_on(pipe, &sender));
    }
    drop(sender);
    let mut said = Vec::new();
    for line in lines {
        talk.say(&line);
        if said.len() < LINES_KEPT_MAX {
            said.push(line);
        }
    }
    said
}

fn pass_on(pipe: Box<dyn Read + Send>, lines: &mpsc::SyncSender<String>) {
    let mut reader = BufReader::new(pipe);
    let mut line = Vec::new();
    while reader.by_ref().take(1 << 20).read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        let kept = line.get(..LINE_BYTES_MAX).unwrap_or(&line);
        let text = String::from_utf8_lossy(kept).trim_end_matches(['\n', '\r']).to_owned();
        if lines.send(text).is_err() {
            return;
        }
        line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn all_that_a_compiler_says_is_passed_on_and_kept() {
        let mut heard = Vec::new();
        let script = "i=0; while [ $i -lt 500 ]; do echo out $i; echo err $i >&2; i=$((i+1)); done; exit 3";
        let done = run(shell(script), &Stop::default(), &mut |line: &str| heard.push(line.to_owned())).unwrap();
        assert!(!done.succeeded);
        assert_eq!((heard.len(), &done.said), (1_000, &heard));
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let error = run(Command::new("/no/such/compiler"), &Stop::default(), &mut |_: &str| {}).unwrap_err();
        assert_eq!(error.to_string(), "\"/no/such/compiler\" cannot be run");
    }

    #[test]
    fn a_build_that_was_stopped_says_so() {
        let stop = Stop::default();
        stop.stop();
        let error = run(shell("sleep 600"), &stop, &mut |_: &str| {}).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled);
    }
}
