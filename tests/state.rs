//! What is told when a run cannot simply go on where it was cut: nothing is mixed up, nothing starts over unasked.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use tests::command::{Sandbox, Seen, finish};
use tokio::io::AsyncReadExt;

/// Many lines, and one that ends the run.
const LINES: u32 = 100_000;

const PIPELINE: &str = r#"
    name = "p"
    state.checkpoint = { every = "10ms" }
    source = { kind = "file", path = "in.txt", format = "lines" }
    sink = { kind = "file", path = "out.txt", format = "lines" }
    [[stage]]
    name = "work"
    component = "guests/bang.wasm"
    workers = 1
    batch.records = 100
    on_error = "fail"
"#;

/// A run that came to the last line, and was aborted by it.
struct Cut(Sandbox);

impl Cut {
    async fn new() -> Self {
        let cut = Self(Sandbox::new().expect("a sandbox"));
        cut.write("pipeline.toml", PIPELINE);
        cut.write("in.txt", &format!("{}!last\n", lines()));
        let seen = cut.run("sandmill run").await;
        assert_eq!(seen.code, 4, "{}", seen.stderr);
        assert!(seen.stderr.contains("stage \"work\" failed on in.txt:100001"), "{}", seen.stderr);
        assert!(seen.stderr.contains("run it again to go on where it stopped; --fresh starts over"), "{}", seen.stderr);
        cut
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.path().join(name), text).expect("a folder of our own");
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.path().join(name)).expect("a file")
    }

    async fn run(&self, line: &str) -> Seen {
        self.0.run(line).await.expect("it ends")
    }

    /// Refused with these words, before anything is touched.
    async fn is_refused(&self, words: &[&str]) {
        let before = self.read("out.txt");
        let seen = self.run("sandmill run").await;
        assert_eq!(seen.code, 2, "{}", seen.stderr);
        for word in words {
            assert!(seen.stderr.contains(word), "no {word:?} in: {}", seen.stderr);
        }
        assert!(self.read("out.txt") == before, "the output was touched");
    }
}

fn lines() -> String {
    (0..LINES).map(|number| format!("{number}\n")).collect()
}

#[tokio::test]
async fn an_aborted_run_goes_on_once_its_cause_is_mended() {
    let cut = Cut::new().await;
    cut.write("in.txt", &format!("{}mended\n", lines()));
    let seen = cut.run("sandmill run").await;
    assert_eq!(seen.code, 0, "{}", seen.stderr);
    assert!(seen.stderr.contains("going on with the run that began at"), "{}", seen.stderr);
    assert!(seen.stderr.contains("with what was done before: read 100,001 = delivered 100,001 +"), "{}", seen.stderr);
    assert_eq!(cut.read("out.txt"), format!("{}mended\n", lines()));
}

#[tokio::test]
async fn a_stage_that_has_changed_is_told_and_taken_on_request() {
    let cut = Cut::new().await;
    cut.write("pipeline.toml", &PIPELINE.replace("bang.wasm", "echo.wasm"));
    cut.is_refused(&["the pipeline has changed since", "stage \"work\" was: component", "--resume goes on", "--fresh"])
        .await;
    let seen = cut.run("sandmill run --resume").await;
    assert_eq!(seen.code, 0, "{}", seen.stderr);
    assert_eq!(cut.read("out.txt"), format!("{}!last\n", lines()));
}

#[tokio::test]
async fn a_source_or_sink_that_has_changed_is_told() {
    let cut = Cut::new().await;
    cut.write("other.txt", "other\n");
    cut.write("pipeline.toml", &PIPELINE.replace("in.txt", "other.txt"));
    cut.is_refused(&["source \"file\" was: files ", "in.txt as Lines", "other.txt as Lines", "take the changes back"])
        .await;
    cut.write("pipeline.toml", &PIPELINE.replace("\"out.txt\"", "\"elsewhere.txt\""));
    cut.is_refused(&["sink \"file-2\" was: file ", "elsewhere.txt as Lines"]).await;
    // How fast it goes may change.
    cut.write("pipeline.toml", &PIPELINE.replace("workers = 1", "workers = 2").replace("fail", "drop"));
    assert_eq!(cut.run("sandmill run").await.code, 0);
    assert_eq!(cut.read("out.txt"), lines());
}

#[tokio::test]
async fn an_input_that_has_changed_is_told_and_not_mixed_in() {
    let cut = Cut::new().await;
    cut.write("in.txt", &lines().replace('0', "x"));
    cut.is_refused(&["in.txt\" has changed since the run was cut at its line ", "it holds something else before byte"])
        .await;
    cut.write("in.txt", "short\n");
    cut.is_refused(&["in.txt\" has changed since the run was cut at its line ", "it has 6 bytes"]).await;
    let seen = cut.run("sandmill run --fresh").await;
    assert_eq!((seen.code, cut.read("out.txt").as_str()), (0, "short\n"));
}

#[tokio::test]
async fn an_output_that_was_cut_short_is_told() {
    let cut = Cut::new().await;
    cut.write("out.txt", "0\n");
    cut.is_refused(&["\"out.txt\" has 2 bytes, but had ", "at the last checkpoint", "--fresh"]).await;
}

#[tokio::test]
async fn a_damaged_state_file_is_told_and_never_passed_over() {
    let cut = Cut::new().await;
    let state = cut.0.path().join("p.state.db");
    let whole = fs::read(&state).expect("a state file");
    let half = whole.get(..whole.len() / 2).expect("half of it").to_vec();
    for (damage, word) in [(Vec::new(), "it is empty"), (half, "damaged"), (vec![7; 5000], "damaged")] {
        fs::write(&state, damage).expect("a folder of our own");
        cut.is_refused(&["the state file \"p.state.db\" is damaged", word, "--fresh"]).await;
    }
    cut.write("in.txt", "new\n");
    let seen = cut.run("sandmill run --fresh").await;
    assert_eq!((seen.code, cut.read("out.txt").as_str()), (0, "new\n"), "{}", seen.stderr);
    assert!(cut.0.path().join("p.state.db.damaged").exists(), "nothing is thrown away unasked");
}

#[tokio::test]
async fn a_second_run_at_the_same_time_is_refused() {
    let sandbox = Sandbox::new().expect("a sandbox");
    let endless = r#"
        name = "p"
        source = { kind = "generate", what = "numbers", records = 1000000000000 }
        sink = { kind = "stdout" }
    "#;
    fs::write(sandbox.path().join("pipeline.toml"), endless).expect("a folder of our own");
    let mut first = sandbox.sandmill(&["run", "--quiet"]).stderr(Stdio::null()).spawn().expect("it starts");
    let mut output = first.stdout.take().expect("piped");
    output.read_exact(&mut [0; 2]).await.expect("it has begun");
    let seen = sandbox.run("sandmill run").await.expect("it ends");
    assert_eq!(seen.code, 2, "{}", seen.stderr);
    assert!(seen.stderr.contains("another run of this pipeline is going on"), "{}", seen.stderr);
    drop(output);
    finish(first, Duration::from_secs(10)).await.expect("its reader has gone");
    let seen = sandbox.run("sandmill run --quiet | head -n 2").await.expect("it ends");
    assert_eq!(seen.stdout, "1\n2\n", "who has gone leaves no lock behind: {}", seen.stderr);
}

#[tokio::test]
async fn dead_letters_can_be_sent_into_any_sink() {
    let cut = Cut(Sandbox::new().expect("a sandbox"));
    cut.write("pipeline.toml", &PIPELINE.replace("\"fail\"", "\"dead-letter\""));
    cut.write("in.txt", "one\n!two\nthree\n!four\n");
    let into = r#"
        name = "into"
        source = { kind = "stdin", format = "jsonl" }
        sink = { kind = "sqlite", path = "failed.db", table = "failed" }
    "#;
    cut.write("into.toml", into);
    let seen = cut.run("sandmill run -q; sandmill dead-letters export | sandmill run into.toml").await;
    assert_eq!(seen.code, 0, "{}", seen.stderr);
    let database = rusqlite::Connection::open(cut.0.path().join("failed.db")).expect("a database");
    let mut rows = database.prepare("SELECT node, place, kind, value FROM failed ORDER BY id").expect("a table");
    let rows = rows.query_map([], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?])).expect("rows");
    let rows: Vec<[String; 4]> = rows.map(|row| row.expect("a row")).collect();
    assert_eq!(rows, [["work", "in.txt:2", "trap", "!two"], ["work", "in.txt:4", "trap", "!four"]]);
}

/// A run of the version before this one had set two records aside, and knew nothing of logs.
#[tokio::test]
async fn a_state_file_of_format_1_is_read_and_added_to() {
    let cut = Cut(Sandbox::new().expect("a sandbox"));
    cut.write("pipeline.toml", &PIPELINE.replace("\"fail\"", "\"dead-letter\""));
    cut.write("in.txt", "one\n!two\n");
    assert_eq!(cut.run("sandmill run -q").await.code, 3);
    let database = rusqlite::Connection::open(cut.0.path().join("p.state.db")).expect("a database");
    database.execute_batch("ALTER TABLE dead_letter DROP COLUMN log; PRAGMA user_version = 1;").expect("SQL");
    drop(database);
    assert_eq!(cut.run("sandmill run -q").await.code, 3);
    let seen = cut.run("sandmill dead-letters list").await;
    assert!(seen.stderr.starts_with("2 dead letters in p.state.db"), "{}", seen.stderr);
}
