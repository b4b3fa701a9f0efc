//! What a state file must never do: come back, be read by others, or take in what is not its own.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::{Beginning, Checkpoint, Choice, DeadLetter, InputPoint, StateFile, now};
use crate::edge::Input;
use crate::error::ErrorKind;
use crate::record::Accounting;

fn checkpoint(run: &str, epoch: u64) -> Checkpoint {
    Checkpoint {
        run: run.to_owned(),
        begun: now(),
        epoch,
        taken: now(),
        pipeline: Vec::new(),
        sources: Vec::new(),
        sinks: Vec::new(),
        accounting: Accounting::default(),
        owner: "somebody".to_owned(),
        finished: false,
    }
}

fn begin(path: &Path, run: &str) -> StateFile {
    let state = StateFile::at(path);
    state.begin(&Beginning { checkpoint: &checkpoint(run, 0), inputs: &[], marks: &[] }, false).unwrap();
    state
}

fn letter(value: &str) -> DeadLetter {
    DeadLetter {
        id: 0,
        time: 0.0,
        node: "node".to_owned(),
        component: None,
        place: String::new(),
        source: String::new(),
        record: 1,
        kind: "trap".to_owned(),
        reason: String::new(),
        backtrace: Vec::new(),
        log: Vec::new(),
        attempts: 1,
        earlier: Vec::new(),
        key: None,
        value: value.as_bytes().to_vec(),
        redacted: false,
    }
}

fn values(path: &Path) -> Vec<String> {
    let mut values = Vec::new();
    let read = StateFile::at(path).letters(|letter| {
        values.push(String::from_utf8(letter.value).unwrap());
        Ok(())
    });
    read.unwrap();
    values
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Somebody removes `p.state.db` and not `p.state.db-wal`. SQLite would play the log into whatever has that name next
/// (12).
#[test]
fn the_log_of_a_file_that_was_removed_is_not_played_into_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    let (path, log) = (folder.path().join("p.state.db"), folder.path().join("p.state.db-wal"));
    for by_letters in [false, true] {
        let state = begin(&path, "old");
        state.add(&[letter("of the old run")]).unwrap();
        let kept = fs::read(&log).unwrap();
        state.close();
        fs::remove_file(&path).unwrap();
        fs::write(&log, kept).unwrap();
        if by_letters {
            // A run without checkpoints begins with its first dead letter.
            StateFile::at(&path).add(&[letter("new")]).unwrap();
            assert_eq!(values(&path), ["new"]);
        } else {
            let state = begin(&path, "new");
            assert_eq!(state.checkpoint().unwrap().unwrap().run, "new");
            state.close();
            assert_eq!(values(&path), [""; 0]);
        }
        fs::remove_file(&path).unwrap();
    }
}

/// It was made with 0644, and holds records and cursors (12).
#[test]
fn only_its_owner_can_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.state.db");
    let state = begin(&path, "run");
    state.add(&[letter("secret")]).unwrap();
    for end in ["", "-wal", "-shm"] {
        assert_eq!(mode(&folder.path().join(format!("p.state.db{end}"))), 0o600, "{end}");
    }
    state.close();
    // One of an earlier version.
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    assert_eq!(values(&path), ["secret"]);
    assert_eq!(mode(&path), 0o600);
}

/// What is written to a file that has no name any more is lost, without a word until now (12).
#[test]
fn a_file_that_was_removed_during_the_run_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.state.db");
    let state = begin(&path, "run");
    fs::remove_file(&path).unwrap();
    assert!(state.save(&checkpoint("run", 1)).unwrap_err().to_string().contains("was removed or replaced"));
    assert!(state.add(&[letter("lost")]).unwrap_err().to_string().contains("was removed or replaced"));
}

/// A run that was killed after it had ended would be done again (12).
#[test]
fn that_a_run_has_ended_stays_known_until_it_is_concluded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.state.db");
    for has_letters in [false, true] {
        let state = begin(&path, "run");
        if has_letters {
            state.add(&[letter("kept")]).unwrap();
        }
        state.finish(&Checkpoint { finished: true, ..checkpoint("run", 1) }, has_letters).unwrap();
        state.close();
        let state = StateFile::at(&path);
        assert!(state.checkpoint().unwrap().unwrap().finished);
        state.conclude().unwrap();
        assert_eq!(path.exists(), has_letters, "it goes, unless it holds dead letters");
        assert!(StateFile::at(&path).checkpoint().unwrap().is_none());
    }
    assert_eq!(StateFile::at(&path).discard(&Choice::default()).unwrap(), 1);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "and nothing beside it is left");
}

/// It took the file away, and the other run, which did nothing wrong, was aborted.
#[test]
fn a_run_that_never_had_the_file_leaves_it_to_the_one_that_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.state.db");
    let first = begin(&path, "first");
    let second = StateFile::at(&path);
    let beginning = Beginning { checkpoint: &checkpoint("second", 0), inputs: &[], marks: &[] };
    second.begin(&beginning, true).unwrap_err();
    second.conclude().unwrap();
    first.save(&checkpoint("first", 1)).unwrap();
    first.close();
    assert_eq!(StateFile::at(&path).checkpoint().unwrap().unwrap().run, "first");
}

#[test]
fn inputs_are_given_back_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.state.db");
    let of = |name: &[u8]| InputPoint {
        source: "files".to_owned(),
        input: Input { name: name.to_vec(), what: "a stamp".to_owned() },
    };
    let inputs = [of(b"0:b"), of(b"0:\xff"), of(b"0:a")];
    let state = StateFile::at(&path);
    state.begin(&Beginning { checkpoint: &checkpoint("run", 0), inputs: &inputs, marks: &[] }, false).unwrap();
    state.close();
    assert_eq!(StateFile::at(&path).inputs().unwrap(), inputs);
}

/// A write that was left running when the run was interrupted would bring back a file that is gone, or write into
/// another run's.
#[test]
fn what_is_left_of_a_run_that_is_over_makes_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let state = StateFile::at(&folder.path().join("p.state.db"));
    let left_behind = state.clone();
    state.close();
    assert_eq!(left_behind.add(&[]).unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
