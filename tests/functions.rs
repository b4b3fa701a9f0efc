//! The store of compiled functions: a component is compiled with it, and comes out the same whatever is in it.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tests::command::Sandbox;

/// Large enough to be compiled with the store: QuickJS, which travels in the program.
const SCRIPT: &str = "name = \"p\"\n[source]\nkind = \"generate\"\nwhat = \"numbers\"\nrecords = 3\n[[stage]]\n\
    name = \"add\"\nlanguage = \"javascript\"\nscript = \"n => n + 1\"\nwarm = false\n[sink]\nkind = \"stdout\"\n";

fn packs(cache: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(cache.join("functions")).expect("a store");
    entries.map(|entry| entry.expect("an entry").path()).collect()
}

/// Runs without compiled components, so that it compiles.
async fn compiles(sandbox: &Sandbox) {
    drop(fs::remove_dir_all(sandbox.path().join("cache/code")));
    let seen = sandbox.run("SANDMILL_CACHE=$PWD/cache sandmill run p.toml").await.expect("it ends");
    assert_eq!((seen.code, seen.stdout.as_str()), (0, "2\n3\n4\n"), "{}", seen.stderr);
}

#[tokio::test]
async fn functions_that_were_compiled_are_used_again_unless_they_are_damaged() {
    let sandbox = Sandbox::new().expect("a sandbox");
    let cache = sandbox.path().join("cache");
    fs::write(sandbox.path().join("p.toml"), SCRIPT).expect("a disk that is not full");
    compiles(&sandbox).await;
    let kept = packs(&cache);
    assert_eq!(kept.len(), 1, "{kept:?}");
    let mode = fs::metadata(cache.join("functions")).expect("a store").permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "nobody else writes what is run");

    let long_ago = SystemTime::now() - Duration::from_secs(24 * 60 * 60);
    File::open(&kept[0]).and_then(|pack| pack.set_modified(long_ago)).expect("it is ours");
    compiles(&sandbox).await;
    let used = fs::metadata(&kept[0]).and_then(|pack| pack.modified()).expect("it is kept");
    assert!(used > long_ago, "functions were taken from it");

    // Whatever bytes lie there, they are not run.
    for pack in packs(&cache) {
        let mut bytes = fs::read(&pack).expect("it can be read");
        let values = bytes.len() / 2;
        bytes[..values].fill(0xcc);
        fs::write(&pack, bytes).expect("a disk that is not full");
    }
    compiles(&sandbox).await;
}
