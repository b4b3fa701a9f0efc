//! Somebody stops the process for a while (Ctrl-Z, `docker pause`) and lets it continue: no record pays for that.

use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tests::command::{BOUND, Sandbox, finish};
use tests::parts;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

/// All times of a request. Whoever looks may be late by a second on a busy machine.
const LIMIT: Duration = Duration::from_secs(3);

fn pipeline(port: u16) -> String {
    format!(
        r#"
        name = "stopped"
        [source]
        kind = "stdin"
        [[stage]]
        name = "ask"
        component = "stages/reach-http.wasm"
        limits = {{ wall = "3s", exchange = "3s" }}
        grant = {{ http = ["http://127.0.0.1:{port}"] }}
        [sink]
        kind = "stdout"
        "#
    )
}

/// A request that has come, with nothing said in return.
async fn asked(listener: &TcpListener) -> TcpStream {
    let (mut stream, _) = listener.accept().await.expect("a request");
    let mut head = [0; 4096];
    assert_ne!(stream.read(&mut head).await.expect("its head"), 0);
    stream
}

/// Fails where a limit counts the clock on the wall: `took 4s; limits.wall allows 3s`, or the request's own timeout.
#[tokio::test]
async fn time_in_which_the_process_is_stopped_counts_against_no_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let sandbox = Sandbox::new().expect("a sandbox");
    parts::stage_into(sandbox.path(), "reach-http").expect("a guest");
    let port = listener.local_addr().expect("it listens").port();
    std::fs::write(sandbox.path().join("pipeline.toml"), pipeline(port)).expect("a file");
    std::fs::write(sandbox.path().join("input"), format!("get http://127.0.0.1:{port}/\n")).expect("a file");
    let input = std::fs::File::open(sandbox.path().join("input")).expect("a file");
    let child = sandbox.sandmill(&["run", "--report", "report.json"]).stdin(Stdio::from(input)).spawn();
    let child = child.expect("sandmill");
    let id = Pid::from_raw(child.id().expect("it runs").cast_signed()).expect("not zero");

    let mut waits = timeout(BOUND, asked(&listener)).await.expect("it asks");
    // In the middle of the exchange, and of the call that waits for it.
    kill_process(id, Signal::STOP).expect("it can be stopped");
    sleep(LIMIT + Duration::from_secs(1)).await;
    kill_process(id, Signal::CONT).expect("it can continue");
    // Whatever has fired for the time between has done so by now.
    sleep(Duration::from_millis(200)).await;
    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello";
    waits.write_all(answer).await.expect("it listens");

    let seen = finish(child, BOUND).await.expect("it ends");
    assert_eq!((seen.code, seen.stdout.as_str()), (0, "200 hello\n"), "{}", seen.stderr);
    let report = std::fs::read(sandbox.path().join("report.json")).expect("a report");
    let report: Value = serde_json::from_slice(&report).expect("JSON");
    assert_eq!(report["accounting"]["delivered"], 1, "{report}");
    let seconds = |of: &str| report[of].as_f64().expect("a number");
    assert!(seconds("stopped_seconds") >= LIMIT.as_secs_f64(), "{report}");
    assert!(seconds("elapsed_seconds") < LIMIT.as_secs_f64(), "{report}");
}
