//! What a person sees: the command in a terminal of its own, looked at while it runs and when it has ended.
//!
//! Before these tests lines ran into each other at every width, because the terminal was relied on to wrap (issue 12).

use std::fs::File;
use std::io::Write as _;

use regex::Regex;
use tests::command::Sandbox;
use tests::terminal::{Terminal, WindowSize};

/// The input is a pipe that a test writes to: while it is open and empty, the run stands still and can be looked at.
const PIPELINE: &str = r#"
    name = "p"
    [source]
    kind = "stdin"
    [[stage]]
    name = "統計"
    component = "guests/echo.wasm"
    workers = 1
    [[stage]]
    name = "work"
    component = "guests/bang.wasm"
    workers = 2
    on_error = "dead-letter"
    [sink]
    name = "out"
    kind = "file"
    path = "out.txt"
"#;

/// A run in a terminal, with its input in the hands of the test.
struct Trial {
    terminal: Terminal,
    input: Option<File>,
    _sandbox: Sandbox,
}

/// A size, for short.
fn size(rows: u16, columns: u16) -> WindowSize {
    WindowSize { rows, columns }
}

impl Trial {
    /// `command` reads the pipe; records are given with [`Self::give`].
    fn new(command: &str, size: WindowSize) -> Self {
        let sandbox = Sandbox::new().expect("a sandbox");
        let file = |name: &str| sandbox.path().join(name);
        std::fs::write(file("pipeline.toml"), PIPELINE).expect("a file");
        rustix::fs::mknodat(rustix::fs::CWD, file("input"), rustix::fs::FileType::Fifo, 0o600.into(), 0)
            .expect("a pipe");
        // For both: opening one end alone would wait for the other.
        let input = File::options().read(true).write(true).open(file("input")).expect("a pipe");
        let terminal = Terminal::run(&sandbox, &format!("exec {command} < input"), size).expect("a terminal");
        Self { terminal, input: Some(input), _sandbox: sandbox }
    }

    fn give(&mut self, records: &str) {
        self.input.as_mut().expect("it is open").write_all(records.as_bytes()).expect("it reads");
    }

    async fn sees(&self, text: &str) -> String {
        self.terminal.until(|screen| screen.contains(text)).await.expect(text)
    }

    /// Ends the input, and the run with it.
    async fn end(mut self) -> (i32, String) {
        drop(self.input.take());
        self.terminal.end().await.expect("it ends")
    }
}

/// Numbers that differ from run to run, with what pads them.
fn settled(screen: &str) -> String {
    let replaced = [
        (r"\d+:\d\d  ", "T  "),
        (r" +[\d.]+( [kM])? rec/s", " N rec/s"),
        (r" +\d+ %", " P %"),
        (r"  ◀ reading[a-z ]*", ""),
        (r" +0/[\d,]+", " 0/CAPACITY"),
        (r"\d+(\.\d+)? (µs|ms|s)\b", "TIME"),
        (r"[\d,]+ records/s", "N records/s"),
    ];
    replaced.iter().fold(screen.to_owned(), |text, (from, to)| {
        Regex::new(from).expect("a pattern").replace_all(&text, *to).into_owned()
    })
}

#[tokio::test]
async fn at_any_width_the_picture_has_its_lines_and_what_was_said_stays_above_it() {
    for (columns, expected) in [(40, AT_40), (80, AT_80), (120, AT_120), (200, AT_120)] {
        let mut trial = Trial::new("sandmill run", size(24, columns));
        trial.give("one\ntwo\nthree\n");
        trial.sees("3 done").await;
        trial.give("!four\n");
        trial.sees("4 done").await;
        trial.give("!five\n");
        // A long time later, and some pictures.
        let screen = trial.sees("5 done").await;
        assert_eq!(settled(&screen), expected.trim_start_matches('\n'), "at {columns}:\n{screen}");
        let (code, screen) = trial.end().await;
        assert_eq!(code, 3, "{screen}");
        assert!(!screen.contains("rec/s") && !screen.contains('▯'), "the picture goes:\n{screen}");
        let account = "read 5 = delivered 3 + dropped 0 + dead-lettered 2";
        assert!(screen.replace("\n    ", " ").contains(account), "broken between words:\n{screen}");
        let last = screen.replace("\n    ", " ").lines().last().map(str::to_owned);
        assert_eq!(last.as_deref(), Some("dead letters: 2 records in p.state.db"), "{screen}");
    }
}

const AT_40: &str = "
[work] failed: stdin line 4: trapped:
    wasm `unreachable` instruction
    executed
[work] failed: stdin line 5: trapped:
    wasm `unreachable` instruction
    executed
T  5 done N rec/s
  統計 N rec/s P %
  work N rec/s P % 2 failed
  out N rec/s P %";
const AT_80: &str = "
[work] failed: stdin line 4: trapped: wasm `unreachable` instruction executed
[work] failed: stdin line 5: trapped: wasm `unreachable` instruction executed
T  5 done N rec/s
  統計  ▯▯▯▯▯▯▯▯ 0/CAPACITY N rec/s P % of 1 worker
  work  ▯▯▯▯▯▯▯▯ 0/CAPACITY N rec/s P % of 2 workers  2 failed
  out   ▯▯▯▯▯▯▯▯ 0/CAPACITY N rec/s P % of 1 writer";
/// From here on there is room for everything.
const AT_120: &str = AT_80;

/// A key that is echoed where the picture is, and lines from elsewhere: neither leaves anything behind.
#[tokio::test]
async fn a_key_that_is_echoed_leaves_nothing_behind() {
    let mut trial = Trial::new("sandmill run", size(24, 80));
    trial.give("one\n");
    trial.sees("1 done").await;
    trial.terminal.press("abc").expect("a key");
    trial.give("two\n");
    let screen = trial.terminal.until(|screen| screen.contains("2 done") && !screen.contains("abc")).await;
    screen.expect("the echo is painted over");
    trial.terminal.press("\u{3}").expect("a key");
    let (code, screen) = trial.terminal.end().await.expect("it ends");
    assert_eq!(code, 130, "{screen}");
    assert!(screen.starts_with("stopping: finishing what is in flight"), "{screen}");
    assert!(screen.contains("\nstopped: p in "), "{screen}");
}

#[tokio::test]
async fn a_terminal_that_changes_its_size_shows_one_picture() {
    let mut trial = Trial::new("sandmill run", size(24, 120));
    trial.give("!one\n");
    trial.sees("1 done").await;
    for (rows, columns) in [(24, 40), (24, 100), (6, 60), (30, 50)] {
        trial.terminal.resize(size(rows, columns)).expect("it can be");
        trial.give("more\n");
        let one = |screen: &str| {
            let pictures = screen.lines().filter(|line| line.contains("統計")).count();
            let whole = screen.lines().filter(|line| line.starts_with("0:")).count();
            (pictures, whole) == (1, 1) && screen.contains("[work] failed: stdin line 1")
        };
        let screen = trial.terminal.until(one).await;
        screen.unwrap_or_else(|error| panic!("at {rows} rows of {columns}: {error:#}"));
    }
}

#[tokio::test]
async fn a_terminal_of_five_rows_shows_what_works_and_keeps_its_lines() {
    let mut trial = Trial::new("sandmill run", size(5, 80));
    for i in 1..=6 {
        trial.give("!x\n");
        trial.sees(&format!("{i} done")).await;
    }
    let screen = trial.terminal.screen();
    assert_eq!(screen.lines().filter(|line| line.starts_with("0:")).count(), 1, "{screen}");
    assert!(screen.lines().count() <= 5, "{screen}");
    let (_, screen) = trial.end().await;
    assert!(screen.ends_with("dead letters: 6 records in p.state.db"), "{screen}");
}

/// What a terminal is sent beside text and line feeds.
fn escapes(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let escape = Regex::new("\u{1b}\\[[?0-9;]*[A-Za-z]").expect("a pattern");
    escape.find_iter(&text).map(|found| found.as_str()[1..].to_owned()).collect()
}

#[tokio::test]
async fn no_color_takes_the_colours_and_leaves_the_picture() {
    for (command, colours) in [("sandmill run", true), ("env NO_COLOR=1 sandmill run", false)] {
        let mut trial = Trial::new(command, size(24, 80));
        trial.give("!one\n");
        trial.sees("1 done").await;
        let sent = escapes(&trial.terminal.bytes());
        assert_eq!(sent.iter().any(|escape| escape.ends_with('m')), colours, "{command}: {sent:?}");
        assert!(sent.iter().any(|escape| escape.ends_with('A')), "{command}: {sent:?}");
    }
}

#[tokio::test]
async fn a_dumb_terminal_and_those_who_want_none_get_lines_only() {
    for command in ["env TERM=dumb sandmill run", "sandmill run --progress none", "sandmill run --progress plain"] {
        let mut trial = Trial::new(command, size(24, 80));
        trial.give("one\n!two\n");
        trial.sees("[work] failed: stdin line 2").await;
        let sent = escapes(&trial.terminal.bytes());
        assert!(sent.iter().all(|escape| escape.ends_with('m')), "{command}: {sent:?}");
        let (_, screen) = trial.end().await;
        assert!(screen.starts_with("[work] failed: stdin line 2"), "no line of progress in so short a run: {screen}");
    }
}

/// The lines of a screen as one text, as if the terminal were as wide as it had to be.
fn unbroken(screen: &str) -> String {
    screen.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

/// What a command shows in a terminal of that many columns, in the folder that `furnish` has filled.
async fn shown(command: &str, columns: u16, furnish: impl Fn(&Sandbox)) -> String {
    let sandbox = Sandbox::new().expect("a sandbox");
    furnish(&sandbox);
    let terminal = Terminal::run(&sandbox, command, size(40, columns)).expect("a terminal");
    let (_, screen) = terminal.end().await.expect("it ends");
    screen
}

/// Issue 12: lines of errors, hints and findings were broken in the middle of words.
#[tokio::test]
async fn what_does_not_fit_a_terminal_is_broken_between_words() {
    let furnish = |sandbox: &Sandbox| {
        let pipeline = PIPELINE.replace("guests/bang.wasm", "guests/stillborn.wasm").replace("stdin", "generat");
        std::fs::write(sandbox.path().join("typo.toml"), pipeline).expect("a file");
        let pipeline = PIPELINE.replace("\"work\"", "\"a-stage-with-a-long-name\"");
        std::fs::write(sandbox.path().join("pipeline.toml"), pipeline).expect("a file");
    };
    let commands =
        ["sandmill check", "sandmill check typo.toml", "sandmill run nowhere", "sandmill inspect pipeline.toml"];
    for command in commands {
        let whole = shown(command, 250, furnish).await;
        let words: Vec<&str> = whole.split_whitespace().collect();
        for columns in [40, 80, 120] {
            let screen = shown(command, columns, furnish).await;
            let unbroken = unbroken(&screen);
            // Each run has a folder of its own.
            for word in words.iter().filter(|word| !word.contains("/tmp")) {
                assert!(unbroken.contains(word), "{word} of `{command}` is broken at {columns}:\n{screen}");
            }
        }
    }
}

/// Issue 12: each line had 124 columns at any terminal.
#[tokio::test]
async fn the_list_of_dead_letters_fits_the_terminal() {
    let command = "printf '!one\\n!two\\n' | sandmill run -q; clear; sandmill dead-letters list";
    let time = Regex::new(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ").expect("a pattern");
    for (columns, expected) in [(40, LETTERS_AT_40), (80, LETTERS_AT_80), (120, LETTERS_AT_120)] {
        let screen = shown(command, columns, |sandbox| {
            std::fs::write(sandbox.path().join("pipeline.toml"), PIPELINE).expect("a file");
        })
        .await;
        let screen = time.replace_all(&screen, "2026-11-27T00:00:00Z");
        assert_eq!(screen, expected.trim_start_matches('\n'), "at {columns}:\n{screen}");
    }
}

const LETTERS_AT_40: &str = "
     1  2026-11-27T00:00:00Z  work
        trap
        stdin line 1: trapped: wasm `u…
     2  2026-11-27T00:00:00Z  work
        trap
        stdin line 2: trapped: wasm `u…
2 dead letters in p.state.db; `sandmill
    dead-letters show ID` shows one";
const LETTERS_AT_80: &str = "
     1  2026-11-27T00:00:00Z  work          trap
        stdin line 1: trapped: wasm `unreachable` instruction executed
     2  2026-11-27T00:00:00Z  work          trap
        stdin line 2: trapped: wasm `unreachable` instruction executed
2 dead letters in p.state.db; `sandmill dead-letters show ID` shows one";
const LETTERS_AT_120: &str = "
     1  2026-11-27T00:00:00Z  work          trap            stdin line 1: trapped: wasm `unreachable` instruction exec…
     2  2026-11-27T00:00:00Z  work          trap            stdin line 2: trapped: wasm `unreachable` instruction exec…
2 dead letters in p.state.db; `sandmill dead-letters show ID` shows one";
