//! Tables as a run leaves them, and every way in which records and databases can refuse.

mod existing;
mod inferred;
mod kept;
mod readback;

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::types::Value;
use tempfile::TempDir;

use super::super::blocking::BlockingSink;
use super::SqliteSink;
use crate::kind;
use crate::tests::records;
use crate::{Column, ColumnType, IfExists};
use sandmill_engine::edge::Rejected;
use sandmill_engine::error::{Error, ErrorKind, Result};
use sandmill_engine::record::Payload;

struct Database {
    _folder: TempDir,
    path: PathBuf,
}

impl Database {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/out.db");
        Self { _folder: folder, path }
    }

    fn with(sql: &str) -> Self {
        let database = Self::new();
        std::fs::create_dir_all(database.path.parent().unwrap()).unwrap();
        Connection::open(&database.path).unwrap().execute_batch(sql).unwrap();
        database
    }

    fn plan(&self, columns: &[(&str, ColumnType)], if_exists: IfExists) -> kind::SqliteSink {
        let columns = columns.iter().map(|(name, kind)| Column { name: (*name).into(), kind: *kind }).collect();
        kind::SqliteSink { path: self.path.clone(), table: "t".into(), columns, extra_columns: None, if_exists }
    }

    fn open(&self, columns: &[(&str, ColumnType)], if_exists: IfExists) -> Result<SqliteSink> {
        SqliteSink::open(self.plan(columns, if_exists), false)
    }

    /// Writes some batches and ends; gives what was rejected.
    fn write(&self, columns: &[(&str, ColumnType)], if_exists: IfExists, batches: &[Payload]) -> Vec<Rejected> {
        let mut sink = self.open(columns, if_exists).unwrap();
        let rejected = batches.iter().flat_map(|batch| sink.write(batch).unwrap()).collect();
        sink.finish().unwrap();
        rejected
    }

    fn rows(&self) -> Vec<Vec<Value>> {
        rows(&self.path, "SELECT * FROM t ORDER BY rowid")
    }

    /// Name and type of each column.
    fn columns(&self) -> Vec<String> {
        let rows = rows(&self.path, "SELECT name || ' ' || type FROM pragma_table_info('t')");
        let name =
            |row: Vec<Value>| if let Value::Text(text) = &row[0] { text.trim_end().to_owned() } else { String::new() };
        rows.into_iter().map(name).collect()
    }
}

fn rows(path: &Path, sql: &str) -> Vec<Vec<Value>> {
    let connection = Connection::open(path).unwrap();
    let mut statement = connection.prepare(sql).unwrap();
    let width = statement.column_count();
    let rows = statement.query_map([], |row| (0..width).map(|column| row.get(column)).collect()).unwrap();
    rows.map(|row| row.unwrap()).collect()
}

fn integer(value: i64) -> Value {
    Value::Integer(value)
}

fn text(value: &str) -> Value {
    Value::Text(value.into())
}

fn reasons(rejected: &[Rejected]) -> Vec<(usize, &str)> {
    rejected.iter().map(|rejected| (rejected.index, rejected.reason.as_str())).collect()
}

#[test]
fn columns_are_those_of_the_first_records() {
    let database = Database::new();
    let first = records(&[
        r#"{"id":1,"score":1,"name":"a","ok":true,"none":null}"#,
        r#"{"id":2,"score":2.5,"extra":[1, 2],"mixed":1}"#,
        r#"{"id":3,"mixed":"x","big":18446744073709551615}"#,
    ]);
    let second = records(&[r#"{"id":4}"#, r#"{"id":5,"new":1}"#, r#"{"ID":6,"id":7}"#]);
    let rejected = database.write(&[], IfExists::Fail, &[first, second]);
    assert_eq!(
        database.columns(),
        [
            "id INTEGER",
            "score REAL",
            "name TEXT",
            "ok INTEGER",
            "none",
            "extra TEXT",
            "mixed TEXT",
            "big TEXT",
            "new INTEGER"
        ]
    );
    let rows = database.rows();
    assert_eq!(rows.len(), 5);
    assert_eq!(rows[0][..5], [integer(1), Value::Real(1.0), text("a"), integer(1), Value::Null]);
    assert_eq!(rows[1][5..7], [text("[1,2]"), text("1")]);
    assert_eq!(rows[2][7], text("18446744073709551615"));
    assert_eq!(reasons(&rejected), [(2, "the fields \"ID\" and \"id\" are one column to SQLite")]);
    assert!(!database.path.with_extension("db-wal").exists(), "closing merges the log");
}

#[test]
fn values_fit_given_columns_or_are_rejected() {
    use ColumnType::{Integer, Real, Text};
    let database = Database::new();
    let batch = records(&[
        r#"{"i":"42","r":"-1e3","t":42}"#,
        r#"{"i":"","r":"","t":""}"#,
        r#"{"i":3.0,"r":7,"t":false}"#,
        r#"{"i":true,"r":null,"t":{"a": "b c"}}"#,
        r#"{"i":1.5}"#,
        r#"{"i":9223372036854775808}"#,
        r#"{"r":"inf"}"#,
        r#"{"r":[1]}"#,
        r#"{"t":"caf\u00e9 \"x\""}"#,
    ]);
    let rejected = database.write(&[("i", Integer), ("r", Real), ("t", Text)], IfExists::Fail, &[batch]);
    assert_eq!(
        database.rows(),
        [
            vec![integer(42), Value::Real(-1000.0), text("42")],
            vec![Value::Null, Value::Null, text("")],
            vec![integer(3), Value::Real(7.0), text("false")],
            vec![integer(1), Value::Null, text("{\"a\":\"b c\"}")],
            vec![Value::Null, Value::Null, text("caf\u{e9} \"x\"")],
        ]
    );
    assert_eq!(
        reasons(&rejected),
        [
            (4, "the field \"i\" holds 1.5, which is not an integer"),
            (5, "the field \"i\" holds 9223372036854775808, which is not a 64-bit integer"),
            (6, "the field \"r\" holds \"inf\", which is not a number"),
            (7, "the field \"r\" holds [1], which is not a number"),
        ]
    );
}

#[test]
fn records_that_are_no_objects_are_rejected_and_the_table_waits_for_one_that_is() {
    let database = Database::new();
    let batches = [records(&["plain text", "[1]", "{}"]), records(&["x", r#"{"a":1}"#, "\"\u{e4}"])];
    let rejected = database.write(&[], IfExists::Fail, &batches);
    assert_eq!(database.rows(), [[integer(1)]]);
    let reasons = reasons(&rejected);
    assert_eq!(
        reasons[0],
        (0, "not JSON: expected value at column 1; a table takes JSON objects: let a stage emit one per row")
    );
    assert!(reasons[1].1.starts_with("not a JSON object"), "{reasons:?}");
    assert!(reasons[2].1.starts_with("the object has no field"), "{reasons:?}");
    assert_eq!(reasons[3..].iter().map(|reason| reason.0).collect::<Vec<_>>(), [0, 2]);
}

#[test]
fn a_table_that_is_there_is_replaced_at_the_first_write() {
    let database = Database::with("CREATE TABLE t (old); INSERT INTO t VALUES (1); CREATE TABLE other (x)");
    let mut sink = database.open(&[], IfExists::Replace).unwrap();
    assert_eq!(database.rows().len(), 1, "opening changes nothing");
    assert_eq!(sink.write(&records(&["no row"])).unwrap().len(), 1);
    assert_eq!(database.rows().len(), 1, "what is not known cannot be made");
    sink.write(&records(&[r#"{"a":1}"#])).unwrap();
    sink.write(&records(&[r#"{"a":2}"#])).unwrap();
    sink.finish().unwrap();
    assert_eq!(database.rows(), [[integer(1)], [integer(2)]]);
    assert_eq!(rows(&database.path, "SELECT name FROM pragma_table_info('other')").len(), 1);
}

#[test]
fn an_empty_run_leaves_an_empty_table() {
    let database = Database::with("CREATE TABLE t (old); INSERT INTO t VALUES (1)");
    database.write(&[], IfExists::Append, &[]);
    assert_eq!(database.rows().len(), 1);
    database.write(&[], IfExists::Replace, &[]);
    assert_eq!((database.rows().len(), database.columns()), (0, vec!["old".to_owned()]));
    database.write(&[("new", ColumnType::Text)], IfExists::Replace, &[]);
    assert_eq!((database.rows().len(), database.columns()), (0, vec!["new TEXT".to_owned()]));
    let database = Database::new();
    database.write(&[], IfExists::Fail, &[]);
    assert!(database.path.exists());
}

#[test]
fn a_table_that_is_there_is_added_to_with_its_own_columns() {
    let sql = "CREATE TABLE t (id INTEGER PRIMARY KEY, name VARCHAR(9) NOT NULL, day DATE, \
               twice AS (id * 2), note TEXT DEFAULT 'none'); INSERT INTO t (name) VALUES ('old')";
    let database = Database::with(sql);
    let batch = records(&[
        r#"{"NAME":"a","day":7}"#,
        r#"{"id":1,"name":"same id"}"#,
        r#"{"id":9}"#,
        r#"{"twice":1,"name":"x"}"#,
    ]);
    let rejected = database.write(&[], IfExists::Append, &[batch]);
    assert_eq!(
        reasons(&rejected),
        [
            (1, "the table \"t\" refuses it: UNIQUE constraint failed: t.id"),
            (2, "the table \"t\" refuses it: NOT NULL constraint failed: t.name"),
            (3, "the table computes the column \"twice\": it takes no value"),
        ]
    );
    assert_eq!(database.rows().len(), 2);
    assert_eq!(database.rows()[1][..3], [integer(2), text("a"), integer(7)]);
    assert_eq!(database.rows()[1][4], text("none"), "what the record does not have keeps its default");
    database.write(&[("name", ColumnType::Text)], IfExists::Append, &[records(&[r#"{"name":"b"}"#])]);
    assert_eq!(database.rows()[2][4], text("none"), "columns that are not named keep their default");
}

#[test]
fn a_table_that_does_not_match_is_refused_when_it_is_opened() {
    let database = Database::with("CREATE TABLE t (id INTEGER, name TEXT)");
    let refused = |columns, if_exists| {
        let error: Error = database.open(columns, if_exists).expect_err("it is refused");
        assert_eq!(error.kind(), ErrorKind::Config);
        error.to_string()
    };
    assert!(refused(&[], IfExists::Fail).ends_with("out.db\" has a table \"t\" already"));
    let message = refused(&[("id", ColumnType::Integer), ("age", ColumnType::Integer)], IfExists::Append);
    assert!(message.starts_with("`columns` names \"age\" as INTEGER, but the table \"t\" in \""), "{message}");
    assert!(message.ends_with("\" has no such column"), "{message}");
    let message = refused(&[("name", ColumnType::Real)], IfExists::Append);
    assert!(message.ends_with("\" has it as TEXT"), "{message}");
    assert!(refused(&[("a", ColumnType::Real), ("A", ColumnType::Real)], IfExists::Replace).contains("twice"));
    let mut plan = database.plan(&[], IfExists::Replace);
    plan.table = "sqlite_x".into();
    assert_eq!(SqliteSink::open(plan, false).err().map(|error| error.kind()), Some(ErrorKind::Config));
}

#[test]
fn names_are_only_names_whatever_is_in_them() {
    let database = Database::new();
    let mut plan = database.plan(&[], IfExists::Fail);
    plan.table = "x\"; DROP TABLE t; --".into();
    let mut sink = SqliteSink::open(plan, false).unwrap();
    let batch = records(&[r#"{"a\"b":1,"select":2,"; --":3}"#, r#"{"":1}"#, r#"{"a\u0000":1}"#]);
    assert_eq!(sink.write(&batch).unwrap().len(), 2);
    sink.finish().unwrap();
    let rows = rows(&database.path, "SELECT \"a\"\"b\", \"select\", \"; --\" FROM \"x\"\"; DROP TABLE t; --\"");
    assert_eq!(rows, [[integer(1), integer(2), integer(3)]]);
}

#[test]
fn what_is_no_database_is_told() {
    let database = Database::new();
    std::fs::create_dir_all(database.path.parent().unwrap()).unwrap();
    std::fs::write(&database.path, "this is a text, and a rather long one at that; no database begins like this")
        .unwrap();
    let error = database.open(&[], IfExists::Replace).expect_err("it is not a database");
    assert_eq!(error.hints(), ["the file is not an SQLite database: name another one"]);
}

#[test]
fn a_database_that_is_locked_is_an_error_until_the_lock_is_gone() {
    let database = Database::with("CREATE TABLE t (a INTEGER)");
    let mut sink = database.open(&[], IfExists::Append).unwrap();
    let other = Connection::open(&database.path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = sink.write(&records(&[r#"{"a":5}"#])).unwrap_err();
    assert!(error.hints()[0].starts_with("another process has been writing"), "{:?}", error.hints());
    other.execute_batch("ROLLBACK").unwrap();
    assert!(sink.write(&records(&[r#"{"a":5}"#])).unwrap().is_empty(), "it continues when the lock is gone");
}
