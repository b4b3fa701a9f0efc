//! Columns that nobody has named: what they are, and that it is the same however the records are cut into batches.

use proptest::prelude::*;
use rusqlite::Connection;
use rusqlite::types::Value;

use super::super::super::blocking::BlockingSink;
use super::super::SqliteSink;
use super::super::window::RECORDS_MAX;
use super::{Database, integer, reasons, rows, text};
use crate::kind;
use crate::tests::records;
use crate::{ColumnType, ExtraColumns, IfExists};
use sandmill_engine::edge::Rejected;

/// Writes records in batches of this size, with a checkpoint and a resumed run before each of `restarts`.
fn write(database: &Database, values: &[String], batch: usize, restarts: &[usize]) -> Vec<Rejected> {
    let mut sink = database.open(&[], IfExists::Append).unwrap();
    let mut rejected = Vec::new();
    for (number, batch_of) in values.chunks(batch).enumerate() {
        if restarts.contains(&number) {
            let mark = sink.mark().unwrap();
            drop(sink);
            sink = SqliteSink::open(database.plan(&[], IfExists::Append), true).unwrap();
            sink.return_to(mark.as_ref()).unwrap();
        }
        let values: Vec<&str> = batch_of.iter().map(String::as_str).collect();
        let refused = sink.write(&records(&values)).unwrap();
        rejected.extend(refused.into_iter().map(|one| Rejected { index: number * batch + one.index, ..one }));
    }
    sink.finish().unwrap();
    rejected
}

/// All that can be seen of a table: its columns, and of each value its type and how it is written. Where every record was
/// refused, there is no table.
fn seen(database: &Database) -> (Vec<String>, Vec<Vec<Value>>) {
    let columns = database.columns();
    let rows = if columns.is_empty() { Vec::new() } else { database.rows() };
    (columns, rows)
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => any::<i16>().prop_map(|number| number.to_string()),
        2 => any::<i64>().prop_map(|number| number.to_string()),
        1 => any::<u64>().prop_map(|number| number.to_string()),
        2 => (any::<i16>(), 0..1000_u16).prop_map(|(whole, rest)| format!("{whole}.{rest}")),
        2 => "\"[a-z0-9]{0,5}\"",
        1 => prop_oneof![Just("true"), Just("null"), Just("[1]"), Just("9007199254740993.0")].prop_map(str::to_owned),
    ]
}

fn record() -> impl Strategy<Value = String> {
    let field = ("[a-fA-F]", value()).prop_map(|(name, value)| format!("\"{name}\":{value}"));
    prop_oneof![
        30 => proptest::collection::vec(field, 1..4).prop_map(|fields| format!("{{{}}}", fields.join(","))),
        1 => prop_oneof![Just("{}"), Just("text"), Just("[1]")].prop_map(str::to_owned),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Fails when the columns, or what is refused, depend on where a batch ends, or on when a run was interrupted. (12)
    #[test]
    fn a_table_is_the_same_however_its_records_are_cut(
        values in proptest::collection::vec(record(), 1..60),
        batch in 1..20_usize,
        restarts in proptest::collection::vec(0..20_usize, 0..3),
    ) {
        let [whole, cut] = [Database::new(), Database::new()];
        let rejected = write(&whole, &values, values.len(), &[]);
        prop_assert_eq!(&rejected, &write(&cut, &values, batch, &restarts));
        prop_assert_eq!(seen(&whole), seen(&cut));
    }
}

/// Fails when types are decided by the first batch: then a batch of 7 and one of 4,096 see different records. (12)
#[test]
fn the_first_thousand_records_decide_and_no_others() {
    let mut values: Vec<String> = (0..RECORDS_MAX - 1).map(|id| format!("{{\"id\":{id},\"x\":{id}}}")).collect();
    values.push("{\"id\":9007199254740993,\"x\":\"the last that decides\"}".to_owned());
    values.push("{\"id\":\"too late\",\"x\":1}".to_owned());
    values.push("{\"id\":0.5,\"late\":1}".to_owned());
    values.push("{\"id\":7,\"late\":\"anything\"}".to_owned());
    values.push("{\"id\":8,\"late\":0.5}".to_owned());
    let advice = "; the first records made the column INTEGER, name it in `columns` to give it another type";
    for batch in [1, 7, 999, 1000, 1001, 5000] {
        let database = Database::new();
        let rejected = write(&database, &values, batch, &[1]);
        assert_eq!(database.columns(), ["id INTEGER", "x TEXT", "late"], "{batch}");
        let whys = reasons(&rejected);
        assert_eq!(whys.iter().map(|why| why.0).collect::<Vec<_>>(), [RECORDS_MAX, RECORDS_MAX + 1], "{batch}");
        assert_eq!(whys[0].1, format!("the field \"id\" holds \"too late\", which is not an integer{advice}"));
        let rows = database.rows();
        assert_eq!(rows[0], [integer(0), text("0"), Value::Null], "{batch}");
        assert_eq!(rows[RECORDS_MAX][2], text("anything"));
        assert_eq!(rows[RECORDS_MAX + 1][2], Value::Real(0.5));
    }
}

/// Fails when a column of numbers becomes one of floating point as soon as one value has a fraction. (12)
#[test]
fn two_ids_stay_two_whatever_else_the_column_holds() {
    for (others, kind, stored) in [
        (vec!["1"], "id INTEGER", integer(9_007_199_254_740_993)),
        (vec!["0.5"], "id", integer(9_007_199_254_740_993)),
        (vec!["3.0"], "id INTEGER", integer(9_007_199_254_740_993)),
        (vec!["1e400"], "id TEXT", text("9007199254740993")),
        (vec!["18446744073709551615"], "id TEXT", text("9007199254740993")),
        (vec!["\"x\""], "id TEXT", text("9007199254740993")),
        (vec!["null", "true"], "id INTEGER", integer(9_007_199_254_740_993)),
    ] {
        let database = Database::new();
        let mut values = vec!["{\"id\":9007199254740992}".to_owned(), "{\"id\":9007199254740993}".to_owned()];
        values.extend(others.iter().map(|other| format!("{{\"id\":{other}}}")));
        assert_eq!(write(&database, &values, 1, &[]), []);
        assert_eq!(database.columns(), [kind], "{others:?}");
        assert_eq!(database.rows()[1], [stored], "{others:?}");
        let count =
            rows(&database.path, "SELECT count(DISTINCT id) FROM t WHERE id IN (9007199254740992, 9007199254740993)");
        assert_eq!(count, [[integer(2)]], "{others:?}");
    }
}

/// Fails when a table that others use is made again: their rows would go with it.
#[test]
fn a_table_that_others_use_is_not_made_again() {
    for theirs in ["INSERT INTO t VALUES (7)", "CREATE INDEX i ON t (a)"] {
        let database = Database::new();
        let mut sink = database.open(&[], IfExists::Append).unwrap();
        assert_eq!(sink.write(&records(&[r#"{"a":1}"#])).unwrap(), []);
        Connection::open(&database.path).unwrap().execute_batch(theirs).unwrap();
        let rejected = sink.write(&records(&[r#"{"a":"x"}"#, r#"{"a":2}"#])).unwrap();
        assert_eq!(rejected.len(), 1, "{theirs}");
        sink.finish().unwrap();
        assert_eq!(database.columns(), ["a INTEGER"]);
        let their_row = theirs.starts_with("INSERT").then(|| vec![integer(7)]);
        let expected: Vec<_> = [vec![integer(1)]].into_iter().chain(their_row).chain([vec![integer(2)]]).collect();
        assert_eq!(database.rows(), expected);
    }
}

#[test]
fn extra_columns_are_added_or_refused_as_the_file_says() {
    let write = |columns: &[(&str, ColumnType)], extra_columns| {
        let database = Database::with("CREATE TABLE t (id INTEGER, b TEXT)");
        let plan = kind::SqliteSink { extra_columns, ..database.plan(columns, IfExists::Append) };
        let mut sink = SqliteSink::open(plan, false).unwrap();
        let batch = records(&[r#"{"id":1}"#, r#"{"id":2,"New":[1]}"#, r#"{"id":3,"new":0.5,"b":"x"}"#]);
        let rejected = sink.write(&batch).unwrap();
        sink.finish().unwrap();
        (database, rejected)
    };
    for columns in [&[][..], &[("id", ColumnType::Integer)]] {
        let (database, rejected) = write(columns, Some(ExtraColumns::Add));
        assert_eq!(rejected, []);
        assert_eq!(database.columns(), ["id INTEGER", "b TEXT", "New"]);
        assert_eq!(database.rows()[2], [integer(3), text("x"), Value::Real(0.5)]);
        for nothing in [None, Some(ExtraColumns::Refuse)] {
            let (database, rejected) = write(columns, nothing);
            assert_eq!((rejected.len(), database.rows().len()), (2, 1));
            let expected = "the table has no column for the field \"New\"; `extra_columns = \"add\"` would add one";
            assert_eq!(rejected[0].reason, expected);
        }
    }
}

/// Fails when SQLite's own bound ends the run: all neighbours of the record would go with it. (12)
#[test]
fn a_record_with_too_many_fields_is_one_that_is_refused() {
    let wide = |fields: usize| {
        let fields: Vec<_> = (0..fields).map(|field| format!("\"f{field}\":{field}")).collect();
        format!("{{{}}}", fields.join(","))
    };
    let (good, most, more, many) = (wide(1), wide(2000), wide(2001), wide(100_000));
    for batches in [vec![vec![&good, &more, &most, &many]], vec![vec![&more], vec![&good], vec![&many], vec![&most]]] {
        let database = Database::new();
        let batches: Vec<_> = batches
            .iter()
            .map(|batch| records(&batch.iter().map(|record| record.as_str()).collect::<Vec<_>>()))
            .collect();
        let rejected = database.write(&[], IfExists::Append, &batches);
        let whys: Vec<_> = rejected.iter().map(|one| one.reason.as_str()).collect();
        assert_eq!(whys.len(), 2);
        assert!(whys.contains(&"the table would have 2001 columns; SQLite allows 2000"), "{whys:?}");
        assert_eq!((database.columns().len(), database.rows().len()), (2000, 2));
    }
    let database = Database::with("CREATE TABLE t (f0, g)");
    let plan = kind::SqliteSink { extra_columns: Some(ExtraColumns::Add), ..database.plan(&[], IfExists::Append) };
    let mut sink = SqliteSink::open(plan, false).unwrap();
    assert_eq!(sink.write(&records(&[&good, &most, &wide(1999), &good])).unwrap().len(), 1);
}

#[test]
fn names_that_no_column_can_have_cost_their_record_alone() {
    let database = Database::new();
    let long = format!("{{\"{}\":1}}", "n".repeat(1025));
    let batch = records(&[
        r#"{"rowid":1,"oid":2,"_rowid_":3,"a\"b":4,"[x]":5,"é":6,"É":7}"#,
        r#"{"":1}"#,
        r#"{"a\u0000b":1}"#,
        &long,
        r#"{"new":1,"NEW":2}"#,
        r#"{"rowid":8,"rowid":9}"#,
    ]);
    let rejected = database.write(&[], IfExists::Append, &[batch]);
    assert_eq!(rejected.iter().map(|one| one.index).collect::<Vec<_>>(), [1, 2, 3, 4]);
    assert_eq!(rejected[0].reason, "the field \"\" cannot be a column: SQLite has no column without a name");
    let stored =
        rows(&database.path, "SELECT \"rowid\", \"oid\", \"_rowid_\", \"a\"\"b\", \"[x]\", \"é\", \"É\" FROM t");
    assert_eq!(stored[0], (1..=7).map(integer).collect::<Vec<_>>());
    assert_eq!(stored[1][0], integer(9), "of fields with one name, the last one counts");
}

/// Fails when a batch that was rolled back has left its records in what decides the columns, or its columns in mind.
#[test]
fn a_batch_that_failed_decides_nothing() {
    let database = Database::new();
    let mut sink = database.open(&[], IfExists::Append).unwrap();
    assert_eq!(sink.write(&records(&[r#"{"a":1}"#])).unwrap(), []);
    let other = Connection::open(&database.path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    sink.write(&records(&[r#"{"a":"x","b":1}"#])).expect_err("it is locked");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(sink.write(&records(&[r#"{"a":2}"#])).unwrap(), []);
    sink.finish().unwrap();
    assert_eq!(database.columns(), ["a INTEGER"]);
}
