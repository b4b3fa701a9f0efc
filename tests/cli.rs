//! The command line: every case in `cli/` says what it should, and ends as it should, within a bound.

use std::path::{Path, PathBuf};

use tests::cases::Case;
use tokio::task::JoinSet;

/// Cases that run at the same time. Most of them wait more than they work.
const AT_ONCE: usize = 4;

#[tokio::test]
async fn every_case_says_and_ends_as_it_should() {
    let only = std::env::var("CASE").ok();
    let bless = std::env::var_os("BLESS").is_some();
    let mut waiting = cases().into_iter().filter(|case| only.as_deref().is_none_or(|only| case.name().contains(only)));
    let mut running = JoinSet::new();
    let mut wrong = Vec::new();
    loop {
        while running.len() < AT_ONCE
            && let Some(case) = waiting.next()
        {
            running.spawn(async move { case.run(bless).await.map_err(|error| format!("{}: {error:#}", case.name())) });
        }
        match running.join_next().await {
            Some(ran) => wrong.extend(ran.expect("no case panics").unwrap_or_else(Some)),
            None => break,
        }
    }
    assert!(wrong.is_empty(), "{}\nBLESS=1 makes what is what should be", wrong.join("\n"));
}

/// All cases, in the order of their names.
fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cli");
    let files = std::fs::read_dir(&folder).expect("the folder of the cases");
    let mut paths: Vec<PathBuf> = files.map(|file| file.expect("a file").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "toml"));
    paths.sort();
    assert!(!paths.is_empty(), "no case in {}", folder.display());
    paths.iter().map(|path| Case::read(path).expect("a case")).collect()
}
