//! What is told when a run cannot simply go on where it was cut: nothing is mixed up, nothing starts over unasked.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
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

/// Its sink.
const FILE: &str = r#"{ kind = "file", path = "out.txt", format = "lines" }"#;

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
        assert!(
            seen.stderr.contains("run it again to continue where it stopped; --fresh starts over"),
            "{}",
            seen.stderr
        );
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
    assert!(seen.stderr.contains("resuming the run that began at"), "{}", seen.stderr);
    assert!(seen.stderr.contains("including the earlier run: read 100,001 = delivered 100,001 +"), "{}", seen.stderr);
    assert_eq!(cut.read("out.txt"), format!("{}mended\n", lines()));
}

#[tokio::test]
async fn a_stage_that_has_changed_is_told_and_taken_on_request() {
    let cut = Cut::new().await;
    cut.write("pipeline.toml", &PIPELINE.replace("bang.wasm", "echo.wasm"));
    cut.is_refused(&[
        "the pipeline has changed since",
        "stage \"work\" had a component with sha256 ",
        "; it now has a component",
        "--resume continues",
        "--fresh",
    ])
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
    cut.is_refused(&["source \"file\" had path = \"in.txt\"; it now has path = \"other.txt\"", "undo the changes"])
        .await;
    cut.write("pipeline.toml", &PIPELINE.replace("\"out.txt\"", "\"elsewhere.txt\""));
    cut.is_refused(&["sink \"file-2\" had path = \"out.txt\"; it now has path = \"elsewhere.txt\""]).await;
    // How fast it goes may change.
    cut.write("pipeline.toml", &PIPELINE.replace("workers = 1", "workers = 2").replace("fail", "drop"));
    assert_eq!(cut.run("sandmill run").await.code, 0);
    assert_eq!(cut.read("out.txt"), lines());
}

#[tokio::test]
async fn an_input_that_has_changed_is_told_and_not_mixed_in() {
    let cut = Cut::new().await;
    cut.write("in.txt", &lines().replace('0', "x"));
    cut.is_refused(&[
        "in.txt\" has changed since the run was interrupted at its line ",
        "its content changed before byte",
    ])
    .await;
    cut.write("in.txt", "short\n");
    cut.is_refused(&["in.txt\" has changed since the run was interrupted at its line ", "it has 6 bytes"]).await;
    let seen = cut.run("sandmill run --fresh").await;
    assert_eq!((seen.code, cut.read("out.txt").as_str()), (0, "short\n"));
}

/// Of what had been read only the last bytes were looked at (12).
#[tokio::test]
async fn an_input_that_was_edited_long_before_the_place_is_told() {
    let cut = Cut::new().await;
    let mended = format!("{}mended\n", lines());
    cut.write("in.txt", &mended.replacen("0\n1\n", "o\n1\n", 1));
    cut.is_refused(&[
        "in.txt\" has changed since the run was interrupted at its line ",
        "its content changed before byte",
    ])
    .await;
    // Another file that holds the same is the same input: what it holds counts.
    cut.write("other.txt", &format!("{mended}and more\n"));
    let seen = cut.run("mv other.txt in.txt && sandmill run").await;
    assert_eq!(seen.code, 0, "{}", seen.stderr);
    assert_eq!(cut.read("out.txt"), format!("{mended}and more\n"));
}

/// Many files: one is done, the run is cut in the second, others are to come.
async fn cut_among_files() -> Cut {
    let cut = Cut(Sandbox::new().expect("a sandbox"));
    cut.write("pipeline.toml", &PIPELINE.replace("in.txt", "in-*.txt"));
    for (name, text) in [("a", "first\n"), ("b", &format!("{}!last\n", lines())), ("c", "third\n"), ("d", "fourth\n")] {
        cut.write(&format!("in-{name}.txt"), text);
    }
    let seen = cut.run("sandmill run").await;
    assert!(seen.stderr.contains("stage \"work\" failed on in-b.txt:100001"), "{}", seen.stderr);
    cut.write("in-b.txt", &format!("{}mended\n", lines()));
    cut
}

/// Only the file that was read in part was looked at, and the others were told by their number (12).
#[tokio::test]
async fn files_that_were_not_begun_must_still_be_there_and_hold_what_they_held() {
    let cut = cut_among_files().await;
    let is_refused = async |change: &str, word: &str| {
        cut.run(&format!("cp in-c.txt c && cp in-d.txt d && {change}")).await;
        cut.is_refused(&["the files of the source have changed since the interrupted run", word, "--fresh"]).await;
        cut.run("mv c in-c.txt && mv d in-d.txt").await;
    };
    is_refused("printf thi > in-c.txt", "in-c.txt\" has 3 bytes now, and had 6").await;
    is_refused("mv in-c.txt x && mv in-d.txt in-c.txt && mv x in-d.txt", "in-c.txt\" has other content now").await;
    is_refused("printf 'other\\n' > in-c.txt", "in-c.txt\" has other content now").await;
    is_refused("rm in-d.txt", "in-d.txt\" is gone").await;
    // What grew is read as it is, what came is read last; what was read to its end may be gone.
    let change = "echo more >> in-c.txt && echo new > in-aa.txt && rm in-a.txt";
    let seen = cut.run(&format!("{change} && sandmill run -q")).await;
    assert_eq!(seen.code, 0, "{}", seen.stderr);
    assert_eq!(cut.read("out.txt"), format!("first\n{}mended\nthird\nmore\nfourth\nnew\n", lines()));
}

/// A file that was read to its end and is another one now would be mixed with those to come (12).
#[tokio::test]
async fn a_file_that_was_read_to_its_end_must_not_be_another_one() {
    let cut = cut_among_files().await;
    cut.write("in-a.txt", "other!\n");
    cut.is_refused(&["in-a.txt\" has other content now", "--fresh"]).await;
}

/// The sources of a checkpoint were told by their numbers (12).
#[tokio::test]
async fn sources_and_sinks_may_stand_in_another_order() {
    let cut = Cut(Sandbox::new().expect("a sandbox"));
    let node = |role: &str, name: &str, rest: &str| {
        format!("[[{role}]]\nname = \"{name}\"\nkind = \"file\"\nformat = \"lines\"\n{rest}\n")
    };
    let sources =
        [("a", "a.txt"), ("b", "b.txt")].map(|(name, path)| node("source", name, &format!("path = \"{path}\"")));
    let work = "[[stage]]\nname = \"work\"\ncomponent = \"guests/bang.wasm\"\non_error = \"fail\"\nfrom = [\"b\"]\n";
    let sinks = [("one", "work"), ("two", "a")]
        .map(|(name, from)| node("sink", name, &format!("path = \"{name}.txt\"\nfrom = [\"{from}\"]")));
    let head = "name = \"p\"\nstate.checkpoint = { every = \"10ms\" }\n".to_owned();
    cut.write("pipeline.toml", &[head.clone(), sources.concat(), work.to_owned(), sinks.concat()].concat());
    cut.write("a.txt", "first\nsecond\n");
    cut.write("b.txt", &format!("{}!last\n", lines()));
    assert_eq!(cut.run("sandmill run -q").await.code, 4);
    cut.write("b.txt", &format!("{}mended\n", lines()));
    let [[a, b], [one, two]] = [sources, sinks];
    cut.write("pipeline.toml", &[head, b, a, work.to_owned(), two, one].concat());
    let seen = cut.run("sandmill run").await;
    assert_eq!(seen.code, 0, "{}", seen.stderr);
    assert_eq!(cut.read("two.txt"), "first\nsecond\n");
    assert_eq!(cut.read("one.txt"), format!("{}mended\n", lines()));
}

/// Paths were kept as they were from the root on (12).
#[tokio::test]
async fn a_folder_can_be_moved_or_copied_while_its_run_waits_to_be_resumed() {
    let file = r#"{ kind = "file", path = "out.jsonl", format = "lines" }"#;
    let table = r#"{ kind = "sqlite", path = "out.db", table = "t", if_exists = "append" }"#;
    for (sink, output) in [(file, "out.jsonl"), (table, "out.db")] {
        let cut = Cut(Sandbox::new().expect("a sandbox"));
        fs::create_dir(cut.0.path().join("here")).expect("a folder of our own");
        let pipeline = PIPELINE.replace(FILE, sink).replace("guests/", "../guests/");
        cut.write("here/pipeline.toml", &pipeline);
        let records: String = (0..LINES).map(|number| format!("{{\"n\":{number}}}\n")).collect();
        cut.write("here/in.txt", &format!("{records}!last\n"));
        let seen = cut.run("cd here && sandmill run -q").await;
        assert_eq!(seen.code, 4, "{}", seen.stderr);
        cut.write("here/in.txt", &format!("{records}{{\"n\":-1}}\n"));
        let seen = cut.run("mv here moved && cp -r moved there && sandmill run there/pipeline.toml").await;
        assert_eq!(seen.code, 0, "{}", seen.stderr);
        assert!(seen.stderr.contains("resuming the run that began at"), "{}", seen.stderr);
        let path = cut.0.path().join("there").join(output);
        let numbers: Vec<i64> = if sink == table {
            numbers_of(&path)
        } else {
            let number = |line: &str| line["{\"n\":".len()..line.len() - 1].parse().expect("a number");
            fs::read_to_string(path).expect("a file").lines().map(number).collect()
        };
        assert!((0..i64::from(LINES)).chain([-1]).eq(numbers), "{sink}");
    }
}

fn numbers_of(path: &std::path::Path) -> Vec<i64> {
    let database = rusqlite::Connection::open(path).expect("a database");
    let mut rows = database.prepare("SELECT n FROM t ORDER BY rowid").expect("a table");
    rows.query_map([], |row| row.get(0)).expect("rows").map(|row| row.expect("a row")).collect()
}

/// It was taken for none: then nothing was cut back, and records were there twice (12).
#[tokio::test]
async fn a_mark_that_cannot_be_read_is_told() {
    let cut = Cut::new().await;
    let database = rusqlite::Connection::open(cut.0.path().join("p.state.db")).expect("a database");
    let spoil = r#"UPDATE checkpoint SET body = json_replace(body, '$.sinks[0].mark', 'many')"#;
    assert_eq!(database.execute(spoil, []), Ok(1));
    drop(database);
    cut.is_refused(&["the position that the interrupted run stored for \"out.txt\" cannot be read", "--fresh"]).await;
}

/// A table keeps the checkpoint itself (12).
#[tokio::test]
async fn a_checkpoint_in_a_table_that_cannot_be_read_is_told() {
    let cut = Cut(Sandbox::new().expect("a sandbox"));
    cut.write(
        "pipeline.toml",
        &PIPELINE.replace(FILE, r#"{ kind = "sqlite", path = "out.db", table = "t", if_exists = "replace" }"#),
    );
    let records: String = (0..LINES).map(|number| format!("{{\"n\":{number}}}\n")).collect();
    cut.write("in.txt", &format!("{records}!last\n"));
    assert_eq!(cut.run("sandmill run -q").await.code, 4);
    let spoil = |statement: &str| {
        let database = rusqlite::Connection::open(cut.0.path().join("out.db")).expect("a database");
        assert_eq!(database.execute(&format!("UPDATE sandmill_checkpoint SET note = {statement}"), []), Ok(1));
    };
    for (statement, words) in [
        (
            "json_replace(note, '$.sinks[0].mark', 'many')",
            "the position that the interrupted run stored for \"out.db\" cannot be read",
        ),
        ("'nothing'", "the checkpoint stored in sink \"sqlite\" cannot be read"),
    ] {
        spoil(statement);
        let seen = cut.run("sandmill run").await;
        assert_eq!(seen.code, 2, "{}", seen.stderr);
        assert!(seen.stderr.contains(words), "{}", seen.stderr);
    }
    cut.write("in.txt", "{\"n\":1}\n");
    let seen = cut.run("sandmill run -q --fresh").await;
    assert_eq!((seen.code, numbers_of(&cut.0.path().join("out.db"))), (0, vec![1]), "{}", seen.stderr);
}

/// They were counted for each part of a run (12).
#[tokio::test]
async fn a_resumed_run_tells_of_the_dead_letters_of_its_earlier_part() {
    let cut = Cut(Sandbox::new().expect("a sandbox"));
    cut.write("pipeline.toml", &PIPELINE.replace("on_error = \"fail\"", "breaker = { more_than = 2, of = 1000 }"));
    cut.write("in.txt", &format!("!first\n{}!2\n!3\n!4\n", lines()));
    assert_eq!(cut.run("sandmill run -q").await.code, 4);
    // Shorter, and with another end: it might have been cut.
    cut.write("in.txt", &format!("!first\n{}\n", lines()));
    let seen = cut.run("sandmill run -q --resume").await;
    assert_eq!(seen.code, 3, "{}", seen.stderr);
    assert!(seen.stderr.contains("dead letters: 1 record in p.state.db"), "{}", seen.stderr);
}

/// The next run began in the middle, and a quiet one did not say so (12).
#[tokio::test]
async fn a_run_that_its_reader_ended_leaves_nothing_to_resume_and_what_is_resumed_is_always_told() {
    let cut = Cut(Sandbox::new().expect("a sandbox"));
    let to_stdout = PIPELINE.replace(r#""file", path = "out.txt""#, r#""stdout""#);
    cut.write("pipeline.toml", &to_stdout);
    cut.write("in.txt", &lines());
    for _ in 0..2 {
        let seen = cut.run("(sandmill run -q; echo $? > code) | head -n 20000 | tail -n 1; cat code").await;
        assert_eq!((seen.stdout.as_str(), seen.stderr.as_str()), ("19999\n0\n", ""));
        assert!(!cut.0.path().join("p.state.db").exists());
    }
    cut.write("in.txt", &format!("{}!last\n", lines()));
    assert_eq!(cut.run("sandmill run -q").await.code, 4);
    cut.write("in.txt", &format!("{}mended\n", lines()));
    let seen = cut.run("sandmill run -q").await;
    assert_eq!(seen.code, 0, "{}", seen.stderr);
    assert!(seen.stderr.contains("resuming the run that began at"), "{}", seen.stderr);
}

/// A run that had ended, and was killed before it could say so, was done again: an appended table held all twice (12).
#[tokio::test]
async fn a_run_that_is_killed_in_its_last_moment_is_not_done_again() {
    use std::io::Write as _;
    let cut = Cut(Sandbox::new().expect("a sandbox"));
    let sink = r#"sink = { kind = "sqlite", path = "out.db", table = "t", if_exists = "append" }"#;
    let pipeline = PIPELINE.lines().map(|line| if line.trim().starts_with("sink") { sink } else { line });
    cut.write("pipeline.toml", &pipeline.collect::<Vec<_>>().join("\n").replace("lines", "jsonl"));
    cut.write("in.txt", &(0..LINES).map(|number| format!("{{\"n\":{number}}}\n")).collect::<String>());
    // Whoever has nobody to tell it waits before its last word.
    let (silent, mut full) = std::io::pipe().expect("a pipe");
    full.write_all(&[b'x'; 1 << 16]).expect("it takes so much");
    let mut run = cut.0.sandmill(&["run"]).stderr(Stdio::from(full)).spawn().expect("it starts");
    let state = cut.0.path().join("p.state.db");
    let has_ended = || -> Option<bool> {
        let database =
            rusqlite::Connection::open_with_flags(&state, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).ok()?;
        let select = "SELECT json_extract(body, '$.finished') FROM checkpoint";
        database.query_row(select, [], |row| row.get(0)).ok()
    };
    let deadline = tokio::time::Instant::now() + tests::command::BOUND;
    while has_ended() != Some(true) {
        assert!(tokio::time::Instant::now() < deadline, "it never ends");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    run.kill().await.expect("it can be killed");
    drop(silent);
    // Neither has a change of the pipeline it do anything again.
    let seen = cut.run("echo '{}' > in.txt && sandmill run -q").await;
    assert_eq!(seen.code, 0, "{}", seen.stderr);
    assert!(seen.stderr.contains("had ended when it was killed: all 100,000 records are done"), "{}", seen.stderr);
    assert!((0..i64::from(LINES)).eq(numbers_of(&cut.0.path().join("out.db"))));
    assert!(!state.exists(), "the next run is a new one");
    let database = rusqlite::Connection::open(cut.0.path().join("out.db")).expect("a database");
    let tables = database.query_row("SELECT count(*) FROM sqlite_master WHERE type = 'table'", [], |row| row.get(0));
    assert_eq!(tables, Ok(1), "the sink has forgotten its checkpoint");
}

/// A run was aborted when the first record failed, after others had been delivered (12).
#[tokio::test]
async fn a_state_file_that_cannot_be_written_is_found_before_a_record_moves() {
    let cut = Cut(Sandbox::new().expect("a sandbox"));
    let pipeline = r#"
        name = "p"
        state.path = "state/p.state.db"
        source = { kind = "stdin", format = "jsonl" }
        sink = { kind = "file", path = "out.jsonl", format = "lines" }
    "#;
    cut.write("pipeline.toml", pipeline);
    cut.write(
        "ended.toml",
        &pipeline
            .replace("\"jsonl\" }", "\"jsonl\", on_error = \"fail\" }")
            .replace("\"lines\" }", "\"lines\", on_error = \"fail\" }"),
    );
    // To the superuser nothing is read-only.
    let run = if rustix::process::geteuid().is_root() {
        "setpriv --reuid 65534 --clear-groups env SANDMILL_CACHE=$PWD/cache ./sandmill"
    } else {
        "sandmill"
    };
    let seen =
        cut.run("cp $(command -v sandmill) . && mkdir state cache && chmod 777 . cache && chmod 555 state").await;
    assert_eq!(seen.code, 0, "{}", seen.stderr);
    for verb in ["check", "run"] {
        let seen = cut.run(&format!("echo '{{}}' | {run} {verb}")).await;
        assert_eq!(seen.code, 2, "{}", seen.stderr);
        assert!(seen.stderr.contains("the state file \"state/p.state.db\" cannot be written"), "{}", seen.stderr);
        assert!(!cut.0.path().join("out.jsonl").exists());
    }
    let seen = cut.run(&format!("echo '{{}}' | {run} run ended.toml")).await;
    assert_eq!(seen.code, 0, "nothing would be written to it: {}", seen.stderr);

    // SQLite cannot write without a journal beside the database.
    cut.write(
        "table.toml",
        r#"
        name = "t"
        source = { kind = "stdin", format = "jsonl" }
        sink = { kind = "sqlite", path = "data/t.db", table = "t" }
        "#,
    );
    let seen = cut.run("echo '{\"a\":1}' | sandmill run table.toml && chmod 666 data/t.db && chmod 555 data").await;
    assert_eq!(seen.code, 0, "{}", seen.stderr);
    for verb in ["check", "run"] {
        let seen = cut.run(&format!("echo '{{\"a\":2}}' | {run} {verb} table.toml")).await;
        assert_eq!(seen.code, 2, "{}", seen.stderr);
        assert!(seen.stderr.contains("keeps a journal beside the database"), "{}", seen.stderr);
    }
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
    let file = |sandbox: &Sandbox| fs::metadata(sandbox.path().join("p.state.db")).map(|file| file.ino()).ok();
    let before = file(&sandbox);
    for second in ["sandmill run", "sandmill run --fresh"] {
        let seen = sandbox.run(second).await.expect("it ends");
        assert_eq!(seen.code, 2, "{}", seen.stderr);
        assert!(seen.stderr.contains("another run of this pipeline is using the state file"), "{}", seen.stderr);
        assert!(before.is_some() && file(&sandbox) == before, "`{second}` took the file away from the first run");
    }
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

/// The gate was opened when the state file could not be begun: the first records were delivered by a run that nobody
/// could resume, and the next run delivered them again (issue 12).
#[tokio::test]
async fn a_run_that_cannot_write_down_where_it_begins_delivers_nothing() {
    let sandbox = Sandbox::new().expect("a sandbox");
    let pipeline = r#"
        name = "p"
        source = { kind = "generate", what = "numbers", records = 3 }
        sink = { kind = "file", path = "out.txt", if_exists = "append" }
    "#;
    fs::write(sandbox.path().join("pipeline.toml"), pipeline).expect("a folder of our own");
    // Room for what is delivered, and too little for a database.
    let seen = sandbox.run("trap '' XFSZ; ulimit -f 8; exec sandmill run -q").await.expect("it ends");
    assert_eq!(seen.code, 4, "{}", seen.stderr);
    let delivered = fs::read_to_string(sandbox.path().join("out.txt")).unwrap_or_default();
    assert_eq!(delivered, "", "{}", seen.stderr);
}

/// Where the first input could not be read, the mended pipeline was refused: it was another one than that of the run,
/// of which nothing was there to resume (issue 12).
#[tokio::test]
async fn a_run_that_read_nothing_leaves_nothing_to_resume() {
    let sandbox = Sandbox::new().expect("a sandbox");
    let pipeline = r#"
        name = "p"
        source = { kind = "file", path = "in.csv", format = "csv" }
        sink = { kind = "file", path = "out.txt", if_exists = "append" }
    "#;
    let write = |name: &str, text: &str| fs::write(sandbox.path().join(name), text).expect("a folder of our own");
    write("pipeline.toml", pipeline);
    write("in.csv", "a,a\n1,2\n");
    assert_eq!(sandbox.run("sandmill run -q").await.expect("it ends").code, 2);
    assert!(!sandbox.path().join("p.state.db").exists());
    write("pipeline.toml", &pipeline.replace("format = \"csv\"", "format = \"csv\", columns = [\"a\", \"b\"]"));
    let seen = sandbox.run("sandmill run -q").await.expect("it ends");
    assert_eq!(seen.code, 0, "{}", seen.stderr);
}

/// Lines that another program had added were cut off without a word (12).
#[tokio::test]
async fn lines_that_another_program_adds_to_an_output_are_not_cut_off() {
    let cut = Cut::new().await;
    cut.run("echo stranger >> out.txt").await;
    cut.is_refused(&["another program has written 9 bytes to \"", "out.txt\", from byte ", "truncate -s"]).await;
    let said = cut.run("sandmill run").await.stderr;
    let advice = said.split('`').nth(1).expect("a command").to_owned();
    assert_eq!(cut.run(&advice).await.code, 0, "{advice}");
    cut.write("in.txt", &format!("{}mended\n", lines()));
    let seen = cut.run("sandmill run").await;
    assert_eq!(seen.code, 0, "{}", seen.stderr);
    assert_eq!(cut.read("out.txt"), format!("{}mended\n", lines()));
    assert_eq!(cut.read("rest.txt"), "stranger\n");
}

/// A run that had written nothing cut them off, too (12).
#[tokio::test]
async fn lines_that_come_before_the_first_write_of_a_run_stay() {
    let cut = Cut(Sandbox::new().expect("a sandbox"));
    cut.write("pipeline.toml", &PIPELINE.replace("\"out.txt\"", "\"out.txt\", if_exists = \"append\""));
    cut.write("in.txt", "!last\n");
    cut.write("out.txt", "before\n");
    assert_eq!(cut.run("sandmill run -q").await.code, 4);
    cut.run("echo stranger >> out.txt").await;
    cut.write("in.txt", "mended\n");
    let seen = cut.run("sandmill run").await;
    assert_eq!(seen.code, 0, "{}", seen.stderr);
    assert!(
        seen.stderr.contains("out.txt\" has 9 bytes that another program has added: they are kept"),
        "{}",
        seen.stderr
    );
    assert_eq!(cut.read("out.txt"), "before\nstranger\nmended\n");
}

/// What was written with the file's own offset went over what others had added meanwhile (12).
#[tokio::test]
async fn what_others_add_while_a_run_writes_is_not_written_over() {
    let cut = Cut(Sandbox::new().expect("a sandbox"));
    cut.write(
        "pipeline.toml",
        "name = \"p\"\nsource = { kind = \"stdin\" }\nsink = { kind = \"file\", path = \"out.txt\" }\n",
    );
    let line = "mkfifo in && { sandmill run -q < in & } && exec 3> in && echo one >&3 \
        && until grep -q one out.txt 2> /dev/null; do :; done && echo stranger >> out.txt && echo two >&3 && exec 3>&- && wait";
    let seen = cut.run(line).await;
    assert_eq!(seen.code, 0, "{}", seen.stderr);
    assert_eq!(cut.read("out.txt"), "one\nstranger\ntwo\n");
}

/// The run was started again, or ended with half a record (12).
#[tokio::test]
async fn an_input_that_was_cut_after_the_place_is_refused_until_that_is_said_to_be_meant() {
    let cut = Cut(Sandbox::new().expect("a sandbox"));
    cut.write("pipeline.toml", PIPELINE);
    cut.write("in.txt", &format!("{}!last\nnext\nand one more\n", lines()));
    assert_eq!(cut.run("sandmill run -q").await.code, 4);
    cut.write("in.txt", &format!("{}mended\nne", lines()));
    cut.is_refused(&["in.txt\" became shorter than the part that was read: it has ", "--resume continues"]).await;
    let seen = cut.run("sandmill run --resume").await;
    assert_eq!(seen.code, 0, "{}", seen.stderr);
    assert!(seen.stderr.contains("was edited after the place up to which it was read"), "{}", seen.stderr);
    assert_eq!(cut.read("out.txt"), format!("{}mended\nne\n", lines()));
}

/// Was told to be gone (12).
#[tokio::test]
async fn a_new_link_that_comes_before_the_file_that_was_being_read_changes_nothing() {
    let cut = cut_among_files().await;
    let seen = cut.run("ln -s in-b.txt in-0.txt && ln in-c.txt in-1.txt && sandmill run -q").await;
    assert_eq!(seen.code, 0, "{}", seen.stderr);
    assert_eq!(cut.read("out.txt"), format!("first\n{}mended\nthird\nfourth\n", lines()));
}

/// What standard input gave to a resumed run was passed over without a word, when the interrupted one had read it to its end.
#[tokio::test]
async fn a_run_that_resumes_says_that_standard_input_had_ended() {
    let cut = Cut(Sandbox::new().expect("a sandbox"));
    let file = "source = { kind = \"file\", path = \"in.txt\", format = \"lines\" }";
    let both =
        PIPELINE.replace(file, &file.replace(" }", " }]").replace("source = {", "source = [{ kind = \"stdin\" }, {"));
    assert_ne!(both, PIPELINE);
    cut.write("pipeline.toml", &both);
    cut.write("in.txt", &format!("{}!last\n", lines()));
    cut.write("early.txt", "early\n");
    assert_eq!(cut.run("sandmill run < early.txt").await.code, 4);
    cut.write("in.txt", &format!("{}mended\n", lines()));
    let seen = cut.run("echo late > late.txt && sandmill run < late.txt").await;
    assert_eq!(seen.code, 0, "{}", seen.stderr);
    let told = "the interrupted run had read it to its end: what it gives now is not read";
    assert!(seen.stderr.contains(told), "{}", seen.stderr);
    let output = cut.read("out.txt");
    assert_eq!(output.matches("early").count(), 1, "what it gave before is there once");
    assert!(!output.contains("late") && output.lines().count() == LINES as usize + 2);
}
