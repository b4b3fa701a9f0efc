//! A disk that is full: the run says so, is tried again for a while, ends drained and resumable, and goes on once there is
//! room, with every record where it belongs, once.

use std::fmt::Write as _;
use std::fs;

use rusqlite::Connection;
use tests::command::{Sandbox, Seen};

/// Some 3 MB of output.
const RECORDS: u32 = 30_000;

fn sandbox(sink: &str) -> Sandbox {
    let sandbox = Sandbox::new().expect("a sandbox");
    let input = (0..RECORDS).fold(String::new(), |mut text, id| {
        writeln!(text, "{{\"id\":{id},\"text\":\"{}\"}}", "x".repeat(80)).expect("memory");
        text
    });
    fs::write(sandbox.path().join("in.jsonl"), input).expect("a folder of our own");
    let pipeline = format!(
        r#"
        name = "p"
        source = {{ kind = "file", path = "../in.jsonl", format = "jsonl" }}
        state.checkpoint = {{ every = "10ms" }}
        {sink}
        [[stage]]
        name = "echo"
        component = "../guests/echo.wasm"
        batch.records = 100
        "#
    );
    fs::create_dir(sandbox.path().join("disk")).expect("a folder of our own");
    fs::write(sandbox.path().join("pipeline.toml"), pipeline).expect("a folder of our own");
    sandbox
}

/// A disk of 1 MB, then one of 64, in a name space of its own; what is on it at last is brought out.
const ON_A_SMALL_DISK: &str = r#"
    mount -t tmpfs -o size=1m tmpfs disk && cp pipeline.toml disk/ && cd disk || exit 99
    sandmill run --report ../report.json; first=$?
    mount -o remount,size=64m tmpfs . || exit 99
    sandmill run; second=$?
    cp out.* ..
    echo "ended $first, then $second"
"#;

/// A quota of 1 MB a file, then none.
const WITH_A_QUOTA: &str = r#"
    cp pipeline.toml disk/ && cd disk || exit 99
    (ulimit -f 2000; sandmill run --report ../report.json); first=$?
    sandmill run; second=$?
    cp out.* ..
    echo "ended $first, then $second"
"#;

/// Whether this user may mount a disk.
async fn may_mount(sandbox: &Sandbox) -> bool {
    let line = "unshare -rm sh -c 'mount -t tmpfs -o size=1m tmpfs disk && mount -o remount,size=2m tmpfs disk'";
    sandbox.run(line).await.is_ok_and(|seen| seen.code == 0)
}

async fn goes_on(sink: &str, check: impl Fn(&Sandbox, &Seen)) {
    let small = sandbox(sink);
    if may_mount(&small).await {
        fs::write(small.path().join("disk.sh"), ON_A_SMALL_DISK).expect("a folder of our own");
        let seen = small.run("unshare -rm sh disk.sh").await.expect("it ends");
        assert!(seen.stdout.ends_with("ended 4, then 0\n"), "{}\n{}", seen.stdout, seen.stderr);
        assert!(seen.stderr.contains("the disk is full: make room, or write elsewhere"), "{}", seen.stderr);
        assert!(seen.stderr.contains("run it again to continue where it stopped"), "{}", seen.stderr);
        check(&small, &seen);
    }
    let poor = sandbox(sink);
    let seen = poor.run(WITH_A_QUOTA).await.expect("it ends");
    assert!(seen.stdout.ends_with("ended 4, then 0\n"), "{}\n{}", seen.stdout, seen.stderr);
    check(&poor, &seen);
}

/// Of the run that failed: nothing that was acknowledged is missing, and nothing is lost sight of.
fn account(sandbox: &Sandbox) -> serde_json::Value {
    let report = fs::read_to_string(sandbox.path().join("report.json")).expect("a report");
    let report: serde_json::Value = serde_json::from_str(&report).expect("JSON");
    let count = |what: &str| report["accounting"][what].as_u64().expect("a count");
    assert_eq!(count("read"), count("delivered") + count("in_flight"), "{}", report["accounting"]);
    assert!(count("in_flight") > 0, "what was not written is not delivered: {}", report["accounting"]);
    report
}

#[tokio::test]
async fn a_file_is_written_to_the_last_byte_and_goes_on_where_there_is_room() {
    goes_on("sink = { kind = \"file\", path = \"out.jsonl\", format = \"jsonl\" }", |sandbox, seen| {
        let report = account(sandbox);
        if seen.stderr.contains("os error 28") {
            assert_eq!(report["sinks"][0]["retries"], 3, "it was tried again: {}", seen.stderr);
            assert!(seen.stderr.contains("it was tried 4 times; `retry` of sink"), "{}", seen.stderr);
        }
        let [input, output] = ["in.jsonl", "out.jsonl"].map(|name| sandbox.path().join(name));
        assert!(fs::read(input).expect("an input") == fs::read(output).expect("an output"), "{}", seen.stderr);
    })
    .await;
}

#[tokio::test]
async fn a_table_is_rolled_back_and_goes_on_where_there_is_room() {
    goes_on("sink = { kind = \"sqlite\", path = \"out.db\", table = \"t\" }", |sandbox, seen| {
        account(sandbox);
        let database = Connection::open(sandbox.path().join("out.db")).expect("a database");
        let select = "SELECT count(*), count(DISTINCT id), sum(length(text)) FROM t";
        let counts = database.query_row(select, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
        let counts: (u32, u32, u32) = counts.expect("a table");
        assert_eq!(counts, (RECORDS, RECORDS, RECORDS * 80), "{}", seen.stderr);
    })
    .await;
}
