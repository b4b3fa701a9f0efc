//! Keys of the files that a run has written, so that no second record of one key replaces another's file without a word.
//!
//! They are kept in a temporary database of `SQLite`'s own, a file that has no name: memory is bounded, whatever the number
//! of files. It ends with the run. A run that is resumed therefore writes the files of records that it reads again, and
//! does not know the keys from before.

use std::sync::{Mutex, PoisonError};

use rusqlite::Connection;

use sandmill_engine::error::{Error, Result};

/// How much of it is kept in memory, KiB. Arbitrary: some ten thousand keys.
const MEMORY_KIB: i64 = 1024;

/// Keys of this run, of all its writers.
#[derive(Debug)]
pub(super) struct Written {
    database: Mutex<Connection>,
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
        make().map(|database| Self { database: Mutex::new(database) }).map_err(failed)
    }

    /// Adds a key; `false` if it is there.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) fn add(&self, key: &[u8]) -> Result<bool> {
        let added = self.execute("INSERT OR IGNORE INTO written VALUES (?1)", key)?;
        Ok(added > 0)
    }

    /// Takes keys out again: their records were not written, or may be written again.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) fn forget<'a>(&self, keys: impl IntoIterator<Item = &'a [u8]>) -> Result<()> {
        keys.into_iter().try_for_each(|key| self.execute("DELETE FROM written WHERE key = ?1", key).map(drop))
    }

    fn execute(&self, statement: &str, key: &[u8]) -> Result<usize> {
        let database = self.database.lock().unwrap_or_else(PoisonError::into_inner);
        database.prepare_cached(statement).and_then(|mut statement| statement.execute([key])).map_err(failed)
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
    fn a_key_is_added_once_until_it_is_forgotten() {
        let written = Written::new().unwrap();
        assert!(written.add(b"a").unwrap() && written.add(b"b").unwrap());
        assert!(!written.add(b"a").unwrap());
        written.forget([b"a".as_slice()]).unwrap();
        assert!(written.add(b"a").unwrap() && !written.add(b"b").unwrap());
    }

    #[test]
    fn more_keys_than_memory_holds_are_kept() {
        let written = Written::new().unwrap();
        let key = |number: u32| format!("{number:0>1000}");
        assert!((0..5_000).all(|number| written.add(key(number).as_bytes()).unwrap()));
        assert!((0..5_000).all(|number| !written.add(key(number).as_bytes()).unwrap()));
    }
}
