//! The examples: each runs as the first line of its README says, and gives what its folder `expected` holds. `BLESS=1`
//! rewrites what is expected.
//!
//! They run in a copy, with the stages linked beside and inside it, so that no run leaves anything in the repository but
//! components, and none is built twice.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;

use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

/// What a run of an example left behind.
struct Ran {
    name: &'static str,
    /// A copy of the repository, as far as examples need it.
    root: tempfile::TempDir,
    exit: Option<i32>,
    stdout: Vec<u8>,
    stderr: String,
}

/// Runs the command in the first line of the example's README.
fn run(name: &'static str) -> Ran {
    build_stages();
    let root = copy(name);
    let folder = root.path().join("examples").join(name);
    let readme = fs::read_to_string(folder.join("README.md")).expect("an example has a README");
    let mut words = readme.lines().next().unwrap_or_default().split_ascii_whitespace();
    assert_eq!(words.next(), Some("sandmill"), "the first line of a README is the command");
    let output = Command::new(built("sandmill", "cargo build -p sandmill"))
        .args(words)
        .args(["--report", "report.json"])
        .current_dir(root.path())
        .output()
        .expect("sandmill starts");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let ran = Ran { name, root, exit: output.status.code(), stdout: output.stdout, stderr };
    let mut account = serde_json::to_vec_pretty(&ran.report().get("accounting")).expect("it was JSON before");
    account.push(b'\n');
    ran.expect("accounting.json", &account);
    ran
}

impl Ran {
    fn folder(&self) -> PathBuf {
        self.root.path().join("examples").join(self.name)
    }

    fn report(&self) -> Value {
        let report = fs::read(self.root.path().join("report.json")).unwrap_or_default();
        assert!(!report.is_empty(), "no report of {}:\n{}", self.name, self.stderr);
        serde_json::from_slice(&report).expect("a report is JSON")
    }

    /// Compares with a file of the folder `expected`, or rewrites that.
    fn expect(&self, file: &str, actual: &[u8]) {
        expect(self.name, file, actual);
    }

    /// What a query finds in a database of the example, a line for each row; rows have one column.
    fn query(&self, database: &str, query: &str) -> Vec<String> {
        let connection = Connection::open_with_flags(self.folder().join(database), OpenFlags::SQLITE_OPEN_READ_ONLY)
            .expect("the example has made its database");
        let mut statement = connection.prepare(query).expect("the query fits the table");
        let rows = statement.query_map([], |row| row.get(0)).expect("the query runs");
        rows.map(|row| row.expect("the first column is text")).collect()
    }

    fn query_file(&self, database: &str, file: &str) -> Vec<u8> {
        let query = fs::read_to_string(self.folder().join(file)).expect("the example has the query");
        lines(&self.query(database, &query))
    }

    /// The dead letters in the order of the input, each as place, node and reason.
    fn dead_letters(&self) -> Vec<u8> {
        let text = tests::letters::lines(&self.folder().join("out/state.db"));
        let mut letters: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).expect("a dead letter is JSON")).collect();
        letters.sort_by_key(|letter| letter.get("record").and_then(Value::as_u64));
        let text =
            |letter: &Value, field: &str| letter.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let told = letters.iter().map(|letter| ["place", "node", "reason"].map(|field| text(letter, field)).join(": "));
        lines(&told.collect::<Vec<_>>())
    }
}

fn expect(example: &str, file: &str, actual: &[u8]) {
    let path = repository().join("examples").join(example).join("expected").join(file);
    if std::env::var_os("BLESS").is_some() {
        fs::create_dir_all(path.parent().expect("a file has a folder")).expect("the folder can be made");
        fs::write(&path, actual).expect("what is expected can be rewritten");
        return;
    }
    let expected = fs::read(&path).unwrap_or_default();
    assert!(
        expected == actual,
        "{} differs from what {example} gave (BLESS=1 rewrites it). It gave:\n{}",
        path.display(),
        String::from_utf8_lossy(actual.get(..2000).unwrap_or(actual)),
    );
}

fn lines(lines: &[String]) -> Vec<u8> {
    lines.iter().flat_map(|line| [line.as_bytes(), b"\n"].concat()).collect()
}

fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// A program beside this test: `target/<profile>/<name>`. Cargo tells the path of a program only to tests of its package.
fn built(name: &str, command: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows where it is");
    let folder = test.ancestors().nth(2).expect("a test is in target/<profile>/deps");
    let program = folder.join(name);
    assert!(program.is_file(), "{} is not there: run `{command}` first", program.display());
    program
}

/// Builds the stages of all examples, once. It takes half a minute on a fresh clone, and no time after that.
pub(crate) fn build_stages() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let stages = fs::read_dir(repository().join("stages")).expect("there are stages");
        let mut folders: Vec<PathBuf> = stages.map(|stage| stage.expect("it can be read").path()).collect();
        // Those of other languages take minutes and a C compiler for WebAssembly: their components are kept in stages/std.
        let kept = ["javascript-engine", "jq", "script-javascript"];
        let is_kept = |folder: &PathBuf| kept.iter().any(|name| folder.ends_with(name));
        folders.retain(|folder| {
            let manifest = fs::read_to_string(folder.join("Cargo.toml"));
            !is_kept(folder) && manifest.is_ok_and(|manifest| manifest.contains("cdylib"))
        });
        folders.sort();
        let sandmill = built("sandmill", "cargo build -p sandmill");
        let output = Command::new(sandmill).arg("build").args(folders).output().expect("sandmill starts");
        assert!(output.status.success(), "the stages do not build:\n{}", String::from_utf8_lossy(&output.stderr));
    });
}

/// A folder with the example, and the stages where the example looks for them.
fn copy(name: &str) -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("there is room for a folder");
    symlink(fs::canonicalize(repository().join("stages")).expect("there are stages"), root.path().join("stages"))
        .expect("links can be made");
    copy_folder(&repository().join("examples").join(name), &root.path().join("examples").join(name));
    root
}

/// Copies a folder, but not what runs in it have left. Folders that are stages are linked.
fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder can be made");
    for entry in fs::read_dir(from).expect("the example is there") {
        let entry = entry.expect("it can be read");
        let name = entry.file_name();
        if entry.path().join("sandmill.toml").is_file() {
            let stage = fs::canonicalize(entry.path()).expect("it is there");
            symlink(stage, to.join(name)).expect("links can be made");
        } else if entry.path().is_dir() && name != "out" {
            copy_folder(&entry.path(), &to.join(name));
        } else if entry.path().is_file() {
            fs::copy(entry.path(), to.join(name)).expect("it can be copied");
        }
    }
}

#[test]
fn access_log() {
    let ran = run("access-log");
    assert_eq!(ran.exit, Some(3), "{}", ran.stderr);
    ran.expect("top.txt", &ran.query_file("out/visits.db", "top.sql"));
    let masked = "SELECT path FROM visits WHERE path LIKE '%@%' OR path LIKE '%\\%40%' ESCAPE '\\'";
    assert_eq!(ran.query("out/visits.db", masked), Vec::<String>::new(), "no address has come through");
    let printed = Command::new(ran.folder().join("query.sh")).output().expect("it can be run");
    assert_eq!(String::from_utf8_lossy(&printed.stderr), "");
    ran.expect("top.txt", &printed.stdout);
}

#[test]
fn numbers() {
    let ran = run("numbers");
    assert_eq!(ran.exit, Some(0), "{}", ran.stderr);
    ran.expect("stdout", &ran.stdout);
    let computed = (1..=100_000).map(|number| number * 3 + 1).filter(|number| number % 100 == 0);
    let computed: Vec<String> = computed.map(|number: u32| number.to_string()).collect();
    assert_eq!(String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&lines(&computed)));
}

#[test]
fn csv_etl() {
    let ran = run("csv-etl");
    assert_eq!(ran.exit, Some(3), "{}", ran.stderr);
    ran.expect("by-country.txt", &ran.query_file("out/orders.db", "orders.sql"));
    ran.expect("dead-letters.txt", &ran.dead_letters());
    let orders = ran.query("out/orders.db", "SELECT CAST(\"order\" AS TEXT) FROM orders ORDER BY rowid");
    assert!(orders.is_sorted(), "the table has the order of the file: {orders:?}");
}

#[test]
fn enrich() {
    let ran = run("enrich");
    assert_eq!(ran.exit, Some(0), "{}", ran.stderr);
    ran.expect("stdout", &ran.stdout);
    let all = String::from_utf8_lossy(&ran.stdout).into_owned() + &ran.stderr + &ran.report().to_string();
    let visits = fs::read_to_string(ran.folder().join("visits.jsonl")).expect("the example has visits");
    let visits = visits.lines().map(|line| serde_json::from_str::<Value>(line).expect("a visit is JSON"));
    let addresses: Vec<String> = visits.filter_map(|visit| Some(visit.get("ip")?.as_str()?.to_owned())).collect();
    assert_eq!(addresses.iter().find(|address| all.contains(*address)), None, "no address has come through");
    assert!(!all.contains("This key is no secret"), "nor has the key");
}

#[test]
fn images() {
    let ran = run("images");
    assert_eq!(ran.exit, Some(0), "{}", ran.stderr);
    for picture in ["mandelbrot.png", "mill.png", "rings.png", "shapes.png"] {
        ran.expect(picture, &fs::read(ran.folder().join("out").join(picture)).expect("it has been made"));
    }
}

#[test]
fn any_program() {
    let ran = run("any-program");
    assert_eq!(ran.exit, Some(3), "{}", ran.stderr);
    ran.expect("stdout", &ran.stdout);
    ran.expect("dead-letters.txt", &ran.dead_letters());
}

#[test]
fn polyglot() {
    let missing = crate::conformance::left_out();
    if let Some(language) = ["go", "python", "typescript", "zig", "c"].into_iter().find(|it| missing.contains(it)) {
        eprintln!("left out: examples/polyglot, because there is no compiler for {language} here");
        return;
    }
    let ran = run("polyglot");
    assert_eq!(ran.exit, Some(3), "{}", ran.stderr);
    ran.expect("stdout", &ran.stdout);
    ran.expect("dead-letters.txt", &ran.dead_letters());
}

/// The function of `concurrent.futures` is the stage's, and gives the same through both. What it takes is for `make bench`.
#[test]
fn python_pool() {
    if crate::conformance::left_out().contains("python") {
        eprintln!("left out: examples/python-pool, because there is no compiler for python here");
        return;
    }
    let ran = run("python-pool");
    assert_eq!(ran.exit, Some(0), "{}", ran.stderr);
    ran.expect("stdout", &ran.stdout);
    for name in ["normalise", "score", "shout"] {
        let text = |file: String| fs::read_to_string(ran.folder().join(file)).expect("the example has it");
        let stage = text(format!("{name}/stage.py"));
        assert!(stage.contains("\n@stage\n"), "{name} is a stage");
        let undecorated = stage.replace("\n\nfrom sandmill import stage\n", "\n").replace("@stage\n", "");
        assert_eq!(undecorated, text(format!("before/{name}.py")), "nothing but the decorator is added");
    }
    let Some(python) = tests::python::newest() else {
        eprintln!("left out: examples/python-pool/compare.py, because there is no Python here");
        return;
    };
    let output = Command::new(python)
        .arg(ran.folder().join("compare.py"))
        .args(["--lines", "3000", "--sandmill"])
        .arg(built("sandmill", "cargo build -p sandmill"))
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let left_out = said.lines().filter(|line| line.starts_with("left out: ")).collect::<Vec<_>>();
    eprintln!("{}", left_out.join("\n"));
    let interpreters = said.contains("InterpreterPoolExecutor, a record a task");
    assert!(interpreters || !left_out.is_empty(), "a way that is left out is named:\n{said}");
}

#[test]
fn library() {
    build_stages();
    let program = built("examples/library", "cargo build -p sandmill --examples");
    let output = Command::new(program).output().expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    expect("library", "stdout", &output.stdout);
}
