//! CSV: whatever the bytes are, they give the same rows wherever they are cut, within bounds; and each is an object with the
//! columns' names.

use std::num::NonZeroUsize;

use sandmill::connector::{CsvDialect, SourceFormat};
use sandmill::fuzzing::{Given, Reading, read};

pub(super) fn run(data: &[u8]) {
    let Some((&how, input)) = data.split_first() else { return };
    let columns = usize::from(how & 3);
    let dialect = CsvDialect {
        lenient: how & 4 != 0,
        header: columns == 0,
        columns: (0..columns).map(|column| format!("c{column}")).collect(),
        ..CsvDialect::default()
    };
    let most = if how & 8 == 0 { 1 << 16 } else { 1 + usize::from(how >> 4) };
    let given = |piece, records| {
        let reading = Reading { piece: count(piece), records: count(records), record_bytes_max: count(most) };
        read(input, SourceFormat::Csv(dialect.clone()), reading)
    };
    let whole = given(1 << 16, 1000);
    assert_eq!(whole, given(1, 3), "the pieces make a difference");
    assert_eq!(whole, given(7, 1), "the pieces make a difference");
    let Some(whole) = whole else { return };
    assert!(whole.iter().is_sorted_by_key(|given| given.line), "lines ascend");
    for given in whole {
        keeps_its_columns(&given, columns);
    }
}

fn keeps_its_columns(given: &Given, columns: usize) {
    match &given.record {
        Ok(record) => {
            let object: serde_json::Map<String, serde_json::Value> =
                serde_json::from_slice(record).expect("a row is an object");
            assert!(object.values().all(serde_json::Value::is_string));
            assert!(columns == 0 || object.len() == columns, "every column has a field");
        }
        Err((_, reason)) => assert!(!reason.is_empty()),
    }
}

fn count(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).expect("not zero")
}
