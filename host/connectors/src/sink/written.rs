//! Keys of the files that a run has written, so that no second record of one key replaces another's file without a word.
//!
//! They are kept in a temporary database of `SQLite`'s own, a file that has no name: memory is bounded, whatever the number
//! of files. It ends with the run. A run that is resumed therefore writes the files of records that it reads again, and
//! does not know the keys from before.

use rusqlite::{Connection, OptionalExtension};

use sandmill_engine::error::{Error, Result};

/// How much of it is kept in memory, KiB. Arbitrary: some ten thousand keys.
const MEMORY_KIB: i64 = 1024;

/// Keys of this run.
#[derive(Debug)]
pub(super) struct Written {
    database: Connection,
}

impl Written {
    /// None yet.
    ///
    /// # Errors
    /// When the database cannot be made.
    pub(super) fn new() -> Result<Self> {
        let make = || {
            let database = Connection::open("")?;
            database.pragma_update(None, "cache_size", -MEMORY_KIB)?;
            database.pragma_update(None, "journal_mode", "MEMORY")?;
            database.pragma_update(None, "synchronous", "OFF")?;
            database.execute_batch("CREATE TABLE written (key BLOB PRIMARY KEY) WITHOUT ROWID")?;
            Ok(database)
        };
        make().map(|database| Self { database }).map_err(failed)
    }

    /// Does something for a batch of records; the keys that it adds are forgotten when it fails, because the same records
    /// may be written again.
    ///
    /// # Errors
    /// What `work` gives, or when the database fails.
    pub(super) fn in_batch<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        self.database.execute_batch("BEGIN").map_err(failed)?;
        let done = work();
        let end = if done.is_ok() { "COMMIT" } else { "ROLLBACK" };
        self.database.execute_batch(end).map_err(failed)?;
        done
    }

    /// Whether the file of this key was written.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) fn contains(&self, key: &[u8]) -> Result<bool> {
        let select = || {
            let mut statement = self.database.prepare_cached("SELECT 1 FROM written WHERE key = ?1")?;
            statement.query_row([key], |_| Ok(())).optional()
        };
        select().map(|found| found.is_some()).map_err(failed)
    }

    /// Adds a key.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) fn add(&self, key: &[u8]) -> Result<()> {
        let insert = || self.database.prepare_cached("INSERT OR IGNORE INTO written VALUES (?1)")?.execute([key]);
        insert().map(drop).map_err(failed)
    }
}

fn failed(cause: rusqlite::Error) -> Error {
    Error::edge("cannot keep the keys of the files that were written")
        .caused_by(cause)
        .hint("they are kept in the folder for temporary files ($TMPDIR): is it full?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_a_batch_that_failed_are_forgotten() {
        let written = Written::new().unwrap();
        written.in_batch(|| written.add(b"a")).unwrap();
        let failed = written.in_batch(|| written.add(b"b").and_then(|()| Err::<(), _>(Error::edge("full"))));
        assert_eq!(failed.unwrap_err().to_string(), "full");
        assert!(written.contains(b"a").unwrap() && !written.contains(b"b").unwrap());
    }

    #[test]
    fn more_keys_than_memory_holds_are_kept() {
        let written = Written::new().unwrap();
        let key = |number: u32| format!("{number:0>1000}");
        written.in_batch(|| (0..5_000).try_for_each(|number| written.add(key(number).as_bytes()))).unwrap();
        assert!((0..5_000).all(|number| written.contains(key(number).as_bytes()).unwrap()));
        assert!(!written.contains(key(5_000).as_bytes()).unwrap());
    }
}
