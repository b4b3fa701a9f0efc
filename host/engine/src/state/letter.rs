//! A dead letter: a record that failed for good, as it entered the stage, and why.

use rusqlite::Row;
use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};

/// One dead letter. As JSON, bytes are text where they are text, else `{"hex": "…"}`: nothing is lost.
#[derive(Clone, Debug, PartialEq)]
pub struct DeadLetter {
    /// Which, in its state file. 0: it has not been written yet.
    pub id: i64,
    /// When it was dead-lettered, seconds since 1970.
    pub time: f64,
    /// The source, stage or sink that could not handle the record.
    pub node: String,
    /// SHA-256 of the stage's component, where it is one.
    pub component: Option<String>,
    /// The place that the record came from: file and line, or source and number.
    pub place: String,
    /// The source that the record came from.
    pub source: String,
    /// The number of the record in that source, from 1.
    pub record: u64,
    /// The kind in one word: `trap`, `cpu-limit`, `returned`, `contract`, `bad-input`, `rejected` …
    pub kind: String,
    /// The reason as text.
    pub reason: String,
    /// The guest's call stack at a trap, innermost first.
    pub backtrace: Vec<String>,
    /// The last lines of the guest's log, with those of the other records of the same call.
    pub log: Vec<String>,
    /// Number of attempts.
    pub attempts: u32,
    /// The attempts before the last one, the latest of them.
    pub earlier: Vec<EarlierAttempt>,
    /// The record's key, if it has one.
    pub key: Option<Vec<u8>>,
    /// The record's value.
    pub value: Vec<u8>,
    /// Whether a secret was removed from key or value: they are not what the record was, and cannot be replayed.
    pub redacted: bool,
}

/// An attempt before the last one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EarlierAttempt {
    /// The time of the failure, seconds since 1970.
    pub time: f64,
    /// Like [`DeadLetter::kind`].
    pub kind: String,
    /// The reason as text.
    pub reason: String,
}

/// The columns, in the order of [`DeadLetter::read`].
pub(super) const COLUMNS: &str = "id, time, node, component, place, source, record, kind, reason, backtrace, key, value, redacted, attempts, \
     earlier, log";

pub(super) const TABLE: &str = "CREATE TABLE dead_letter (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    time REAL NOT NULL,
    node TEXT NOT NULL,
    component TEXT,
    place TEXT NOT NULL,
    source TEXT NOT NULL,
    record INTEGER NOT NULL,
    kind TEXT NOT NULL,
    reason TEXT NOT NULL,
    backtrace TEXT NOT NULL,
    key BLOB,
    value BLOB NOT NULL,
    redacted INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    earlier TEXT NOT NULL,
    log TEXT NOT NULL);";

/// Format 1 knew nothing of logs.
pub(super) const FROM_1: &str = "ALTER TABLE dead_letter ADD COLUMN log TEXT NOT NULL DEFAULT '';";

impl DeadLetter {
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        let backtrace: String = row.get(9)?;
        let record: i64 = row.get(6)?;
        let earlier: String = row.get(14)?;
        Ok(Self {
            id: row.get(0)?,
            time: row.get(1)?,
            node: row.get(2)?,
            component: row.get(3)?,
            place: row.get(4)?,
            source: row.get(5)?,
            record: record.cast_unsigned(),
            kind: row.get(7)?,
            reason: row.get(8)?,
            backtrace: backtrace.lines().map(str::to_owned).collect(),
            // Lines have no line feeds in them: what is shown of a guest's output has no control characters.
            log: row.get::<_, String>(15)?.lines().map(str::to_owned).collect(),
            key: row.get(10)?,
            value: row.get(11)?,
            redacted: row.get(12)?,
            attempts: row.get(13)?,
            // Written by us; what is none of ours tells nothing.
            earlier: serde_json::from_str(&earlier).unwrap_or_default(),
        })
    }

    /// Adds it, as a part of what comes after checkpoint `epoch` of `run`.
    pub(super) fn add(&self, connection: &rusqlite::Connection, run: &str, epoch: i64) -> rusqlite::Result<()> {
        let insert = "INSERT INTO dead_letter (run, epoch, time, node, component, place, source, record, kind, reason, \
                      backtrace, key, value, redacted, attempts, earlier, log) \
                      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)";
        connection.prepare_cached(insert)?.execute(rusqlite::params![
            run,
            epoch,
            self.time,
            self.node,
            self.component,
            self.place,
            self.source,
            self.record.cast_signed(),
            self.kind,
            self.reason,
            self.backtrace.join("\n"),
            self.key,
            self.value,
            self.redacted,
            self.attempts,
            serde_json::to_string(&self.earlier).expect("attempts are texts and numbers"),
            self.log.join("\n"),
        ])?;
        Ok(())
    }
}

impl Serialize for DeadLetter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut letter = serializer.serialize_struct("DeadLetter", 16)?;
        letter.serialize_field("id", &self.id)?;
        letter.serialize_field("time", &self.time)?;
        letter.serialize_field("node", &self.node)?;
        letter.serialize_field("component", &self.component)?;
        letter.serialize_field("place", &self.place)?;
        letter.serialize_field("source", &self.source)?;
        letter.serialize_field("record", &self.record)?;
        letter.serialize_field("kind", &self.kind)?;
        letter.serialize_field("reason", &self.reason)?;
        letter.serialize_field("backtrace", &self.backtrace)?;
        letter.serialize_field("log", &self.log)?;
        letter.serialize_field("attempts", &self.attempts)?;
        letter.serialize_field("earlier", &self.earlier)?;
        letter.serialize_field("key", &self.key.as_deref().map(Text::of))?;
        letter.serialize_field("value", &Text::of(&self.value))?;
        letter.serialize_field("redacted", &self.redacted)?;
        letter.end()
    }
}

/// Bytes as text where they are text.
#[derive(Serialize)]
#[serde(untagged)]
enum Text<'a> {
    Utf8(&'a str),
    Bytes { hex: String },
}

impl<'a> Text<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        let hex = || Self::Bytes { hex: bytes.iter().map(|byte| format!("{byte:02x}")).collect() };
        std::str::from_utf8(bytes).map_or_else(|_| hex(), Self::Utf8)
    }
}
