//! Databases and tables that somebody else has made: what is there keeps its ways, and nothing is changed unseen.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use rusqlite::Connection;
use rusqlite::types::Value;

use super::super::super::blocking::BlockingSink;
use super::super::SqliteSink;
use super::{Database, integer, reasons, rows, text};
use crate::kind;
use crate::tests::records;
use crate::{ColumnType, ExtraColumns, IfExists};
use sandmill_engine::error::ErrorKind;

fn why(database: &Database, record: &str) -> String {
    let rejected = database.write(&[], IfExists::Append, &[records(&[record])]);
    assert_eq!(rejected.len(), 1, "{record}");
    rejected[0].reason.clone()
}

/// Fails when a field that a record does not have is stored as null. (12)
#[test]
fn what_a_record_does_not_have_keeps_its_default() {
    let database = Database::with(
        "CREATE TABLE t (a INTEGER, b TEXT DEFAULT 'b', c NOT NULL DEFAULT 3, d DEFAULT CURRENT_DATE, e AS (a + 1))",
    );
    let batch = records(&[
        r#"{"a":1}"#,
        r#"{"b":null,"c":1}"#,
        r#"{"a":2,"b":"x","c":"y","d":"z"}"#,
        r#"{}"#,
        r#"{"c":null}"#,
        r#"{"a":3}"#,
    ]);
    let rejected = database.write(&[], IfExists::Append, &[batch]);
    assert_eq!(reasons(&rejected), [(4, "the table \"t\" refuses it: NOT NULL constraint failed: t.c")]);
    let stored = rows(&database.path, "SELECT a, b, c, length(d), e FROM t ORDER BY rowid");
    let null = Value::Null;
    assert_eq!(
        stored,
        [
            vec![integer(1), text("b"), integer(3), integer(10), integer(2)],
            vec![null.clone(), null.clone(), integer(1), integer(10), null.clone()],
            vec![integer(2), text("x"), text("y"), integer(1), integer(3)],
            vec![null.clone(), text("b"), integer(3), integer(10), null],
            vec![integer(3), text("b"), integer(3), integer(10), integer(4)],
        ]
    );
    let only_defaults = Database::with("CREATE TABLE t (a DEFAULT 7)");
    assert_eq!(only_defaults.write(&[], IfExists::Append, &[records(&["{}"])]), []);
    assert_eq!(only_defaults.rows(), [[integer(7)]]);
}

/// Fails when SQLite turns text into numbers unseen: "15E2621" into infinity, "007" into 7. (12)
#[test]
fn text_that_a_column_would_turn_into_a_number_is_refused() {
    for declared in ["string", "DATE", "whatever", "BOOLEAN", "ANY"] {
        let database = Database::with(&format!("CREATE TABLE t (a {declared})"));
        for number in ["15E2621", "007", "42", " 7 ", "1e3", ".5", "-0"] {
            let told = why(&database, &format!("{{\"a\":\"{number}\"}}"));
            assert!(told.contains("which SQLite would turn into a number there"), "{declared} {number}: {told}");
        }
        let kept = records(&[r#"{"a":"7a"}"#, r#"{"a":"2024-01-01"}"#, r#"{"a":7}"#, r#"{"a":0.5}"#, r#"{"a":""}"#]);
        assert_eq!(database.write(&[], IfExists::Append, &[kept]), []);
        let expected = [text("7a"), text("2024-01-01"), integer(7), Value::Real(0.5), text("")];
        assert_eq!(database.rows().concat(), expected, "{declared}");
        assert!(why(&database, r#"{"a":1e400}"#).contains("cannot store as a number without changing it"));
    }
    // Who names the column says what it holds.
    let database = Database::with("CREATE TABLE t (a string, b DECIMAL(9, 2), c BLOB)");
    let columns = [("a", ColumnType::Integer), ("b", ColumnType::Real), ("c", ColumnType::Text)];
    let batch = records(&[r#"{"a":"007","b":"12.50","c":7}"#]);
    assert_eq!(database.write(&columns, IfExists::Append, &[batch]), []);
    assert_eq!(database.rows(), [[integer(7), Value::Real(12.5), text("7")]]);
    let decimal = Database::with("CREATE TABLE t (price DECIMAL(9, 2))");
    let batch = records(&[r#"{"price":"12.50"}"#, r#"{"price":"3"}"#, r#"{"price":"x"}"#, r#"{"price":1e400}"#]);
    assert_eq!(decimal.write(&[], IfExists::Append, &[batch]).len(), 2);
    assert_eq!(decimal.rows(), [[Value::Real(12.5)], [integer(3)]]);
}

/// Fails when an error that SQLite has no name for ends the run: it comes of one record's values.
#[test]
fn what_a_check_or_a_generated_column_cannot_work_out_costs_its_record_alone() {
    let database = Database::with("CREATE TABLE t (a TEXT, b AS (json_extract(a, '$.x')) STORED, CHECK (abs(b) < 9))");
    let batch = records(&[r#"{"a":{"x":1}}"#, r#"{"a":"not json"}"#, r#"{"a":{"x":10}}"#, r#"{"a":{"x":2}}"#]);
    let rejected = database.write(&[], IfExists::Append, &[batch]);
    assert_eq!(rejected.iter().map(|one| one.index).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(database.rows().len(), 2);
}

#[test]
fn a_strict_table_takes_what_its_columns_take() {
    let database = Database::with("CREATE TABLE t (i INT, r REAL, s TEXT, a ANY, b BLOB) STRICT");
    let batch = records(&[
        r#"{"i":1,"r":1,"s":1,"a":"007"}"#,
        r#"{"a":9007199254740993}"#,
        r#"{"i":"x"}"#,
        r#"{"r":9007199254740993}"#,
        r#"{"b":"text"}"#,
    ]);
    let rejected = database.write(&[], IfExists::Append, &[batch]);
    assert_eq!(rejected.iter().map(|one| one.index).collect::<Vec<_>>(), [2, 3, 4]);
    assert_eq!(database.rows()[0][..4], [integer(1), Value::Real(1.0), text("1"), text("007")]);
    assert_eq!(database.rows()[1][3], integer(9_007_199_254_740_993));
}

/// Fails when a view, or a table that stores values as it pleases, is taken for a table. (12)
#[test]
fn what_is_not_a_table_is_refused_when_it_is_opened() {
    for (sql, what) in [
        ("CREATE TABLE x (a); CREATE VIEW t AS SELECT a FROM x", "is a view"),
        ("CREATE TABLE x (a); CREATE INDEX t ON x (a)", "is an index"),
        ("CREATE VIRTUAL TABLE t USING rtree(id, a, b)", "is a virtual table"),
    ] {
        let database = Database::with(sql);
        for if_exists in [IfExists::Append, IfExists::Replace, IfExists::Fail] {
            let error = database.open(&[], if_exists).expect_err(sql);
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().contains(what), "{error}");
        }
    }
    let database = Database::new();
    let plan = kind::SqliteSink { table: "Sandmill_Checkpoint".into(), ..database.plan(&[], IfExists::Append) };
    SqliteSink::open(plan, false).expect_err("checkpoints are kept there");
}

/// Fails when SQLite's special names are given to it: rows in memory are gone when the run is over. (12)
#[test]
fn special_names_of_sqlite_are_names_of_files() {
    let folder = tempfile::tempdir_in(".").unwrap();
    let relative = PathBuf::from(folder.path().file_name().unwrap());
    let inner = folder.path().join("file:x?mode=memory");
    let absolute = [":memory:", "file::memory:?cache=shared", "file:out.db?mode=memory", "a%20b#c.db"];
    let paths =
        absolute.iter().map(|name| folder.path().join(name)).chain([relative.join(":memory:"), inner.join(":memory:")]);
    for path in paths {
        let plan = Database::new().plan(&[], IfExists::Append);
        let mut sink = SqliteSink::open(kind::SqliteSink { path: path.clone(), ..plan }, false).unwrap();
        assert_eq!(sink.write(&records(&[r#"{"a":1}"#])).unwrap(), []);
        sink.finish().unwrap();
        assert!(path.metadata().unwrap().len() > 0, "{path:?}");
    }
    for path in ["", "/dev/null", "/"] {
        let plan = Database::new().plan(&[], IfExists::Append);
        SqliteSink::open(kind::SqliteSink { path: path.into(), ..plan }, false)
            .expect_err("there is nothing to keep rows");
    }
}

/// In the folder of the process, nothing but a name in front of it tells `:memory:` from a file.
#[test]
fn a_relative_name_is_made_absolute() {
    for name in [":memory:", "file:x"] {
        let path = super::super::database::absolute(name.as_ref()).unwrap();
        assert!(path.is_absolute() && path.ends_with(name), "{path:?}");
    }
}

fn mode(database: &Database) -> String {
    let connection = Connection::open(&database.path).unwrap();
    connection.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap()
}

/// Fails when a database is left in write-ahead mode that was not: it cannot be read from a folder without write access. (12)
#[test]
fn a_database_keeps_its_journal_mode_and_a_new_one_has_the_usual_one() {
    let record = || records(&[r#"{"a":1}"#]);
    for kept in ["delete", "wal", "truncate", "persist"] {
        let database = Database::with(&format!("PRAGMA journal_mode = {kept}; CREATE TABLE t (a)"));
        let before = mode(&database);
        database.write(&[], IfExists::Append, &[record()]);
        assert_eq!(mode(&database), before);
    }
    let database = Database::new();
    let mut sink = database.open(&[], IfExists::Append).unwrap();
    sink.write(&record()).unwrap();
    assert_eq!(mode(&database), "wal", "it can be read while it is written");
    sink.finish().unwrap();
    assert_eq!(mode(&database), "delete");

    // The run that is resumed restores it, too.
    let database = Database::new();
    let mut sink = database.open(&[], IfExists::Append).unwrap();
    sink.write(&record()).unwrap();
    let mark = sink.mark().unwrap();
    drop(sink);
    let mut sink = SqliteSink::open(database.plan(&[], IfExists::Append), true).unwrap();
    sink.return_to(mark.as_ref()).unwrap();
    sink.write(&record()).unwrap();
    sink.finish().unwrap();
    assert_eq!((mode(&database), database.rows().len()), ("delete".to_owned(), 2));
}

/// Fails when rows are written to a file that nobody can find any more.
#[test]
fn a_database_that_is_deleted_while_it_is_written_is_an_error() {
    let database = Database::new();
    let mut sink = database.open(&[], IfExists::Append).unwrap();
    sink.write(&records(&[r#"{"a":1}"#])).unwrap();
    std::fs::remove_file(&database.path).unwrap();
    let error = sink.mark().expect_err("it is gone");
    assert!(error.to_string().ends_with("was moved or deleted while it was written"), "{error}");
    sink.finish().expect_err("it is gone");
}

/// Fails when only the file is looked at: SQLite cannot write without a journal beside it. (12)
#[test]
fn a_folder_that_takes_no_journal_is_found_when_it_is_opened() {
    let database = Database::with("CREATE TABLE t (a)");
    let folder = database.path.parent().unwrap();
    std::fs::set_permissions(folder, Permissions::from_mode(0o555)).unwrap();
    // Nothing is read-only to root.
    if std::fs::write(folder.join("probe"), "").is_err() {
        let error = database.open(&[], IfExists::Append).expect_err("it cannot be written");
        assert!(error.hints().iter().any(|hint| hint.contains("journal")), "{:?}", error.hints());
    }
    std::fs::set_permissions(folder, Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_mark_that_cannot_be_read_is_an_error() {
    let database = Database::with("CREATE TABLE t (a)");
    let mut sink = SqliteSink::open(database.plan(&[], IfExists::Append), true).unwrap();
    let error = sink.return_to(Some(&sandmill_engine::edge::Mark("?".into()))).expect_err("it is damaged");
    assert_eq!(error.kind(), ErrorKind::Config);
    // As earlier versions wrote it.
    sink.return_to(Some(&sandmill_engine::edge::Mark("{\"inferred\":false}".into()))).unwrap();
}

/// Fails when the run that only tidies up after one that was killed at its very end takes itself for an empty one, and
/// empties the table.
#[test]
fn a_run_that_had_ended_keeps_its_rows() {
    for columns in [&[][..], &[("a", ColumnType::Integer)]] {
        let database = Database::with("CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (1)");
        let mut sink = SqliteSink::open(database.plan(columns, IfExists::Replace), true).unwrap();
        assert_eq!(sink.hold("somebody").unwrap(), None);
        sink.commit(None).unwrap();
        sink.finish().unwrap();
        assert_eq!(database.rows(), [[integer(1)]]);
    }
}

#[test]
fn text_that_utf_16_cannot_hold_is_refused() {
    let database = Database::with("PRAGMA encoding = 'UTF-16'; CREATE TABLE t (a)");
    let batch = records(&["{\"a\":\"\u{fffe}\"}", "{\"a\":\"x\\uffff\"}", "{\"a\":\"\u{10ffff}\\u0000\u{fffd}\"}"]);
    let rejected = database.write(&[], IfExists::Append, &[batch]);
    assert_eq!(rejected.iter().map(|one| one.index).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(database.rows(), [[text("\u{10ffff}\0\u{fffd}")]]);
}

/// With the table, SQLite deleted the rows of another one that referred to it, and the run completed. (12)
#[test]
fn a_table_that_another_one_refers_to_is_not_replaced() {
    let database = Database::with(
        "CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1);
         CREATE TABLE child (id REFERENCES T(id) ON DELETE CASCADE); INSERT INTO child VALUES (1);
         CREATE TABLE itself (id PRIMARY KEY, up REFERENCES itself(id))",
    );
    let sink = |table: &str| {
        let plan = kind::SqliteSink { table: table.to_owned(), ..database.plan(&[], IfExists::Replace) };
        SqliteSink::open(plan, false)
    };
    let error = sink("t").map(drop).expect_err("rows of the other table would go");
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().ends_with("cannot be replaced: table \"child\" refers to it"), "{error}");
    assert_eq!(rows(&database.path, "SELECT id FROM child"), [[integer(1)]]);
    sink("itself").map(drop).expect("what it refers to goes with it");
}

/// It ended the run, and its neighbours were not stored. (12)
#[test]
fn a_field_that_sqlite_adds_no_column_for_is_one_record_that_is_refused() {
    let database = Database::with("CREATE TABLE t (a)");
    let batch = records(&[r#"{"a":1}"#, r#"{"a":2,"rowid":5}"#, r#"{"a":3,"OID":6}"#, r#"{"a":4}"#]);
    let plan = kind::SqliteSink { extra_columns: Some(ExtraColumns::Add), ..database.plan(&[], IfExists::Append) };
    let mut sink = SqliteSink::open(plan, false).unwrap();
    let rejected = sink.write(&batch).unwrap();
    sink.finish().unwrap();
    assert_eq!(rejected.iter().map(|one| one.index).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(database.rows(), [[integer(1)], [integer(4)]]);
}
