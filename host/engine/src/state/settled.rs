//! What a source that acknowledges has been told is settled: where the sinks stand that it feeds, and its dead letters. A run
//! that resumes at an earlier checkpoint takes nothing of this back, because the source does not give it again.

use rusqlite::Connection;

use super::StateFile;
use super::checkpoint::SinkPoint;
use super::letter::DeadLetter;
use super::opening::durably;
use crate::edge::Mark;
use crate::error::Result;

pub(super) const TABLE: &str = "CREATE TABLE IF NOT EXISTS mark (sink TEXT PRIMARY KEY, mark TEXT);";

/// The epoch of what belongs to no checkpoint.
const NONE: i64 = 0;

impl StateFile {
    /// Where the sinks of the interrupted run stood that sources feed which acknowledge.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(crate) fn marks(&self) -> Result<Vec<SinkPoint>> {
        let mut inner = self.inner();
        self.run(inner.open(self.path())?, |connection| {
            let mut select = connection.prepare("SELECT sink, mark FROM mark")?;
            let points = select.query_map([], |row| {
                let mark = row.get::<_, Option<String>>(1)?.map(Mark);
                Ok(SinkPoint { name: row.get(0)?, mark, by_several: false })
            })?;
            points.collect()
        })
    }

    /// A sink stands here now. When this returns, it outlasts a loss of power.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn set_mark(&self, point: &SinkPoint) -> Result<()> {
        let mut inner = self.inner();
        self.run(inner.open(self.path())?, |connection| durably(connection, || save_one(connection, point)))
    }

    /// As [`StateFile::add`], for records that a source does not give again.
    ///
    /// # Errors
    /// When the file cannot be made or written.
    pub(crate) fn add_settled(&self, letters: &[DeadLetter]) -> Result<()> {
        self.add_at(letters, |_| NONE)
    }
}

/// Replaces all marks.
pub(super) fn save(connection: &Connection, marks: &[SinkPoint]) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM mark", [])?;
    marks.iter().try_for_each(|point| save_one(connection, point))
}

fn save_one(connection: &Connection, point: &SinkPoint) -> rusqlite::Result<()> {
    let replace = "INSERT OR REPLACE INTO mark VALUES (?1, ?2)";
    let mark = point.mark.as_ref().map(|Mark(mark)| mark);
    connection.prepare_cached(replace)?.execute((&point.name, mark)).map(drop)
}
