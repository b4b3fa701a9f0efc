//! No file is destroyed, read twice or half read, whatever it is called and however a shell hands it over.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Stdio;

use tests::command::{BOUND, Sandbox, Seen, finish};
use tokio::io::AsyncWriteExt;
use tokio::process::Child;
use tokio::time::{Duration, sleep, timeout};

const DATA: &str = "one\ntwo\nthree\n";

/// A folder in which commands are run, and a shorter way to speak of it.
struct Place(Sandbox);

impl Place {
    fn new() -> Self {
        let place = Self(Sandbox::new().expect("a sandbox"));
        place.write("data.txt", DATA);
        place
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder of our own");
        fs::write(path, text).expect("a folder of our own");
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn pipeline(&self, source: &str, sink: &str) {
        let text = format!("name = \"p\"\nsource = {{ {source} }}\nsink = {{ {sink} }}\n");
        self.write("pipeline.toml", text);
    }

    async fn run(&self, line: &str) -> Seen {
        self.0.run(line).await.expect("it ends")
    }

    /// Runs a command that must end so, and gives what it says.
    async fn ends(&self, line: &str, code: i32) -> String {
        let seen = self.run(line).await;
        assert_eq!(seen.code, code, "`{line}`: {}{}", seen.stdout, seen.stderr);
        seen.stderr
    }

    /// Neither `check` nor a run gets as far as to touch the input.
    async fn is_refused(&self, words: &str) {
        for line in ["sandmill check -q", "sandmill run -q", "sandmill run -q --fresh"] {
            let said = self.ends(line, 2).await;
            assert!(said.contains(words), "no {words:?} in: {said}");
        }
        assert_eq!(self.read("data.txt"), DATA);
    }
}

const SOURCE: &str = r#"kind = "file", path = "data.txt""#;

/// 45,542 of 1,000,000 lines were left, with exit code 0; with "append" it fed itself without end (12).
#[tokio::test]
async fn a_sink_does_not_destroy_its_input_whatever_that_is_called() {
    let place = Place::new();
    let root = place.0.path();
    fs::create_dir_all(root.join("x")).expect("a folder of our own");
    fs::hard_link(root.join("data.txt"), root.join("hard")).expect("links");
    symlink("data.txt", root.join("soft")).expect("links");
    symlink(".", root.join("linked")).expect("links");
    let whole = root.join("data.txt").display().to_string();
    for path in [whole.as_str(), "x/../data.txt", "hard", "soft", "linked/data.txt", "y/../data.txt"] {
        for rest in ["if_exists = \"replace\"", "if_exists = \"append\""] {
            place.pipeline(SOURCE, &format!("kind = \"file\", path = \"{path}\", {rest}"));
            place.is_refused(&format!("would overwrite \"{path}\": it is read by source \"file\"")).await;
        }
        place.pipeline(SOURCE, &format!("kind = \"sqlite\", table = \"t\", path = \"{path}\""));
        place.is_refused(&format!("would overwrite \"{path}\": it is read by source \"file\"")).await;
    }
    place.pipeline("kind = \"file\", path = \"*.txt\"", "kind = \"file\", path = \"soft\"");
    place.is_refused("would overwrite \"soft\"").await;
    place.pipeline(SOURCE, "kind = \"folder\", path = \"x/..\"");
    place.is_refused("writes files into \"x/..\", which contains ").await;
    place.pipeline("kind = \"stdin\"", "kind = \"file\", path = \"data.txt\"");
    let said = place.ends("sandmill run < data.txt", 2).await;
    assert!(said.contains("would overwrite \"data.txt\": it is read by source \"stdin\""), "{said}");
    place.pipeline(SOURCE, "kind = \"stdout\"");
    let said = place.ends("sandmill run >> data.txt", 2).await;
    assert!(said.contains("sink \"stdout\" would overwrite \"/dev/stdout\""), "{said}");
    place.ends("sandmill run > other.txt && cmp data.txt other.txt", 0).await;
    assert_eq!(place.read("data.txt"), DATA);
}

#[tokio::test]
async fn a_sink_does_not_destroy_what_else_a_run_needs() {
    let place = Place::new();
    let root = place.0.path();
    symlink(".", root.join("linked")).expect("links");
    let to = |path: &str| format!("kind = \"file\", path = \"linked/{path}\"");
    place.pipeline(SOURCE, &to("pipeline.toml"));
    place.is_refused("would overwrite \"linked/pipeline.toml\": it is the pipeline file").await;
    for path in ["p.state.db", "p.state.db-wal", "p.state.db-shm", "p.state.db.lock"] {
        place.pipeline(SOURCE, &to(path));
        place.is_refused("sink \"file-2\" and the state file write to the same file").await;
    }
    let component = "[[stage]]\nname = \"echo\"\ncomponent = \"guests/echo.wasm\"\n";
    place.write(
        "pipeline.toml",
        format!("name = \"p\"\nsource = {{ {SOURCE} }}\nsink = {{ {} }}\n{component}", to("guests/echo.wasm")),
    );
    place.is_refused("it is the component of stage \"echo\"").await;
    for (script, text) in [("jq", "."), ("script", "rec => rec")] {
        place.write("the-script", text);
        let stage = format!("[[stage]]\nname = \"work\"\n{script} = {{ file = \"the-script\" }}\n");
        let pipeline = |sink: &str| format!("name = \"p\"\nsource = {{ {SOURCE} }}\nsink = {{ {sink} }}\n{stage}");
        place.write("pipeline.toml", pipeline(&to("the-script")));
        place.is_refused("it is the script of stage \"work\"").await;
        place.write("pipeline.toml", pipeline("kind = \"null\""));
        let said = place.ends("sandmill run --report the-script", 2).await;
        assert!(said.contains("the report (--report) would overwrite \"the-script\""), "{said}");
        assert_eq!(place.read("the-script"), text);
    }
    place.write(
        "pipeline.toml",
        format!(
            "name = \"p\"\nsource = {{ {SOURCE} }}\n[[sink]]\n{}\n[[sink]]\n{}\n",
            "kind = \"file\"\npath = \"a/out\"", "kind = \"file\"\npath = \"linked/a/out\""
        ),
    );
    place.is_refused("sink \"file-2\" and sink \"file-3\" write to the same file").await;
    assert!(!root.join("a").exists(), "nothing is made");

    place.pipeline(SOURCE, "kind = \"file\", path = \"out.txt\"");
    for (report, words) in [
        ("data.txt", "the report (--report) would overwrite \"data.txt\": it is read by source"),
        ("linked/pipeline.toml", "the report (--report) would overwrite"),
        ("linked/out.txt", "sink \"file-2\" and the report (--report) write to the same file"),
    ] {
        let said = place.ends(&format!("sandmill run --report {report}"), 2).await;
        assert!(said.contains(words), "{said}");
    }
    assert_eq!(place.read("data.txt"), DATA);
}

/// Messages were written over the records, or into the input (12).
#[tokio::test]
async fn messages_do_not_go_to_a_file_of_the_pipeline() {
    let place = Place::new();
    let root = place.0.path();
    symlink("out.txt", root.join("soft")).expect("links");
    place.pipeline(SOURCE, "kind = \"file\", path = \"out.txt\", if_exists = \"append\"");
    for (name, words) in [
        ("out.txt", "sink \"file-2\" and standard error write to the same file"),
        ("soft", "sink \"file-2\" and standard error write to the same file"),
        ("data.txt", "standard error goes to a file that is read by source \"file\""),
        ("pipeline.toml", "standard error goes to a file that is the pipeline file"),
        ("report.json", "the report (--report) and standard error write to the same file"),
    ] {
        place.ends(&format!("cp {name} before 2> /dev/null; sandmill run --report report.json 2>> {name}"), 2).await;
        let said = place.read(name);
        assert!(said.contains(words), "no {words:?} in: {said}");
        let written = fs::read_to_string(root.join("out.txt")).unwrap_or_default();
        assert!(!written.contains("three"), "nothing was written");
        place.ends(&format!("rm -f {name} out.txt; mv before {name} 2> /dev/null || true"), 0).await;
    }
    // What the shell has sent to one place goes there.
    place.pipeline(SOURCE, "kind = \"stdout\"");
    place.ends("sandmill run > log.txt 2>&1", 0).await;
    assert!(place.read("log.txt").starts_with(DATA), "{}", place.read("log.txt"));
    place.pipeline(SOURCE, "kind = \"file\", path = \"/dev/stderr\"");
    place.ends("sandmill run -q --fresh 2> log.txt", 0).await;
    assert_eq!(place.read("log.txt"), DATA);
}

/// A run that was refused had made it (12).
#[tokio::test]
async fn a_run_that_is_refused_makes_no_report() {
    let place = Place::new();
    let root = place.0.path();
    symlink("elsewhere.json", root.join("soft.json")).expect("links");
    symlink("no/where.json", root.join("lost.json")).expect("links");
    place.pipeline(SOURCE, "kind = \"file\", path = \"data.txt\"");
    for name in ["soft.json", "report.json"] {
        place.ends(&format!("sandmill run --report {name}"), 2).await;
        assert!(!root.join(name).exists(), "{name} was made");
    }
    place.pipeline(SOURCE, "kind = \"file\", path = \"out.txt\"");
    let said = place.ends("sandmill run --report lost.json", 2).await;
    assert!(said.contains("cannot open \"lost.json\" for the report") && !root.join("out.txt").exists(), "{said}");
    place.ends("sandmill run --report soft.json", 0).await;
    assert!(place.read("elsewhere.json").contains("\"ending\":\"completed\""));
}

/// `check` said that it could run, or a run ended with 4 before it had begun (12).
#[tokio::test]
async fn what_keeps_a_run_from_beginning_is_found_by_check_and_ends_both_with_2() {
    let place = Place::new();
    let root = place.0.path();
    place
        .ends(
            "mkdir here && ln -s no/where lost && ln -s lost lost-too && ln -s here/new.txt soft && ln -s gone folder",
            0,
        )
        .await;
    place.write("twice.csv", "a,a\n1,2\n");
    place.write("one.csv", "a\n1\n");
    place.write("archive.txt", "PK\x03\x04");
    place.write("wrong.txt.gz", DATA);
    let csv = |path: &str| format!("kind = \"file\", path = \"{path}\", format = \"csv\"");
    let null = "kind = \"null\"".to_owned();
    let file = |path: &str| format!("kind = \"file\", path = \"{path}\"");
    let append = |path: &str| format!("{}, if_exists = \"append\"", csv(path));
    let fail = |path: &str| format!("{}, if_exists = \"fail\"", file(path));
    let folder = |path: &str| format!("kind = \"folder\", path = \"{path}\"");
    let table = |path: &str| format!("kind = \"sqlite\", table = \"t\", path = \"{path}\"");
    let read = |path: &str| format!("kind = \"file\", path = \"{path}\"");
    let data = SOURCE.to_owned();
    for (source, sink, words) in [
        (&data, file("lost"), "\"lost\" is a link to \"no/where\", whose folder does not exist"),
        (&data, file("lost-too"), "\"lost-too\" is a link to \"no/where\", whose folder does not exist"),
        (&data, file("lost/out.txt"), "whose folder does not exist"),
        (&data, file("data.txt/out.txt"), "cannot write"),
        (&data, fail("soft"), "\"soft\" already exists"),
        (&data, folder("folder"), "\"folder\" is a link to \"gone\", whose folder does not exist"),
        (&data, folder("folder/below"), "whose folder does not exist"),
        (&data, table("lost"), "whose folder does not exist"),
        (&csv("one.csv"), append("twice.csv"), "names the column \"a\" more than once in its header"),
        (&csv("twice.csv"), null.clone(), "names the column \"a\" more than once in its header"),
        (&read("archive.txt"), null.clone(), "is a ZIP archive, which cannot be read here"),
        (&read("wrong.txt.gz"), null.clone(), "is not packed by gzip, although its name says so"),
    ] {
        place.pipeline(source, &sink);
        for line in ["sandmill check -q", "sandmill run -q"] {
            let said = place.ends(line, 2).await;
            assert!(said.contains(words), "`{line}`: no {words:?} in: {said}");
        }
    }
    place.write(
        "pipeline.toml",
        format!("name = \"p\"\nstate.path = \"lost\"\nsource = {{ {SOURCE} }}\nsink = {{ {null} }}\n"),
    );
    for line in ["sandmill check -q", "sandmill run -q"] {
        place.ends(line, 2).await;
    }
    // A link to a file that can be made is as good as that.
    place.pipeline(SOURCE, &file("soft"));
    place.ends("sandmill check -q && sandmill run -q", 0).await;
    assert_eq!((place.read("here/new.txt").as_str(), root.join("gone").exists()), (DATA, false));
}

/// A run that waits for its input.
async fn waiting(place: &Place) -> Child {
    let mut child = place.0.sandmill(&["run", "-q"]).stdin(Stdio::piped()).spawn().expect("sandmill");
    child.stdin.as_mut().expect("piped").write_all(b"first\n").await.expect("it reads");
    let written = async {
        while fs::read_to_string(place.0.path().join("out.txt")).unwrap_or_default() != "first\n" {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(BOUND, written).await.expect("it writes");
    child
}

/// Both wrote, and the second emptied what the first went on writing to (12).
#[tokio::test]
async fn of_two_runs_that_write_one_file_the_second_is_refused() {
    let place = Place::new();
    symlink("out.txt", place.0.path().join("soft")).expect("links");
    place.pipeline("kind = \"stdin\"", "kind = \"file\", path = \"out.txt\"");
    let mut first = waiting(&place).await;
    for (name, if_exists) in [("out.txt", "replace"), ("soft", "append")] {
        let text = format!(
            "name = \"q\"\nsource = {{ {SOURCE} }}\nsink = {{ kind = \"file\", path = \"{name}\", if_exists = \"{if_exists}\" }}\n"
        );
        place.write("second.toml", text);
        let said = place.ends("sandmill run second.toml", 2).await;
        assert!(said.contains(&format!("another run is writing to \"{name}\"")), "{said}");
    }
    assert_eq!(place.read("out.txt"), "first\n");
    first.kill().await.expect("it can be killed");
    place.ends("sandmill run second.toml", 0).await;
    assert_eq!(place.read("out.txt"), format!("first\n{DATA}"));

    let first = waiting(&place).await;
    assert_eq!(finish(first, BOUND).await.expect("its input ends").code, 0);
}

/// All records were "delivered", with exit code 0 (12).
#[tokio::test]
async fn a_closed_standard_stream_is_told_and_takes_no_records() {
    let place = Place::new();
    place.pipeline(SOURCE, "kind = \"stdout\"");
    for line in ["sandmill run --fresh >&-", "sandmill check >&-", "sandmill run --fresh 1< guests/echo.wasm"] {
        let seen = place.run(line).await;
        assert!(seen.code == 2 || seen.code == 4, "`{line}`: {}", seen.stderr);
        assert!(seen.stderr.contains("standard output"), "{}", seen.stderr);
    }
    for path in ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"] {
        place.pipeline(SOURCE, &format!("kind = \"file\", path = \"{path}\""));
        let said = place.ends("sandmill run --fresh >&-", 2).await;
        assert!(said.contains("standard output is closed"), "{said}");
    }
    place.pipeline("kind = \"stdin\"", "kind = \"file\", path = \"out.txt\"");
    let said = place.ends("sandmill run --fresh <&-", 2).await;
    assert!(said.contains("standard input is closed"), "{said}");
    place.pipeline("kind = \"file\", path = \"/dev/stdin\"", "kind = \"file\", path = \"out.txt\"");
    let said = place.ends("sandmill run --fresh <&-", 2).await;
    assert!(said.contains("standard input is closed"), "{said}");
    // What is closed and not needed is in nobody's way, and no file takes its number.
    place.pipeline(SOURCE, "kind = \"file\", path = \"out.txt\"");
    place.ends("sandmill run --fresh <&- >&- 2>&-", 0).await;
    assert_eq!(place.read("out.txt"), DATA);
}

/// What was in the log before was gone, and what others wrote to it was written over (12).
#[tokio::test]
async fn a_path_that_names_a_descriptor_goes_on_where_the_shell_is() {
    let place = Place::new();
    symlink("/dev/stdout", place.0.path().join("log")).expect("links");
    for path in ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "log", "/dev/fd/7"] {
        for if_exists in ["replace", "append"] {
            place.pipeline(SOURCE, &format!("kind = \"file\", path = \"{path}\", if_exists = \"{if_exists}\""));
            place.write("log.txt", "before\n");
            place.ends("sandmill run -q >> log.txt 7>&1", 0).await;
            assert_eq!(place.read("log.txt"), format!("before\n{DATA}"), "{path}");
            place.ends("{ echo before; sandmill run -q 7>&1; echo after; } > log.txt", 0).await;
            assert_eq!(place.read("log.txt"), format!("before\n{DATA}after\n"), "{path}");
        }
    }
    place.pipeline(SOURCE, "kind = \"file\", path = \"out.txt\"");
    place.ends("{ echo before; sandmill run -q --report /dev/stdout; echo after; } > log.txt", 0).await;
    let log = place.read("log.txt");
    assert!(log.starts_with("before\n{") && log.ends_with("}\nafter\n"), "{log}");
    let said = place.ends("sandmill run 7< data.txt --report /dev/fd/77", 2).await;
    assert!(said.contains("descriptor 77 is closed"), "{said}");
}

/// The process was ended by SIGXFSZ, and nobody heard why (12).
#[tokio::test]
async fn a_limit_on_the_size_of_files_is_reported_and_leaves_whole_lines() {
    let place = Place::new();
    place.pipeline(
        "kind = \"generate\", what = \"text\", record_bytes = 99, records = 100_000",
        "kind = \"file\", path = \"out.txt\"",
    );
    let said = place.ends("ulimit -f 1000; exec sandmill run --report report.json", 4).await;
    assert!(said.contains("`ulimit -f` allows no larger file"), "{said}");
    assert!(place.read("report.json").contains("\"ending\":\"aborted\""));
    assert!(place.read("out.txt").ends_with('\n'));
    place.pipeline("kind = \"generate\", what = \"text\", record_bytes = 99, records = 100_000", "kind = \"stdout\"");
    place.write("out.txt", "before\n");
    place.ends("ulimit -f 1000; exec sandmill run -q --fresh >> out.txt", 4).await;
    let text = place.read("out.txt");
    assert!(text.starts_with("before\n") && text.ends_with('\n') && text.len() > 100_000, "half a line is left");
}

/// A run and a check panicked, even where the name was not matched; a link to its own folder was followed 41 times
/// (12).
#[tokio::test]
async fn names_that_are_not_utf_8_and_links_in_a_circle_do_no_harm() {
    let place = Place::new();
    place.ends("mkdir d && echo odd > \"d/$(printf 'caf\\351').log\" && ln -s . d/self && ln -s .. d/up", 0).await;
    place.write("d/a.log", "a\n");
    place.pipeline("kind = \"file\", path = \"d/a*\"", "kind = \"file\", path = \"out.txt\"");
    place.ends("sandmill check -q && sandmill run -q", 0).await;
    assert_eq!(place.read("out.txt"), "a\n");
    place.pipeline("kind = \"file\", path = \"d/**/*.log\"", "kind = \"file\", path = \"out.txt\"");
    place.ends("sandmill check -q && sandmill run -q --report report.json", 0).await;
    assert_eq!(place.read("out.txt"), "a\nodd\n");
}

/// Was read twice (12).
#[tokio::test]
async fn a_file_with_two_names_is_read_once_and_that_is_told() {
    let place = Place::new();
    fs::hard_link(place.0.path().join("data.txt"), place.0.path().join("hard.txt")).expect("links");
    let source = "kind = \"file\", path = [\"data.txt\", \"guests/../data.txt\", \"*.txt\"]";
    place.pipeline(source, "kind = \"stdout\"");
    let seen = place.run("sandmill run").await;
    assert_eq!((seen.code, seen.stdout.as_str()), (0, DATA));
    assert!(
        seen.stderr.contains("\"hard.txt\" is another name of \"data.txt\": the file is read once"),
        "{}",
        seen.stderr
    );
    place.pipeline("kind = \"file\", format = \"bytes\", path = \"*.txt\"", "kind = \"folder\", path = \"out\"");
    place.ends("sandmill run", 0).await;
    assert_eq!((place.read("out/data.txt"), place.read("out/hard.txt")), (DATA.to_owned(), DATA.to_owned()));
}

/// One damaged file ended the run, and each one after it (12).
#[tokio::test]
async fn a_bad_file_among_many_is_a_dead_letter() {
    let place = Place::new();
    let prepare = "mkdir d && seq 1 3 > d/a.log && seq 1 9999 | gzip | head -c 5000 > d/b.log && ln -s nowhere d/c.log \
        && printf 'BZh91AY&SY' > d/d.log; seq 7 9 > d/e.log";
    place.ends(prepare, 0).await;
    place.pipeline("kind = \"file\", path = \"d/*.log\"", "kind = \"file\", path = \"out.txt\"");
    let said = place.ends("sandmill run", 3).await;
    for words in ["d/b.log\" is incomplete", "cannot read \"d/c.log\"", "d/d.log\" is packed by bzip2"] {
        assert!(said.contains(words), "no {words:?} in: {said}");
    }
    let text = place.read("out.txt");
    assert!(text.starts_with("1\n2\n3\n1\n2\n3\n4\n5\n") && text.ends_with("\n7\n8\n9\n"), "{}", &text[..50]);
    place.pipeline("kind = \"file\", path = \"d/*.log\", on_error = \"fail\"", "kind = \"file\", path = \"out.txt\"");
    let said = place.ends("sandmill run --fresh", 4).await;
    assert!(said.contains("d/b.log\" is incomplete"), "{said}");
    // The only one is not one of many.
    place.pipeline("kind = \"file\", path = \"d/b.log\"", "kind = \"file\", path = \"out.txt\"");
    place.ends("sandmill run --fresh", 4).await;
}

/// Was delivered as it lies on disk, compressed (12).
#[tokio::test]
async fn what_is_packed_is_unpacked_whatever_it_is_called() {
    let place = Place::new();
    place.ends("mkdir d && gzip -c data.txt > d/app.log.1 && gzip -c data.txt > d/app.log.2.gz && head -c 4096 /dev/zero >> d/app.log.1", 0).await;
    place.pipeline("kind = \"file\", path = \"d/*\"", "kind = \"stdout\"");
    let seen = place.run("sandmill run -q").await;
    assert_eq!((seen.code, seen.stdout), (0, format!("{DATA}{DATA}")), "{}", seen.stderr);
    place.pipeline("kind = \"stdin\"", "kind = \"stdout\"");
    let seen = place.run("cat d/app.log.1 | sandmill run -q").await;
    assert_eq!((seen.code, seen.stdout.as_str()), (0, DATA), "{}", seen.stderr);
    let seen = place.run("sandmill run -q < data.txt").await;
    assert_eq!((seen.code, seen.stdout.as_str()), (0, DATA), "{}", seen.stderr);
    let said = place.ends("printf 'PK\\003\\004' | sandmill run -q", 4).await;
    assert!(said.contains("it is a ZIP archive, which cannot be read here"), "{said}");
    // As whole files they are what they are, unless their name says otherwise.
    place.pipeline("kind = \"file\", format = \"bytes\", path = \"d/*\"", "kind = \"folder\", path = \"out\"");
    place.ends("sandmill run -q && cmp d/app.log.1 out/app.log.1 && cmp data.txt out/app.log.2", 0).await;
}

/// Bytes were delivered as they lie on disk, or the reason was a wrong one (12).
#[tokio::test]
async fn what_cannot_be_unpacked_is_never_delivered_as_it_is() {
    let place = Place::new();
    let prepare = "gzip -c data.txt > one.gz && gzip -c one.gz > two.gz && zstd -qc one.gz > three 2> /dev/null; \
        printf '\\037\\213' > head && printf 'hi\\n' > short.gz && : > empty.gz && printf 'hi\\n' > short.zst \
        && cat one.gz data.txt > junk && cat one.gz one.gz > both && tar -cf tar data.txt && tar -czf tar.gz data.txt";
    place.ends(prepare, 0).await;
    for (name, given, words) in [
        ("two.gz", "", "\"two.gz\" is packed twice: it unpacks to gzip data"),
        ("three", "", "\"three\" is packed twice: it unpacks to gzip data"),
        ("head", "", "\"head\" is incomplete: it ends after 2 bytes, before its gzip data does"),
        ("short.gz", "", "\"short.gz\" is not packed by gzip, although its name says so"),
        ("short.zst", "", "\"short.zst\" is not packed by zstd, although its name says so"),
        ("empty.gz", "", "\"empty.gz\" is incomplete: it ends after 0 bytes"),
        ("junk", DATA, "\"junk\" has something after its gzip data that is not gzip data"),
        ("tar", "", "\"tar\" is a tar archive, which cannot be read here"),
        ("tar.gz", "", "\"tar.gz\" unpacks to what is a tar archive, which cannot be read here"),
    ] {
        place.pipeline(&format!("kind = \"file\", path = \"{name}\""), "kind = \"stdout\"");
        let seen = place.run("sandmill run -q --fresh").await;
        assert!([2, 4].contains(&seen.code) && seen.stderr.contains(words), "{name}: {}: {}", seen.code, seen.stderr);
        // A run that ends with an error may end before all that was read has been written; that is in flight, and not
        // lost.
        assert!(given.starts_with(&seen.stdout), "{name}: {}", seen.stdout);
        place.pipeline("kind = \"stdin\"", "kind = \"stdout\"");
        if !name.starts_with("short") {
            let seen = place.run(&format!("cat {name} | sandmill run -q")).await;
            let is_nothing = name == "empty.gz";
            assert_eq!(seen.code == 0, is_nothing, "{name} by a pipe: {}", seen.stderr);
            assert!(given.starts_with(&seen.stdout), "{name} by a pipe: {}", seen.stdout);
        }
    }
    place.pipeline("kind = \"file\", path = \"both\"", "kind = \"stdout\"");
    assert_eq!(place.run("sandmill run -q").await.stdout, format!("{DATA}{DATA}"));
}
