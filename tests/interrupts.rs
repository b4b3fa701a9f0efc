//! Whoever wants a run to end gets it: the first signal drains, the second cuts, and both are bounded in time.

use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tests::command::{BOUND, Sandbox, Seen, finish};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::time::{Instant, timeout};

/// More numbers than any machine counts in the time of a test.
const ENDLESS: &str = r#"
    name = "endless"
    [source]
    kind = "generate"
    what = "numbers"
    records = 1_000_000_000_000
    [[stage]]
    name = "echo"
    component = "guests/echo.wasm"
    [sink]
    kind = "stdout"
"#;

/// Passes on what comes, one by one; says so and spins for hours on what begins with `!`.
const STUCK: &str = r#"
    name = "stuck"
    [source]
    kind = "stdin"
    [[stage]]
    name = "work"
    component = "guests/stuck.wasm"
    workers = 1
    batch = { records = 1 }
    limits = { cpu = "5h", wall = "5h" }
    [sink]
    kind = "stdout"
"#;

/// A run that has begun: its first record has arrived.
struct Begun {
    sandbox: Sandbox,
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    first: String,
}

impl Begun {
    async fn new(pipeline: &str, input: &str) -> Self {
        Self::with(pipeline, input, &[]).await
    }

    async fn with(pipeline: &str, input: &str, more: &[&str]) -> Self {
        let sandbox = Sandbox::new().expect("a sandbox");
        std::fs::write(sandbox.path().join("pipeline.toml"), pipeline).expect("a file");
        let mut command = sandbox.sandmill(&[&["run", "--report", "report.json"], more].concat());
        let mut child = command.stdin(Stdio::piped()).spawn().expect("sandmill");
        let mut stdin = child.stdin.take().expect("piped");
        stdin.write_all(input.as_bytes()).await.expect("it reads");
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut first = String::new();
        timeout(BOUND, stdout.read_line(&mut first)).await.expect("it begins").expect("text");
        Self { sandbox, child, stdin, stdout, first }
    }

    fn send(&self, signal: Signal) {
        let id = self.child.id().expect("it still runs").cast_signed();
        kill_process(Pid::from_raw(id).expect("not zero"), signal).expect("it can be signalled");
    }

    /// Reads standard error up to a line that begins so.
    async fn says(&mut self, beginning: &str) {
        let mut stderr = BufReader::new(self.child.stderr.as_mut().expect("piped"));
        let mut line = String::new();
        while !line.starts_with(beginning) {
            line.clear();
            let read = timeout(BOUND, stderr.read_line(&mut line)).await.expect("it says something").expect("text");
            assert_ne!(read, 0, "it ended without saying \"{beginning}\"");
        }
    }

    /// Waits for its end, with its input still open, and reads its report.
    async fn end(mut self, bound: Duration) -> (Seen, Value, Vec<u8>) {
        let began = Instant::now();
        let mut written = self.first.into_bytes();
        let read = timeout(BOUND, self.stdout.read_to_end(&mut written)).await;
        read.expect("its output ends").expect("it can be read");
        let seen = finish(self.child, bound).await.expect("it ends");
        assert!(began.elapsed() < bound, "it took {:?}: {}", began.elapsed(), seen.stderr);
        drop(self.stdin);
        let report = std::fs::read(self.sandbox.path().join("report.json")).expect("a report");
        (seen, serde_json::from_slice(&report).expect("JSON"), written)
    }
}

/// One of the numbers of the account.
fn account(report: &Value, of: &str) -> u64 {
    report["accounting"][of].as_u64().unwrap_or_else(|| panic!("no {of} in {report}"))
}

fn balances(report: &Value) -> bool {
    let accounted: u64 =
        ["delivered", "dropped", "dead_lettered", "in_flight"].iter().map(|of| account(report, of)).sum();
    account(report, "read") + account(report, "created") == accounted
}

#[tokio::test]
async fn a_drain_that_takes_longer_than_its_grace_is_cut() {
    let mut begun = Begun::with(STUCK, "first\n!\n", &["--grace", "100ms"]).await;
    begun.says("[work/0] info: stuck").await;
    begun.send(Signal::TERM);
    let (seen, report, _) = begun.end(BOUND).await;
    assert_eq!(seen.code, 130, "{}", seen.stderr);
    assert!(seen.stderr.contains("was not finished within 100ms (--grace)"), "{}", seen.stderr);
    assert_eq!(report["ending"], "interrupted", "{report}");
    assert!(balances(&report), "{report}");
}

#[tokio::test]
async fn the_first_signal_drains() {
    for signal in [Signal::INT, Signal::TERM] {
        let begun = Begun::new(ENDLESS, "").await;
        begun.send(signal);
        let (seen, report, written) = begun.end(BOUND).await;
        assert_eq!(seen.code, 130, "{}", seen.stderr);
        assert!(seen.stderr.contains("stopping: finishing what is in flight"), "{}", seen.stderr);
        assert_eq!(report["ending"], "stopped", "{report}");
        assert!(balances(&report), "{report}");
        assert_eq!(account(&report, "in_flight"), 0, "{report}");
        // The account and what has arrived agree: nothing is lost, nothing is cut.
        let lines = written.iter().filter(|byte| **byte == b'\n').count() as u64;
        assert_eq!(lines, account(&report, "delivered"), "{report}");
        assert!(written.ends_with(b"\n"));
    }
}

#[tokio::test]
async fn the_second_signal_stops_at_once() {
    for signal in [Signal::INT, Signal::TERM] {
        let mut begun = Begun::new(STUCK, "one\n!two\n").await;
        begun.says("[work/0] info: stuck").await;
        begun.send(signal);
        begun.says("stopping: finishing").await;
        begun.send(signal);
        let (seen, report, written) = begun.end(Duration::from_secs(5)).await;
        assert_eq!(seen.code, 130, "{}", seen.stderr);
        assert!(seen.stderr.contains("stopping at once"), "{}", seen.stderr);
        assert_eq!(report["ending"], "interrupted", "{report}");
        assert!(balances(&report), "{report}");
        // A write that is under way when the run is cut counts as in flight, though it may have arrived.
        assert_eq!(account(&report, "delivered") + account(&report, "in_flight"), 2, "{report}");
        assert_eq!(written, b"one\n");
    }
}

#[tokio::test]
async fn a_source_that_never_ends_does_not_hold_up_a_stop() {
    for signal in [Signal::INT, Signal::TERM] {
        let begun = Begun::new(STUCK, "one\n").await;
        begun.send(signal);
        let (seen, report, written) = begun.end(Duration::from_secs(2)).await;
        assert_eq!(seen.code, 130, "{}", seen.stderr);
        assert_eq!(report["ending"], "stopped", "{report}");
        assert_eq!((account(&report, "read"), account(&report, "in_flight")), (1, 0), "{report}");
        assert_eq!(written, b"one\n");
    }
}

#[tokio::test]
async fn the_report_on_standard_output_parses_and_balances() {
    let sandbox = Sandbox::new().expect("a sandbox");
    let pipeline = ENDLESS.replace("1_000_000_000_000", "1_000").replace("\"stdout\"", "\"null\"");
    std::fs::write(sandbox.path().join("pipeline.toml"), pipeline).expect("a file");
    let seen = sandbox.run("sandmill run --json").await.expect("it ends");
    assert_eq!((seen.code, seen.stderr.as_str()), (0, ""));
    let report: Value = serde_json::from_str(&seen.stdout).expect("JSON");
    assert!(balances(&report), "{report}");
    assert_eq!((account(&report, "read"), account(&report, "delivered")), (1_000, 1_000), "{report}");
}
