//! Components that ask the compiler for more than anybody has, looked at by the command: it ends, and stays small.

use std::fs;
use std::pin::pin;
use std::time::Duration;

use tests::bombs;
use tests::command::{Sandbox, Seen, finish};
use tokio::time::timeout;

/// What a refusal may take: the file is read, and walked once.
const REFUSED_MIB_MAX: u64 = 256;
/// What a compilation may take, with the command around it. A bound, and not what most of these take.
const TAKEN_MIB_MAX: u64 = 768;
const PIPELINE: &str = "name = 'p'
source = { kind = 'stdin' }
sink = { kind = 'null' }
[[stage]]
name = 'bomb'
component = 'bomb.wasm'
";
/// How often the memory is looked at.
const LOOK: Duration = Duration::from_millis(5);
/// A bound on hanging, not on speed: `limits.compile`, and the time to notice.
const BOUND: Duration = Duration::from_secs(90);

/// Issue 12: the first took 7.5 GB, the third 5 GB, and the others whatever they asked for.
#[tokio::test]
async fn what_nobody_can_compile_is_refused_before_anybody_tries() {
    let sandbox = Sandbox::new().expect("a binary");
    fs::write(sandbox.path().join("pipeline.toml"), PIPELINE).expect("a folder of our own");
    for (name, wasm) in bombs::refused() {
        for command in [&["inspect", "bomb.wasm"][..], &["check"], &["run"]] {
            let (seen, peak) = look(&sandbox, command, (name, &wasm)).await;
            assert_eq!(seen.code, 2, "{command:?}, {name}: {}", seen.stderr);
            assert!(
                seen.stderr.contains("it has ") && seen.stderr.contains("; at most "),
                "{command:?}, {name}: {}",
                seen.stderr
            );
            assert!(peak <= REFUSED_MIB_MAX, "{command:?}, {name} took {peak} MiB");
        }
    }
}

#[tokio::test]
async fn what_is_compiled_all_the_same_takes_a_bounded_memory() {
    let sandbox = Sandbox::new().expect("a binary");
    for (name, wasm) in bombs::taken() {
        let (seen, peak) = look(&sandbox, &["inspect", "bomb.wasm"], (name, &wasm)).await;
        assert!(matches!(seen.code, 0 | 2), "{name}: {}: {}", seen.code, seen.stderr);
        assert!(peak <= TAKEN_MIB_MAX, "{name} took {peak} MiB");
    }
}

/// Looks at a bomb in a process with a cache of its own. What it said, and how much memory it had at its peak, MiB.
async fn look(sandbox: &Sandbox, command: &[&str], (name, wasm): (&str, &[u8])) -> (Seen, u64) {
    fs::write(sandbox.path().join("bomb.wasm"), wasm).expect("a folder of our own");
    let cache = tempfile::tempdir().expect("a folder");
    let mut command = sandbox.sandmill(command);
    let child = command.env("SANDMILL_CACHE", cache.path()).spawn().expect("a process");
    let id = child.id().expect("it has just begun");
    let mut watched = pin!(finish(child, BOUND));
    let mut peak = 0;
    let seen = loop {
        peak = peak.max(resident(id));
        if let Ok(seen) = timeout(LOOK, &mut watched).await {
            break seen.expect(name);
        }
    };
    (seen, peak >> 20)
}

/// The memory of a process and of those that it has begun, bytes.
fn resident(id: u32) -> u64 {
    let field = |text: &str, name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().trim_end_matches(" kB").parse::<u64>().ok()
    };
    let own = fs::read_to_string(format!("/proc/{id}/status")).ok().and_then(|text| field(&text, "VmRSS:"));
    let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
    let children = children.split_whitespace().filter_map(|id| id.parse().ok()).map(resident);
    own.map_or(0, |kib| kib << 10) + children.sum::<u64>()
}
