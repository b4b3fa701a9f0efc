//! How records are read from text and written as text: the formats that several kinds share.

use std::collections::HashSet;

use sandmill_engine::edge::setting;
use sandmill_engine::plan::bounds::{BATCH_BYTES_MAX, FIELDS_MAX, RECORD_BYTES_DEFAULT, size_text};
use sandmill_engine::settings::{Fault, Key, Table};
use std::num::NonZeroUsize;

/// How long a record may be.
pub(super) const RECORD_MAX: Key = Key {
    name: "record_max",
    value: "size",
    default: "`\"16MiB\"`",
    meaning: "the longest record, 1 byte to 1 GiB; a longer one is bad input",
};
/// `delimiter` of a source.
pub(super) const DELIMITER: Key = Key {
    name: "delimiter",
    value: "text",
    default: "`\",\"`",
    meaning: "CSV only: one ASCII character between two fields, not a quote or a line break",
};
/// `header` of a source.
pub(super) const HEADER: Key = Key {
    name: "header",
    value: "true or false",
    default: "`true`",
    meaning: "CSV only: whether the first row is a header",
};
/// `columns` of a source.
pub(super) const COLUMNS: Key = Key {
    name: "columns",
    value: "array of texts",
    default: "the header's",
    meaning: "CSV only: the names of the columns, at most 16,384; required with `header = false`",
};
/// `lenient` of a source.
pub(super) const LENIENT: Key = Key {
    name: "lenient",
    value: "true or false",
    default: "`false`",
    meaning: "CSV only: whether rows that are not well quoted are read anyway; [CSV](csv.md)",
};
/// `format` of a sink of text.
pub(super) const LINE_FORMAT: Key =
    Key { name: "format", value: "text", default: "`\"lines\"`", meaning: "`\"lines\"`, `\"jsonl\"` or `\"csv\"`" };
/// `delimiter` of a sink of text.
pub(super) const LINE_DELIMITER: Key =
    Key { name: "delimiter", value: "text", default: "`\",\"`", meaning: "CSV only" };

/// The formats that a source can read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceFormat {
    /// A line, without its line feed (and without the carriage return before it). An empty line is a record too.
    Lines,
    /// A line that holds one JSON value. Blank lines are skipped.
    JsonLines,
    /// A row, as a JSON object whose names are the header's.
    Csv(CsvDialect),
    /// The whole file; its key is the file's name.
    Files,
}

/// The dialect of CSV that a source reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CsvDialect {
    /// Between two fields, `,` by default.
    pub delimiter: u8,
    /// Whether rows that are not well quoted are read nevertheless, in the way that programs commonly do. Otherwise
    /// they are bad records.
    pub lenient: bool,
    /// Whether the first row is a header: `true` by default.
    pub header: bool,
    /// The names of the columns; empty: those of the header. Required if there is no header.
    pub columns: Vec<String>,
}

impl Default for CsvDialect {
    fn default() -> Self {
        Self { delimiter: b',', lenient: false, header: true, columns: Vec::new() }
    }
}

/// The text formats that a sink can write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineFormat {
    /// Each record and a line feed.
    Lines,
    /// Each record, which must be one JSON value, on one line.
    JsonLines,
    /// Each record, which must be a JSON object, as a row; the first record's names are the header.
    Csv(CsvFormat),
}

/// The dialect of CSV that a sink writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CsvFormat {
    /// Between two fields, `,` by default.
    pub delimiter: u8,
}

/// What a sink does if its file or table exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IfExists {
    /// Start again: the file is emptied, the table is dropped.
    Replace,
    /// Add to it.
    Append,
    /// Refuse to run.
    Fail,
}

/// `format`, with what this kind of source has beside the formats of all.
pub(super) fn read_format(section: &Table<'_>, more: &[(&str, SourceFormat)]) -> Result<SourceFormat, Fault> {
    let csv = SourceFormat::Csv(csv_dialect(section)?);
    let all = [("lines", SourceFormat::Lines), ("jsonl", SourceFormat::JsonLines), ("csv", csv.clone())];
    let choices: Vec<_> = all.iter().chain(more).cloned().collect();
    let format = section.or("format", SourceFormat::Lines, |value| value.choice(&choices))?;
    if !matches!(format, SourceFormat::Csv(_)) {
        refuse_csv(section)?;
    }
    Ok(format)
}

pub(super) fn record_max(section: &Table<'_>) -> Result<NonZeroUsize, Fault> {
    section.or("record_max", RECORD_BYTES_DEFAULT, |value| value.bytes(BATCH_BYTES_MAX))
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

/// `if_exists`.
pub(super) fn if_exists(section: &Table<'_>, default: IfExists) -> Result<IfExists, Fault> {
    let choices = [("replace", IfExists::Replace), ("append", IfExists::Append), ("fail", IfExists::Fail)];
    section.or("if_exists", default, |value| value.choice(&choices))
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
        return Err(value.fault(&format!("at most {FIELDS_MAX} columns are allowed")));
    }
    let mut known = HashSet::new();
    for name in &names {
        if !known.insert(name.name()?) {
            return Err(name.fault("two columns have this name").hint("give each column a name of its own"));
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

pub(super) fn format_in_words(of: &SourceFormat) -> String {
    match of {
        SourceFormat::Lines => "lines".to_owned(),
        SourceFormat::JsonLines => "JSON Lines".to_owned(),
        SourceFormat::Csv(dialect) if dialect.lenient => format!("{}, lenient", csv_in_words(dialect.delimiter)),
        SourceFormat::Csv(dialect) => csv_in_words(dialect.delimiter),
        SourceFormat::Files => "whole files".to_owned(),
    }
}

pub(super) fn lines_in_words(format: LineFormat) -> String {
    match format {
        LineFormat::Lines => "lines".to_owned(),
        LineFormat::JsonLines => "JSON Lines".to_owned(),
        LineFormat::Csv(format) => csv_in_words(format.delimiter),
    }
}

fn csv_in_words(delimiter: u8) -> String {
    match delimiter {
        b',' => "CSV".to_owned(),
        other => format!("CSV with {:?}", char::from(other)),
    }
}

fn format_line(word: &str) -> String {
    setting("format", format_args!("{word:?}"))
}

fn delimiter_line(byte: u8) -> String {
    setting("delimiter", format_args!("{:?}", char::from(byte).to_string()))
}

pub(super) fn source_format(of: &SourceFormat) -> Vec<String> {
    match of {
        SourceFormat::Lines => vec![format_line("lines")],
        SourceFormat::JsonLines => vec![format_line("jsonl")],
        SourceFormat::Files => vec![format_line("bytes")],
        SourceFormat::Csv(CsvDialect { delimiter: byte, lenient, header, columns }) => {
            let mut lines = vec![format_line("csv"), delimiter_line(*byte)];
            lines.extend([setting("lenient", lenient), setting("header", header)]);
            lines.extend((!columns.is_empty()).then(|| setting("columns", format_args!("{columns:?}"))));
            lines
        }
    }
}

pub(super) fn sink_format(of: LineFormat) -> Vec<String> {
    match of {
        LineFormat::Lines => vec![format_line("lines")],
        LineFormat::JsonLines => vec![format_line("jsonl")],
        LineFormat::Csv(csv) => vec![format_line("csv"), delimiter_line(csv.delimiter)],
    }
}

/// The setting of the longest record.
pub(super) fn record_max_line(bytes: NonZeroUsize) -> String {
    setting("record_max", format_args!("{:?}", size_text(bytes.get() as u64)))
}
