//! What sections of several kinds have in common: the words of their choices, and groups of keys.

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use super::fault::Fault;
use super::table::Table;
use crate::plan::bounds::{
    BATCH_BYTES_MAX, BATCH_DEFAULT, BATCH_RECORDS_MAX, FIELDS_MAX, LINGER_MAX, QUEUE_BYTES_MAX, QUEUE_RECORDS_MAX,
};
use crate::plan::{CsvDialect, CsvFormat, IfExists, LineFormat, OnError};
use crate::queue::QueueBounds;
use crate::record::BatchBounds;

/// A section whose `kind` decides which keys it may have.
pub(super) struct Kind<T: 'static> {
    /// The word in the file.
    pub(super) word: &'static str,
    /// Its keys, apart from those that all kinds have.
    pub(super) keys: &'static [&'static str],
    /// Reads the section.
    pub(super) read: fn(&Table<'_>, &Path) -> Result<T, Fault>,
}

impl<T> Kind<T> {
    /// Finds the section's kind among `kinds`, and checks its keys.
    pub(super) fn of(section: &Table<'_>, kinds: &'static [Self], common: &[&str]) -> Result<&'static Self, Fault> {
        let Some(value) = section.get("kind") else {
            // A slip in "kind" itself is told as such.
            let all: Vec<_> = kinds.iter().flat_map(|kind| kind.keys).chain(common).copied().collect();
            section.refuse_unknown(&all)?;
            let words: Vec<_> = kinds.iter().map(|kind| kind.word).collect();
            return Err(section.missing("kind").hint(format!("kinds: {}", words.join(", "))));
        };
        let choices: Vec<_> = kinds.iter().map(|kind| (kind.word, kind)).collect();
        let kind = value.choice(&choices)?;
        let known: Vec<_> = common.iter().chain(kind.keys).copied().collect();
        let mut named = section.clone();
        named.label = format!("{} of kind {:?}", section.label, kind.word);
        named.refuse_unknown(&known)?;
        Ok(kind)
    }
}

/// The words of `on_error`.
pub(super) const ON_ERROR: [(&str, OnError); 3] =
    [("fail", OnError::Fail), ("drop", OnError::Drop), ("dead-letter", OnError::DeadLetter)];

/// `on_error` of a source or a sink.
pub(super) fn on_error(section: &Table<'_>) -> Result<OnError, Fault> {
    section.or("on_error", OnError::default(), |value| {
        let chosen = value.choice(&ON_ERROR);
        if value.value.is_table() {
            chosen.map_err(|fault| fault.hint("only a stage tries records again; the source or sink itself: retry = 3"))
        } else {
            chosen
        }
    })
}

/// `if_exists`.
pub(super) fn if_exists(section: &Table<'_>, default: IfExists) -> Result<IfExists, Fault> {
    let choices = [("replace", IfExists::Replace), ("append", IfExists::Append), ("fail", IfExists::Fail)];
    section.or("if_exists", default, |value| value.choice(&choices))
}

/// `queue`.
pub(super) fn queue(section: &Table<'_>, default: QueueBounds) -> Result<QueueBounds, Fault> {
    let Some(queue) = section.part("queue", &["records", "bytes"])? else { return Ok(default) };
    Ok(QueueBounds {
        records: queue.or("records", default.records, |value| value.count(QUEUE_RECORDS_MAX))?,
        bytes: queue.or("bytes", default.bytes, |value| value.bytes(QUEUE_BYTES_MAX))?,
    })
}

/// `batch`.
pub(super) fn batch(section: &Table<'_>) -> Result<BatchBounds, Fault> {
    let Some(batch) = section.part("batch", &["records", "bytes", "linger"])? else { return Ok(BATCH_DEFAULT) };
    Ok(BatchBounds {
        records: batch.or("records", BATCH_DEFAULT.records, |value| value.count(BATCH_RECORDS_MAX))?,
        bytes: batch.or("bytes", BATCH_DEFAULT.bytes, |value| value.bytes(BATCH_BYTES_MAX))?,
        linger: batch.or("linger", BATCH_DEFAULT.linger, |value| value.duration(Duration::ZERO..=LINGER_MAX))?,
    })
}

/// How CSV is written, for when `format` is that.
fn csv_format(section: &Table<'_>) -> Result<CsvFormat, Fault> {
    Ok(CsvFormat { delimiter: delimiter(section)? })
}

/// How CSV is read, for when `format` is that.
pub(super) fn csv_dialect(section: &Table<'_>) -> Result<CsvDialect, Fault> {
    let dialect = CsvDialect {
        delimiter: delimiter(section)?,
        lenient: section.or("lenient", false, |value| value.truth())?,
        header: section.or("header", true, |value| value.truth())?,
        columns: csv_columns(section)?,
    };
    if let (false, true, Some(header)) = (dialect.header, dialect.columns.is_empty(), section.get("header")) {
        return Err(header
            .fault("without a header, the columns have no names")
            .hint("name them: columns = [\"id\", \"name\"]"));
    }
    Ok(dialect)
}

fn delimiter(section: &Table<'_>) -> Result<u8, Fault> {
    section.or("delimiter", b',', |value| value.delimiter())
}

/// `columns` of CSV that is read.
fn csv_columns(section: &Table<'_>) -> Result<Vec<String>, Fault> {
    let Some(value) = section.get("columns") else { return Ok(Vec::new()) };
    let names = value.text_array()?;
    if names.is_empty() {
        return Err(value.fault("must not be empty").hint("leave it out to take the names from the header"));
    }
    if names.len() > FIELDS_MAX {
        return Err(value.fault(&format!("there may be {FIELDS_MAX} columns at most")));
    }
    let mut known = HashSet::new();
    for name in &names {
        if !known.insert(name.name()?) {
            return Err(name.fault("this name stands for two columns").hint("give each column a name of its own"));
        }
    }
    names.iter().map(|name| name.text().map(str::to_owned)).collect()
}

/// The keys that only CSV has.
const ONLY_CSV: [&str; 4] = ["delimiter", "lenient", "header", "columns"];

/// Refuses details of CSV for a format that is something else.
pub(super) fn refuse_csv(section: &Table<'_>) -> Result<(), Fault> {
    match ONLY_CSV.iter().find_map(|key| section.get(key)) {
        None => Ok(()),
        Some(value) => Err(value.fault("only format = \"csv\" has it")),
    }
}

/// `format` of a sink.
pub(super) fn line_format(section: &Table<'_>) -> Result<LineFormat, Fault> {
    let csv = LineFormat::Csv(csv_format(section)?);
    let choices = [("lines", LineFormat::Lines), ("jsonl", LineFormat::JsonLines), ("csv", csv)];
    let format = section.or("format", LineFormat::Lines, |value| value.choice(&choices))?;
    if format != csv {
        refuse_csv(section)?;
    }
    Ok(format)
}
