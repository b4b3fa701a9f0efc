//! A record is delivered when its row is in the table as it was sent, and no other row has gone or changed for it:
//! whatever the table's rules, its triggers and the references between tables do. What does not stay costs its record
//! alone.

use proptest::prelude::*;
use rusqlite::Connection;
use rusqlite::types::Value;

use super::super::super::blocking::BlockingSink;
use super::{Database, integer, reasons, rows, text};
use crate::tests::records;
use crate::{ColumnType, IfExists};
use sandmill_engine::edge::Rejected;
use sandmill_engine::record::Payload;

fn write(database: &Database, batch: &[&str]) -> Vec<Rejected> {
    database.write(&[], IfExists::Append, &[records(batch)])
}

/// Writes batches in a run that keeps checkpoints, with one after each of `commits`.
fn write_held(database: &Database, batches: &[Payload], commits: &[usize]) -> Vec<Vec<Rejected>> {
    let mut sink = database.open(&[], IfExists::Append).unwrap();
    sink.hold("somebody").unwrap();
    let mut rejected = Vec::new();
    for (number, batch) in batches.iter().enumerate() {
        rejected.push(sink.write(batch).unwrap());
        if commits.contains(&number) {
            sink.commit(Some("a place")).unwrap();
        }
    }
    sink.commit(Some("the end")).unwrap();
    sink.finish().unwrap();
    rejected
}

/// A row took the place of another one, and both counted as delivered. (12)
#[test]
fn no_row_takes_the_place_of_another_one() {
    for columns in [
        "a UNIQUE ON CONFLICT {}, b",
        "a, b, UNIQUE (a) ON CONFLICT {}",
        "a INTEGER PRIMARY KEY ON CONFLICT {}, b",
        "a TEXT COLLATE NOCASE UNIQUE ON CONFLICT {}, b",
        "b, a PRIMARY KEY ON CONFLICT {}",
        "b, a INT PRIMARY KEY ON CONFLICT {}) WITHOUT ROWID --",
    ] {
        for rule in ["REPLACE", "IGNORE", "FAIL", "ABORT", "ROLLBACK"] {
            let sql = format!("CREATE TABLE t ({}\n)", columns.replace("{}", rule)).replace("--\n)", "");
            for triggers in ["", "CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END"] {
                let database = Database::with(&format!("{sql};{triggers}"));
                let batch = records(&[r#"{"a":1,"b":1}"#, r#"{"a":1,"b":2}"#, r#"{"a":2,"b":3}"#]);
                let rejected = write_held(&database, &[batch.clone(), batch], &[]).concat();
                let told = "the table \"t\" refuses it: UNIQUE constraint failed: t.a";
                assert_eq!(reasons(&rejected), [(1, told), (0, told), (1, told), (2, told)], "{sql}");
                assert_eq!(rows(&database.path, "SELECT b FROM t").concat(), [integer(1), integer(3)], "{sql}");
            }
        }
    }
}

/// A null became the default, and nobody was told. (12)
#[test]
fn null_never_becomes_the_default() {
    for rule in ["REPLACE", "IGNORE", "ROLLBACK", "ABORT"] {
        for triggers in ["", "CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1; END"] {
            let database =
                Database::with(&format!("CREATE TABLE t (a, b NOT NULL ON CONFLICT {rule} DEFAULT 7);{triggers}"));
            let rejected = write(&database, &[r#"{"a":1,"b":null}"#, r#"{"a":2}"#, r#"{"a":3,"b":4}"#]);
            assert_eq!(
                reasons(&rejected),
                [(0, "the table \"t\" refuses it: NOT NULL constraint failed: t.b")],
                "{rule}"
            );
            assert_eq!(database.rows(), [[integer(2), integer(7)], [integer(3), integer(4)]], "{rule}");
        }
    }
}

/// SQLite stored a number that nobody had sent, and the documents said null. (12)
#[test]
fn null_never_becomes_the_number_of_the_row() {
    let refused = |shown: &str| {
        format!(
            "the field \"id\" holds {shown}, which SQLite would replace with a number of its own: leave the field out to have the row numbered"
        )
    };
    for columns in [
        "id INTEGER PRIMARY KEY, a",
        "ID integer PRIMARY KEY AUTOINCREMENT NOT NULL, a",
        "id INTEGER, a, PRIMARY KEY (id DESC)",
    ] {
        let database = Database::with(&format!("CREATE TABLE t ({columns})"));
        let batch = [r#"{"id":null,"a":1}"#, r#"{"id":"","a":2}"#, r#"{"a":3}"#, r#"{"id":"9","a":4}"#];
        let rejected = write(&database, &batch);
        let (null, empty) = (refused("null"), refused("an empty string"));
        assert_eq!(reasons(&rejected), [(0, null.as_str()), (1, empty.as_str())], "{columns}");
        assert_eq!(rows(&database.path, "SELECT id, a FROM t"), [[integer(1), integer(3)], [integer(9), integer(4)]]);
    }
    // A key that is not the row's number stores null as null.
    for id in ["id INT PRIMARY KEY", "id INTEGER PRIMARY KEY DESC"] {
        let database = Database::with(&format!("CREATE TABLE t ({id}, a)"));
        assert_eq!(write(&database, &[r#"{"id":null,"a":1}"#]), [], "{id}");
        assert_eq!(database.rows(), [[Value::Null, integer(1)]], "{id}");
    }
}

/// Rows that triggers deleted or changed counted as delivered. (12)
#[test]
fn what_triggers_do_to_the_rows_is_not_delivered() {
    let gone = "the table \"t\" refuses it: a trigger deletes a row of it";
    let changed = "the table \"t\" refuses it: a trigger or a default changes the values of the row";
    let others = "the table \"t\" refuses it: a trigger changes other rows of it; if that is intended, list the columns of the records in `columns`: the trigger may change all other columns";
    let left_out = "the table \"t\" does not store it: a trigger ignores it";
    for (when, does, told) in [
        ("AFTER", "DELETE FROM t WHERE a = new.a", Some(gone)),
        ("AFTER", "DELETE FROM t WHERE a = 1", Some(gone)),
        ("BEFORE", "DELETE FROM t", Some(gone)),
        ("AFTER", "UPDATE t SET b = upper(b) WHERE a = new.a", Some(changed)),
        ("AFTER", "UPDATE t SET a = -a WHERE a = new.a", Some(changed)),
        ("AFTER", "UPDATE t SET b = 'old' WHERE a <> new.a", Some(others)),
        ("BEFORE", "UPDATE t SET b = upper(b)", Some(others)),
        ("BEFORE", "SELECT RAISE(IGNORE)", Some(left_out)),
        ("BEFORE", "SELECT RAISE(ABORT, 'no')", Some("the table \"t\" refuses it: no")),
        ("AFTER", "SELECT RAISE(FAIL, 'no')", Some("the table \"t\" refuses it: no")),
        ("AFTER", "SELECT RAISE(ROLLBACK, 'no')", Some("the table \"t\" refuses it: no")),
        (
            "AFTER",
            "INSERT OR ROLLBACK INTO log VALUES (new.a)",
            Some("the table \"t\" refuses it: UNIQUE constraint failed: log.a"),
        ),
        // What is not a field of the record, and what other tables hold, is the trigger's business.
        ("AFTER", "UPDATE t SET c = 'new' WHERE a = new.a", None),
        ("AFTER", "UPDATE t SET b = b WHERE a = 1", None),
        ("AFTER", "INSERT OR IGNORE INTO log VALUES (1)", None),
        ("AFTER", "INSERT OR REPLACE INTO log VALUES (1)", None),
        ("AFTER", "INSERT INTO log VALUES (1) ON CONFLICT DO UPDATE SET a = a + 10", None),
    ] {
        for kind in ["", " WITHOUT ROWID", " STRICT"] {
            let database = Database::with(&format!(
                "CREATE TABLE t (a INT PRIMARY KEY, b TEXT COLLATE NOCASE, c TEXT DEFAULT 'c'){kind};\
                 CREATE TABLE log (a UNIQUE); CREATE TABLE seen (a);\
                 CREATE TRIGGER g {when} INSERT ON t WHEN new.a > 1 AND new.a < 4 BEGIN \
                    INSERT INTO seen VALUES (new.a); INSERT OR IGNORE INTO log VALUES (new.a); {does}; END"
            ));
            let batch = |numbers: [i64; 2]| {
                let values = numbers.map(|number| format!("{{\"a\":{number},\"b\":\"b\"}}"));
                records(&values.each_ref().map(String::as_str))
            };
            let rejected = write_held(&database, &[batch([1, 2]), batch([3, 4])], &[]);
            let expected: Vec<Vec<_>> = vec![
                told.map(|told| (1, told)).into_iter().collect(),
                told.map(|told| (0, told)).into_iter().collect(),
            ];
            assert_eq!(rejected.iter().map(|one| reasons(one)).collect::<Vec<_>>(), expected, "{when} {does}{kind}");
            let here = rows(&database.path, "SELECT a, b FROM t ORDER BY a");
            let kept = if told.is_some() { vec![1, 4] } else { vec![1, 2, 3, 4] };
            assert_eq!(
                here,
                kept.iter().map(|number| vec![integer(*number), text("b")]).collect::<Vec<_>>(),
                "{when} {does}{kind}"
            );
            let seen = rows(&database.path, "SELECT a FROM seen").len();
            assert_eq!(seen, if told.is_some() { 0 } else { 2 }, "nothing of a refused record stays: {does}");
        }
    }
}

/// The columns that the pipeline file names are the ones that the sink writes.
#[test]
fn triggers_may_change_columns_that_the_sink_does_not_write() {
    for kind in ["", " WITHOUT ROWID"] {
        let database = Database::with(&format!(
            "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT, latest INT DEFAULT 1){kind};\
             CREATE TRIGGER g AFTER INSERT ON t BEGIN UPDATE t SET latest = 0 WHERE b = new.b AND a <> new.a; END"
        ));
        let columns = [("a", ColumnType::Integer), ("b", ColumnType::Text)];
        let batch = records(&[r#"{"a":1,"b":"x"}"#, r#"{"a":2,"b":"x"}"#, r#"{"a":3,"b":"y"}"#]);
        assert_eq!(database.write(&columns, IfExists::Append, &[batch]), []);
        let latest = rows(&database.path, "SELECT latest FROM t ORDER BY a").concat();
        assert_eq!(latest, [integer(0), integer(1), integer(1)], "{kind}");
    }
}

/// It ended the run, and with it went what the transaction held. (12)
#[test]
fn a_record_that_rolls_back_the_transaction_costs_itself_alone() {
    let database = Database::with(
        "CREATE TABLE t (a INTEGER); CREATE TRIGGER g BEFORE INSERT ON t WHEN new.a % 5 = 0 BEGIN
            SELECT RAISE(ROLLBACK, 'no fives'); END",
    );
    let batch = |from: i64| {
        let values: Vec<_> = (from..from + 7).map(|number| format!("{{\"a\":{number}}}")).collect();
        records(&values.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let rejected = write_held(&database, &[batch(1), batch(8), batch(15), batch(22), batch(29)], &[1]);
    let indices: Vec<Vec<_>> = rejected.iter().map(|batch| batch.iter().map(|one| one.index).collect()).collect();
    assert_eq!(indices, [vec![4], vec![2], vec![0, 5], vec![3], vec![1, 6]]);
    assert_eq!(rejected[0][0].reason, "the table \"t\" refuses it: no fives");
    let expected: Vec<_> = (1..=35).filter(|number| number % 5 != 0).map(integer).collect();
    assert_eq!(database.rows().concat(), expected);
    let notes = rows(&database.path, "SELECT note FROM sandmill_checkpoint").concat();
    assert_eq!(notes, [text("the end")], "rows and note are committed as one");
    // Without checkpoints, each batch is a transaction.
    let rejected = database.write(&[], IfExists::Append, &[batch(36), batch(43)]);
    assert_eq!(rejected.iter().map(|one| one.index).collect::<Vec<_>>(), [4, 2]);
    assert_eq!(database.rows().len(), 28 + 12);
}

/// What was rolled back is written again before anything else, also when somebody has locked the database meanwhile.
#[test]
fn what_was_rolled_back_outlasts_a_lock() {
    let database = Database::with(
        "CREATE TABLE t (a INTEGER); CREATE TRIGGER g AFTER INSERT ON t WHEN new.a = 0 BEGIN
            SELECT RAISE(ROLLBACK, 'no'); END",
    );
    let mut sink = database.open(&[], IfExists::Append).unwrap();
    sink.hold("somebody").unwrap();
    assert_eq!(sink.write(&records(&[r#"{"a":1}"#])).unwrap(), []);
    // As if the database had failed between the two.
    sink.rewind();
    sink.database = None;
    let other = Connection::open(&database.path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = sink.write(&records(&[r#"{"a":2}"#])).unwrap_err();
    assert!(error.is_retryable(), "{error}");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(sink.write(&records(&[r#"{"a":2}"#, r#"{"a":0}"#])).unwrap().len(), 1);
    sink.commit(Some("the end")).unwrap();
    sink.finish().unwrap();
    assert_eq!(database.rows(), [[integer(1)], [integer(2)]]);
}

/// The commit failed, for all records of the transaction. (12)
#[test]
fn references_that_are_checked_at_the_end_are_checked_with_each_record() {
    let told = "the table \"t\" refuses it: FOREIGN KEY constraint failed: what it refers to must be there before it, because \
                a checkpoint may come between them";
    for triggers in ["", "CREATE TRIGGER g AFTER INSERT ON t WHEN new.up = 8 BEGIN INSERT INTO other VALUES (9); END;"]
    {
        let database = Database::with(&format!(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, up REFERENCES t (id) DEFERRABLE INITIALLY DEFERRED);
             CREATE TABLE other (id REFERENCES t (id) DEFERRABLE INITIALLY DEFERRED);{triggers}"
        ));
        let first =
            records(&[r#"{"id":1,"up":null}"#, r#"{"id":2,"up":1}"#, r#"{"id":3,"up":7}"#, r#"{"id":4,"up":4}"#]);
        let second = records(&[r#"{"id":5,"up":2}"#, r#"{"id":8,"up":8}"#, r#"{"id":6,"up":3}"#, r#"{"id":7,"up":1}"#]);
        let rejected = write_held(&database, &[first, second], &[]);
        assert_eq!(reasons(&rejected[0]), [(2, told)]);
        let of_trigger = (!triggers.is_empty()).then_some((1, told));
        assert_eq!(reasons(&rejected[1]), of_trigger.into_iter().chain([(2, told)]).collect::<Vec<_>>());
        let ids = rows(&database.path, "SELECT id FROM t ORDER BY id").len();
        assert_eq!(ids, if triggers.is_empty() { 6 } else { 5 });
    }
}

/// "The disk is full", said the error that ended the run. (12)
#[test]
fn a_table_without_numbers_for_more_rows_refuses_those_that_need_one() {
    let database = Database::with(
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, a);
         INSERT INTO t VALUES (9223372036854775807, 0)",
    );
    let rejected = write(&database, &[r#"{"a":1}"#, r#"{"id":5,"a":2}"#, r#"{"a":3}"#]);
    let told = "the table \"t\" refuses it: an AUTOINCREMENT has used its last number, 9223372036854775807";
    assert_eq!(reasons(&rejected), [(0, told), (2, told)]);
    assert_eq!(rows(&database.path, "SELECT a FROM t ORDER BY id").concat(), [integer(2), integer(0)]);
    // Of a table that a trigger writes to, too.
    let database = Database::with(
        "CREATE TABLE log (id INTEGER PRIMARY KEY AUTOINCREMENT, a); INSERT INTO log VALUES (9223372036854775806, 0);
         CREATE TABLE t (a); CREATE TRIGGER g AFTER INSERT ON t WHEN new.a > 1 BEGIN INSERT INTO log (a) VALUES (1); END",
    );
    let rejected = write(&database, &[r#"{"a":1}"#, r#"{"a":2}"#, r#"{"a":3}"#, r#"{"a":0}"#]);
    assert_eq!(reasons(&rejected), [(2, told)]);
    assert_eq!(database.rows().concat(), [integer(1), integer(2), integer(0)]);
    // Without AUTOINCREMENT, SQLite finds a number that is free.
    let database =
        Database::with("CREATE TABLE t (id INTEGER PRIMARY KEY, a); INSERT INTO t VALUES (9223372036854775807, 0)");
    assert_eq!(write(&database, &[r#"{"a":1}"#]), []);
}

/// A trigger that somebody makes between two transactions was not looked at.
#[test]
fn a_trigger_that_is_made_during_the_run_is_heeded() {
    let database = Database::with("CREATE TABLE t (a)");
    let mut sink = database.open(&[], IfExists::Append).unwrap();
    assert_eq!(sink.write(&records(&[r#"{"a":1}"#])).unwrap(), []);
    let trigger = "CREATE TRIGGER g AFTER INSERT ON t BEGIN DELETE FROM t WHERE a = 2; END";
    Connection::open(&database.path).unwrap().execute_batch(trigger).unwrap();
    assert_eq!(sink.write(&records(&[r#"{"a":2}"#, r#"{"a":3}"#])).unwrap().len(), 1);
    sink.finish().unwrap();
    assert_eq!(database.rows(), [[integer(1)], [integer(3)]]);
    assert_eq!(rows(&database.path, "SELECT name FROM sqlite_schema").len(), 2, "nothing of ours is left in it");
}

/// A table, drawn from what its author may say: the rest of its columns is the same, `n` tells the records apart.
fn schema() -> impl Strategy<Value = String> {
    let rule = prop_oneof![Just("REPLACE"), Just("IGNORE"), Just("FAIL"), Just("ABORT"), Just("ROLLBACK")];
    let id = prop_oneof![
        Just("id INTEGER"),
        Just("id INTEGER PRIMARY KEY ON CONFLICT {}"),
        Just("id INTEGER PRIMARY KEY AUTOINCREMENT"),
        Just("id INT DEFAULT 3 UNIQUE ON CONFLICT {}"),
    ];
    let a = prop_oneof![
        Just("a INTEGER"),
        Just("a INTEGER UNIQUE ON CONFLICT {}"),
        Just("a INTEGER NOT NULL ON CONFLICT {} DEFAULT 5"),
        Just("a INTEGER CHECK (a < 6)"),
        Just("a INTEGER REFERENCES other (a) DEFERRABLE INITIALLY DEFERRED"),
    ];
    let b = prop_oneof![
        Just("b TEXT"),
        Just("b TEXT COLLATE NOCASE UNIQUE ON CONFLICT {}"),
        Just("b TEXT NOT NULL ON CONFLICT {} DEFAULT 'none'"),
    ];
    let end = prop_oneof![
        4 => Just("n INTEGER)"),
        1 => Just("n INTEGER) STRICT"),
        1 => Just("n INTEGER, twice AS (a * 2) STORED, UNIQUE (a, b) ON CONFLICT {})"),
        1 => Just("n INTEGER); CREATE UNIQUE INDEX part ON t (b) WHERE a > 3"),
    ];
    let trigger = (
        prop_oneof![Just("BEFORE"), Just("AFTER")],
        1..7_i64,
        prop_oneof![
            Just("DELETE FROM t WHERE n = new.n"),
            Just("DELETE FROM t WHERE a = new.a"),
            Just("DELETE FROM t WHERE n = -1"),
            Just("UPDATE t SET b = 'changed' WHERE n = new.n"),
            Just("UPDATE t SET extra = 'changed' WHERE n = new.n"),
            Just("UPDATE t SET b = lower(b)"),
            Just("UPDATE OR REPLACE t SET id = 2 WHERE n = new.n"),
            Just("SELECT RAISE(ROLLBACK, 'no')"),
            Just("SELECT RAISE(IGNORE)"),
            Just("SELECT RAISE(ABORT, 'no')"),
            Just("INSERT OR ROLLBACK INTO log VALUES (new.a)"),
            Just("INSERT OR REPLACE INTO log VALUES (new.b)"),
            Just("INSERT OR IGNORE INTO log VALUES (1)"),
        ],
    );
    let trigger = trigger.prop_map(|(when, a, does)| format!("{when} INSERT ON t WHEN new.a = {a} BEGIN {does}; END;"));
    let columns = (id, a, b, end, rule.clone()).prop_map(|(id, a, b, end, rule)| {
        format!("CREATE TABLE t ({id}, {a}, {b}, extra TEXT, {end};").replace("{}", rule)
    });
    (columns, proptest::collection::vec(trigger, 0..3)).prop_map(|(table, triggers)| {
        let triggers =
            triggers.iter().enumerate().map(|(number, trigger)| format!("CREATE TRIGGER g{number} {trigger}"));
        let log = "CREATE TABLE log (a UNIQUE); CREATE TABLE other (a INTEGER PRIMARY KEY);
            INSERT INTO other VALUES (1), (2), (5), (6);";
        let first = "INSERT INTO t (id, a, b, n) VALUES (1, 1, 'First', -1), (8, 5, 'second', -2);";
        [log.to_owned(), table, first.to_owned()].into_iter().chain(triggers).collect()
    })
}

fn field() -> impl Strategy<Value = Option<String>> {
    let value = prop_oneof![6 => (1..9_i64).prop_map(|number| number.to_string()), 1 => Just("null".to_owned()), 1 => Just("\"\"".to_owned())];
    prop_oneof![4 => value.prop_map(Some), 1 => Just(None)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Fails when what is reported as delivered is not what the table has at the end. (12)
    #[test]
    fn the_table_has_what_is_delivered_and_nothing_else_has_changed(
        sql in schema(),
        fields in proptest::collection::vec((field(), field(), field()), 1..24),
        size in 1..9_usize,
        commits in proptest::collection::vec(0..8_usize, 0..3),
        holds: bool,
    ) {
        let database = Database::with(&sql);
        let before = rows(&database.path, "SELECT n, id, a, b, extra FROM t ORDER BY n");
        let named = |name: &str, value: &Option<String>| value.as_ref().map(|value| format!("\"{name}\":{value}"));
        let sent: Vec<String> = fields.iter().enumerate().map(|(number, (id, a, b))| {
            let all = [named("id", id), named("a", a), named("b", b), Some(format!("\"n\":{number}"))];
            format!("{{{}}}", all.into_iter().flatten().collect::<Vec<_>>().join(","))
        }).collect();
        let batches: Vec<_> = sent.chunks(size).map(|some| records(&some.iter().map(String::as_str).collect::<Vec<_>>())).collect();
        let rejected = if holds {
            write_held(&database, &batches, &commits)
        } else {
            let mut sink = database.open(&[], IfExists::Append).unwrap();
            let rejected = batches.iter().map(|batch| sink.write(batch).unwrap()).collect();
            sink.finish().unwrap();
            rejected
        };
        let refused: Vec<usize> = rejected.iter().enumerate()
            .flat_map(|(batch, some)| some.iter().map(move |one| batch * size + one.index)).collect();
        let here = rows(&database.path, "SELECT n, id, a, b, extra FROM t ORDER BY n");
        prop_assert_eq!(&here[..2], &before[..], "rows that were there: {}", sql);
        let kept: Vec<_> = (0..sent.len()).filter(|number| !refused.contains(number)).collect();
        prop_assert_eq!(here.len() - 2, kept.len(), "{} {:?} {:?}", sql, sent, rejected);
        for (row, number) in here[2..].iter().zip(kept) {
            let (id, a, b) = &fields[number];
            prop_assert_eq!(&row[0], &integer(i64::try_from(number).unwrap()));
            for (column, (stored, value)) in row[1..4].iter().zip([id, a, b]).enumerate() {
                let Some(value) = value else { continue };
                let expected = match (value.as_str(), column) {
                    ("null", _) | ("\"\"", 0 | 1) => Value::Null,
                    ("\"\"", _) => text(""),
                    (number, 2) => text(number),
                    (number, _) => integer(number.parse().unwrap()),
                };
                prop_assert_eq!(stored, &expected, "{} {}", sql, sent[number].clone());
            }
        }
        let violations = rows(&database.path, "PRAGMA foreign_key_check(t)");
        prop_assert_eq!(violations.len(), 0, "{}", sql);
    }
}
