//! From a new stage's folder to a component: wherever the folder lies, and however the build ends.

use std::path::Path;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tests::command::{BOUND, Sandbox, Seen, finish, program};
use tokio::time::{sleep, timeout};

/// What stages need is compiled by the first of them; with a cache that is empty, that takes minutes on a slow machine.
const COMPILE_BOUND: Duration = Duration::from_secs(600);

/// Without the variables that would give the build a target folder of its own.
async fn run(sandbox: &Sandbox, line: &str) -> Seen {
    let mut command = sandbox.shell(line);
    command.env_remove("CARGO_TARGET_DIR").env_remove("CARGO_BUILD_TARGET_DIR");
    finish(command.spawn().expect("sh"), COMPILE_BOUND).await.expect(line)
}

/// `sandmill new` wrote a path of its own machine into the folder, and each new stage compiled the same crates again
/// (issue 12). In one target folder for all, stages of one name would get each other's code.
#[tokio::test]
async fn a_new_stage_builds_where_it_is_moved_and_what_others_compiled_is_found() {
    let sandbox = Sandbox::new().expect("a sandbox");
    let seen = run(&sandbox, "mkdir a b && sandmill new -q shout --path a && sandmill build a/shout").await;
    assert_eq!(seen.code, 0, "{}", seen.stderr);
    assert!(!seen.stderr.contains("warning"), "nobody's first stage begins with warnings: {}", seen.stderr);

    let lower = "sandmill new -q shout --path b && sed -i s/to_uppercase/to_lowercase/ b/shout/src/lib.rs";
    let seen = run(&sandbox, &format!("{lower} && sandmill build b/shout")).await;
    assert_eq!(seen.code, 0, "{}", seen.stderr);
    let compiled: Vec<_> = seen.stderr.lines().filter(|line| line.trim_start().starts_with("Compiling")).collect();
    assert!(matches!(&compiled[..], [own] if own.contains("shout v0.1.0")), "only itself: {compiled:?}");

    // As after a clone: what version control ignores is gone.
    let moved = "mv a/shout c && rm -r c/.sandmill c/target";
    let seen =
        run(&sandbox, &format!("{moved} && echo Hello | sandmill run -q c; echo Hello | sandmill run -q b/shout"))
            .await;
    assert_eq!((seen.code, seen.stdout.as_str()), (0, "HELLO\nhello\n"), "{}", seen.stderr);
}

#[tokio::test]
async fn with_q_a_mistake_is_still_shown_with_its_place() {
    let sandbox = Sandbox::new().expect("a sandbox");
    let broken = "sandmill new -q shout && sed -i s/line.to/lin.to/ shout/src/lib.rs";
    let seen = run(&sandbox, &format!("{broken} && sandmill build -q shout")).await;
    assert_eq!(seen.code, 2, "{}", seen.stderr);
    assert!(seen.stderr.contains("cannot find value `lin` in this scope (src/lib.rs:4:5)"), "{}", seen.stderr);
}

/// Cargo, and what it had started, went on for minutes (issue 12).
#[tokio::test]
async fn a_signal_ends_a_build_with_all_that_works_for_it() {
    for signal in [Signal::TERM, Signal::INT] {
        let sandbox = Sandbox::new().expect("a sandbox");
        let bin = sandbox.path().join("bin");
        std::fs::create_dir(&bin).expect("a folder");
        // A compiler that has the target, so that cargo on the path is the one that is run.
        let sysroot = sandbox.path().join("sysroot");
        std::fs::create_dir_all(sysroot.join("lib/rustlib/wasm32-unknown-unknown/lib")).expect("folders");
        program(&bin.join("rustc"), &format!("#!/bin/sh\necho {}\n", sysroot.display()));
        // Does not answer `cargo metadata`; says what works for it, and works for ever.
        let cargo = "#!/bin/sh\n[ \"$1\" = metadata ] && exit 1\nsleep 600 &\necho $! > ../worker\nwait\n";
        program(&bin.join("cargo"), cargo);
        run(&sandbox, "sandmill new -q shout").await;

        let search = format!("{}:{}", bin.display(), search_path(&sandbox));
        let child = sandbox.sandmill(&["build", "shout"]).env("PATH", search).spawn().expect("sandmill");
        let worker = pid(&sandbox.path().join("worker")).await;
        let id = child.id().expect("it runs").cast_signed();
        kill_process(Pid::from_raw(id).expect("not zero"), signal).expect("it can be signalled");
        let seen = finish(child, BOUND).await.expect("it ends");
        assert_eq!(seen.code, 130, "{}", seen.stderr);
        assert!(seen.stderr.contains("the build was stopped"), "{}", seen.stderr);
        let gone = async {
            while works(worker) {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(BOUND, gone).await.expect("what cargo started ends, too");
    }
}

/// Whether it is there, and not only its exit code, which may wait for whoever has adopted it.
fn works(process: Pid) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero())).unwrap_or_default();
    test_kill_process(process).is_ok() && !state.contains(") Z")
}

fn search_path(sandbox: &Sandbox) -> String {
    let command = sandbox.shell("");
    let path = command.as_std().get_envs().find(|(name, _)| *name == "PATH").and_then(|(_, value)| value);
    path.expect("a search path").to_string_lossy().into_owned()
}

/// The number in a file that is about to be written.
async fn pid(file: &Path) -> Pid {
    let written = async {
        loop {
            let text = std::fs::read_to_string(file).unwrap_or_default();
            if let Some(pid) = text.trim().parse().ok().filter(|_| text.ends_with('\n')).and_then(Pid::from_raw) {
                break pid;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(BOUND, written).await.expect("cargo begins")
}

/// As [`run`], with the cache that this test is run with: the compilers are there.
async fn run_with_compilers(sandbox: &Sandbox, line: &str) -> Seen {
    let mut command = sandbox.shell(line);
    match std::env::var_os("SANDMILL_CACHE") {
        Some(cache) => command.env("SANDMILL_CACHE", cache),
        None => command.env_remove("SANDMILL_CACHE"),
    };
    finish(command.spawn().expect("sh"), COMPILE_BOUND).await.expect(line)
}

/// A pipeline around a script in Python, in a folder of its own.
const PYTHON: &str = r#"name = "p"
source = { kind = "stdin", format = "lines" }
sink = { kind = "stdout" }
[[stage]]
name = "pick"
language = "python"
config = { limit = 2 }
script = """
def pick(record):
    if record > config["limit"]:
        return [To(0, {"n": record}), Json([record])]
    return record // 0 if record else None
"""
"#;

#[tokio::test]
async fn a_script_in_python_needs_one_build_for_all_scripts() {
    if !has_python() {
        return;
    }
    let sandbox = Sandbox::new().expect("a sandbox");
    std::fs::write(sandbox.path().join("p.toml"), PYTHON).expect("a pipeline");
    let seen = run_with_compilers(&sandbox, "printf '3\n0\n1\n' | sandmill run --offline -q p.toml").await;
    assert_eq!((seen.code, seen.stdout.as_str()), (3, "{\"n\":3}\n[3]\n"), "{}", seen.stderr);
    let seen = run_with_compilers(&sandbox, "sandmill dead-letters list p.toml").await;
    assert!(seen.stdout.contains("ZeroDivisionError: division by zero (script:4 in pick)"), "{}", seen.stdout);

    // Another script, and one that `new` makes: nothing is built again.
    let other = PYTHON.replace("record // 0", "record + 1");
    std::fs::write(sandbox.path().join("p.toml"), other).expect("a pipeline");
    let seen = run_with_compilers(&sandbox, "printf '1\n' | sandmill run --offline p.toml").await;
    assert_eq!((seen.code, seen.stdout.as_str()), (0, "2\n"), "{}", seen.stderr);
    assert!(!seen.stderr.contains("building"), "{}", seen.stderr);
    let seen =
        run_with_compilers(&sandbox, "sandmill new -q mark --script python && sandmill run --offline -q mark").await;
    let expected = "{\"name\":\"Ada\",\"city\":\"LONDON\",\"mean\":40.166666666666664}\n\
                    {\"name\":\"Edsger\",\"city\":\"ROTTERDAM\",\"mean\":19.9}\n";
    assert_eq!((seen.code, seen.stdout.as_str()), (0, expected), "{}", seen.stderr);
}

#[tokio::test]
async fn a_mistake_in_a_script_in_python_is_shown_where_it_stands() {
    if !has_python() {
        return;
    }
    let sandbox = Sandbox::new().expect("a sandbox");
    let wrong = PYTHON.replace("config[\"limit\"]:", "config[\"limit\"]");
    std::fs::write(sandbox.path().join("p.toml"), wrong).expect("a pipeline");
    let seen = run_with_compilers(&sandbox, "sandmill check --offline p.toml").await;
    assert_eq!(seen.code, 2, "{}", seen.stderr);
    assert!(seen.stderr.contains("p.toml:10:32: stage \"pick\": SyntaxError: expected ':'"), "{}", seen.stderr);
}

#[tokio::test]
async fn without_its_compiler_a_script_in_python_says_what_to_install() {
    let sandbox = Sandbox::new().expect("a sandbox");
    std::fs::write(sandbox.path().join("p.toml"), PYTHON).expect("a pipeline");
    let seen = run(
        &sandbox,
        "SANDMILL_CACHE=$PWD/empty PATH=$(dirname $(command -v sandmill)):/bin sandmill check --offline p.toml",
    )
    .await;
    assert_eq!(seen.code, 2, "{}", seen.stderr);
    assert!(seen.stderr.contains("sandmill toolchain install python"), "{}", seen.stderr);
}

/// A stage in Python that says of what it is made of whether CPython counts who holds it, and whose end is seen.
const UNCOUNTED: &str = r#"import sys
import weakref
from sandmill import stage

class Told:
    def __del__(self):
        ended.append("told")

class Watched:
    pass

ended = []
names = {"of the module": [1.5]}
table = [str(number) * 3 for number in range(10_000)]
told, watched = Told(), Watched()
weakref.finalize(watched, ended.append, "watched").atexit = False

@stage
def say(line: str) -> str:
    global told, watched
    told = watched = None
    parts = [say, say.__code__, Told, names, names["of the module"], json_of]
    counted = [line, [], table[5]]
    return f"{[sys._is_immortal(each) for each in parts]} {[sys._is_immortal(each) for each in counted]} {ended}"

def json_of(value):
    return value
"#;

#[tokio::test]
async fn nobody_counts_who_holds_what_a_stage_in_python_is_made_of() {
    if !has_python() {
        return;
    }
    let sandbox = Sandbox::new().expect("a sandbox");
    let seen = run_with_compilers(&sandbox, "sandmill new -q say --lang python").await;
    assert_eq!(seen.code, 0, "{}", seen.stderr);
    std::fs::write(sandbox.path().join("say/stage.py"), UNCOUNTED).expect("a stage");
    let seen = run_with_compilers(&sandbox, "cd say && echo a record | sandmill run --offline -q").await;
    let expected = "[True, True, True, True, True, True] [False, False, False] ['told', 'watched']\n";
    assert_eq!((seen.code, seen.stdout.as_str()), (0, expected), "{}", seen.stderr);
}

/// Whether this machine has what scripts in Python are built with.
#[expect(clippy::print_stderr, reason = "whoever runs the tests is told")]
fn has_python() -> bool {
    let has = !crate::conformance::left_out().contains("python");
    if !has {
        eprintln!("left out: scripts in Python, whose toolchain is not on this machine");
    }
    has
}
