//! Stages without an SDK: what `docs/abi.md` says is what the host does.

use std::fs;
use std::path::Path;

use tests::command::{BOUND, Sandbox, Seen, finish, program};

const PAGE: &str = include_str!("../docs/abi.md");

/// What stands in the page's block of that kind.
fn block(kind: &str) -> &'static str {
    let begin = PAGE.find(&format!("```{kind}\n")).expect("the block") + kind.len() + 4;
    let rest = &PAGE[begin..];
    &rest[..rest.find("\n```").expect("its end")]
}

async fn run(sandbox: &Sandbox, line: &str) -> Seen {
    finish(sandbox.shell(line).spawn().expect("sh"), BOUND).await.expect(line)
}

/// The page's folder, with an assembler of our own under the name that the page calls.
fn folder(sandbox: &Sandbox, module: &str) {
    let stage = sandbox.path().join("shout");
    fs::create_dir(&stage).expect("a folder");
    fs::write(stage.join("sandmill.toml"), block("toml")).expect("settings");
    fs::write(stage.join("stage.wat"), module).expect("a module");
    fs::write(sandbox.path().join("assembled"), wat::parse_str(module).expect("WAT")).expect("a module");
    program(&sandbox.path().join("wat2wasm"), "#!/bin/sh\necho assembling $1\ncp ../assembled $3\n");
    let pipeline = "name = \"shout\"\n[source]\nkind = \"stdin\"\n[[stage]]\nname = \"shout\"\ncomponent = \".\"\n[sink]\nkind = \"stdout\"\n";
    fs::write(stage.join("pipeline.toml"), pipeline).expect("a pipeline");
}

#[tokio::test]
async fn the_example_of_the_page_is_a_stage() {
    let sandbox = Sandbox::new().expect("a sandbox");
    folder(&sandbox, block("wat"));
    let build = "PATH=$PWD:$PATH; export PATH; sandmill build shout && sandmill inspect shout --json";
    let seen = run(&sandbox, build).await;
    assert_eq!(seen.code, 0, "{}", seen.stderr);
    assert!(seen.stderr.contains("assembling stage.wat"), "what the command says is shown: {}", seen.stderr);
    assert!(!seen.stdout.contains("wasi:") && !seen.stdout.contains("stage/host"), "{}", seen.stdout);

    // Far more than a page of memory, twice: what one call allocated is gone at the next.
    let lines = "yes 'aé{' | head -n 200000 | sandmill run -q shout | sort | uniq -c";
    let seen = run(&sandbox, lines).await;
    assert_eq!((seen.code, seen.stdout.trim()), (0, "200000 Aé{"), "{}", seen.stderr);
}

#[tokio::test]
async fn a_build_that_fails_or_leaves_nothing_says_so() {
    let sandbox = Sandbox::new().expect("a sandbox");
    folder(&sandbox, block("wat"));
    program(&sandbox.path().join("wat2wasm"), "#!/bin/sh\necho 'stage.wat:3:4: error: no such thing' >&2\nexit 1\n");
    let build = "PATH=$PWD:$PATH sandmill build -q shout";
    let seen = run(&sandbox, build).await;
    assert_eq!(seen.code, 2, "{}", seen.stderr);
    assert!(
        seen.stderr.contains("does not compile") && seen.stderr.contains("stage.wat:3:4: error"),
        "{}",
        seen.stderr
    );

    program(&sandbox.path().join("wat2wasm"), "#!/bin/sh\ntrue\n");
    let seen = run(&sandbox, build).await;
    assert_eq!(seen.code, 2, "{}", seen.stderr);
    assert!(seen.stderr.contains("stage.wasm\" cannot be read"), "{}", seen.stderr);
    assert!(seen.stderr.contains("`build` in sandmill.toml must create it"), "{}", seen.stderr);
}

#[tokio::test]
async fn a_module_without_the_exports_is_told_which() {
    let sandbox = Sandbox::new().expect("a sandbox");
    folder(&sandbox, "(module)");
    let seen = run(&sandbox, "PATH=$PWD:$PATH sandmill build -q shout").await;
    assert_eq!(seen.code, 2, "{}", seen.stderr);
    assert!(seen.stderr.contains("sandmill:stage/transform@0.1.0#process"), "{}", seen.stderr);
}

/// What prints through WASI becomes a line of the log, and nothing of WASI is imported.
#[tokio::test]
async fn a_module_for_preview_1_reaches_nothing() {
    let sandbox = Sandbox::new().expect("a sandbox");
    let import = r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (data (i32.const 512) "\08\02\00\00\06\00\00\00hello\n")"#;
    let open = r#"(param $config i32) (param $length i32) (result i32)
    (drop (call $write (i32.const 1) (i32.const 512) (i32.const 1) (i32.const 600)))"#;
    let module = block("wat").replacen("(module", import, 1).replacen(
        "(param $config i32) (param $length i32) (result i32)",
        open,
        1,
    );
    folder(&sandbox, &module);
    let seen = run(&sandbox, "export PATH=$PWD:$PATH; sandmill inspect shout; echo abc | sandmill run shout").await;
    assert_eq!(seen.code, 0, "{}", seen.stderr);
    assert!(seen.stdout.contains("ABC"), "{}", seen.stdout);
    assert!(seen.stderr.contains("hello"), "{}", seen.stderr);
    let inspected = run(&sandbox, "export PATH=$PWD:$PATH; sandmill inspect shout --json").await;
    assert!(!inspected.stdout.contains("wasi:"), "{}", inspected.stdout);
}

/// What `reach` names is imported, must be granted, and is there: the module writes its first variable to its output.
#[tokio::test]
async fn a_module_for_preview_1_reaches_what_it_names() {
    let sandbox = Sandbox::new().expect("a sandbox");
    let import = r#"(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $environ (param i32 i32) (result i32)))
  (data (i32.const 512) "\00\03\00\00\11\00\00\00\20\02\00\00\01\00\00\00")
  (data (i32.const 544) "\n")"#;
    let open = r#"(param $config i32) (param $length i32) (result i32)
    (drop (call $environ (i32.const 640) (i32.const 768)))
    (drop (call $write (i32.const 1) (i32.const 512) (i32.const 2) (i32.const 600)))"#;
    let module = block("wat").replacen("(module", import, 1).replacen(
        "(param $config i32) (param $length i32) (result i32)",
        open,
        1,
    );
    folder(&sandbox, &module);
    let add = |file: &str, text: &str| {
        let path = sandbox.path().join("shout").join(file);
        let before = fs::read_to_string(&path).expect("a file");
        fs::write(path, before.replacen(text.split('\n').next().expect("a line"), text, 1)).expect("a file");
    };
    add("sandmill.toml", "language = \"custom\"\nreach = [\"env\"]");
    let seen = run(&sandbox, "export PATH=$PWD:$PATH; echo abc | sandmill run -q shout").await;
    assert_eq!(seen.code, 2, "{}", seen.stderr);
    assert!(seen.stderr.contains("imports wasi:cli/environment@0.2.12, but it is not granted"), "{}", seen.stderr);
    add("pipeline.toml", "component = \".\"\ngrant = { env = { GREETING = \"good day\" } }");
    let seen = run(&sandbox, "export PATH=$PWD:$PATH; echo abc | sandmill run shout").await;
    assert_eq!(seen.code, 0, "{}", seen.stderr);
    assert!(seen.stderr.contains("GREETING=good day"), "{}", seen.stderr);
}

/// Nothing but the files that were listed makes it stale.
#[tokio::test]
async fn inputs_say_what_makes_it_stale() {
    let sandbox = Sandbox::new().expect("a sandbox");
    folder(&sandbox, block("wat"));
    let settings = sandbox.path().join("shout/sandmill.toml");
    let text = fs::read_to_string(&settings).expect("settings") + "\ninputs = [\"*.wat\"]\n";
    fs::write(&settings, text).expect("settings");
    let build = "export PATH=$PWD:$PATH; sandmill build shout";
    assert!(run(&sandbox, build).await.stderr.contains("assembling"));
    touch(&sandbox.path().join("shout/notes.txt"));
    assert!(run(&sandbox, build).await.stderr.contains("up to date"));
    touch(&sandbox.path().join("shout/more.wat"));
    assert!(run(&sandbox, build).await.stderr.contains("assembling"));
}

fn touch(path: &Path) {
    fs::write(path, "").expect("a file");
}
