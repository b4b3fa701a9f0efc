//! Looks after the rows of a table with triggers: after an insertion its row must be in the table as it was sent, and
//! no other row may be gone, or have other values in the columns that the sink writes. What triggers do to other
//! tables, and to columns that a record has no field for, is their business.
//!
//! Two temporary triggers of this connection see what is deleted and changed; nobody else sees them. *Rejected:*
//! SQLite's preupdate hook, which needs a C header parser wherever Sandmill is built.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, params_from_iter};

use super::fit::Stored;
use super::table::{ROW_NUMBERS, Table, quoted};

/// Why a row is refused that is not as it was sent. Where its key is another one now, it is not found.
const CHANGES_IT: &str = "a trigger or a default changes the values of the row";

/// Why a row is refused whose insertion changes other rows.
const CHANGES_OTHERS: &str = "a trigger changes other rows of it; if that is intended, list the columns of the records in `columns`: the trigger may change all other columns";

/// What is known of one table.
#[derive(Debug)]
pub(super) struct Guard {
    /// Reads the row that was inserted; and the columns of its key, among those that the sink writes.
    own: Option<String>,
    key: Vec<usize>,
    has_changed: String,
    /// Whether rows were changed that are not the one that was inserted.
    others: String,
    clear: String,
}

impl Guard {
    /// Sets the temporary triggers.
    pub(super) fn set(transaction: &Connection, table: &Table, name: &str) -> rusqlite::Result<Self> {
        // A temporary table hides one of the same name: this name is never that of the table itself.
        let changed = quoted(&format!("sandmill changed {name}"));
        let row = RowKey::of(table);
        let columns: Vec<_> = table.names().map(quoted).collect();
        let all = |of: &str| columns.iter().map(|column| format!("{of}.{column} COLLATE BINARY")).collect::<Vec<_>>();
        let (old, new) = (all("old").join(", "), all("new").join(", "));
        let (on, key_of_old) = (quoted(name), row.expression("old."));
        transaction.execute_batch(&format!(
            "DROP TRIGGER IF EXISTS temp.sandmill_deleted;
             DROP TRIGGER IF EXISTS temp.sandmill_changed;
             CREATE TEMP TABLE IF NOT EXISTS {changed} (key);
             DELETE FROM temp.{changed};
             CREATE TEMP TRIGGER sandmill_deleted AFTER DELETE ON main.{on} BEGIN
                SELECT RAISE(ABORT, 'a trigger deletes a row of it'); END;"
        ))?;
        if !columns.is_empty() {
            transaction.execute_batch(&format!(
                "CREATE TEMP TRIGGER sandmill_changed AFTER UPDATE ON main.{on} WHEN ({old}) IS NOT ({new}) BEGIN
                    INSERT INTO {changed} VALUES ({key_of_old}); END;"
            ))?;
        }
        let place = row.condition();
        let own = place.as_ref().filter(|_| !columns.is_empty());
        let known = place.as_ref().map_or_else(String::new, |place| {
            format!("WHERE key IS NULL OR key NOT IN (SELECT {} FROM main.{on} WHERE {place})", row.expression(""))
        });
        Ok(Self {
            own: own.map(|place| format!("SELECT {} FROM main.{on} WHERE {place}", columns.join(", "))),
            key: row.columns.unwrap_or_default(),
            has_changed: format!("SELECT EXISTS (SELECT 1 FROM temp.{changed})"),
            others: format!("SELECT EXISTS (SELECT 1 FROM temp.{changed} {known})"),
            clear: format!("DELETE FROM temp.{changed}"),
        })
    }

    /// Looks at the table after a row was inserted. `sent` has its values, column by column: `None` for those that the
    /// record has no field for.
    ///
    /// # Errors
    /// In the inner result: with the reason why the row must not stay, to follow the table's name.
    pub(super) fn check(
        &self,
        transaction: &Connection,
        sent: &[Option<Stored<'_>>],
    ) -> rusqlite::Result<Result<(), String>> {
        let number = Stored::Integer(transaction.last_insert_rowid());
        let by_key: Option<Vec<_>> = self.key.iter().map(|column| sent.get(*column)?.as_ref()).collect();
        // A key that the record has no value for, of a table without row numbers, is one that nobody can tell.
        let row = by_key.map(|key| if self.key.is_empty() { vec![&number] } else { key });
        if let (Some(own), Some(row)) = (&self.own, &row) {
            let mut select = transaction.prepare_cached(own)?;
            let kept = select
                .query_row(params_from_iter(row), |row| {
                    let is_kept = |(column, sent): (usize, &Option<Stored<'_>>)| match sent {
                        Some(sent) => row.get_ref(column).map(|here| is_same(sent, here)),
                        None => Ok(true),
                    };
                    sent.iter().enumerate().map(is_kept).collect::<rusqlite::Result<Vec<bool>>>()
                })
                .optional()?;
            if kept.is_none_or(|kept| kept.contains(&false)) {
                return Ok(Err(CHANGES_IT.to_owned()));
            }
        }
        let ask = |sql: &str| transaction.prepare_cached(sql)?.query_row([], |row| row.get::<_, bool>(0));
        if !ask(&self.has_changed)? {
            return Ok(Ok(()));
        }
        let others = match &row {
            Some(row) if self.own.is_some() => {
                transaction.prepare_cached(&self.others)?.query_row(params_from_iter(row), |row| row.get(0))?
            }
            _ => true,
        };
        transaction.prepare_cached(&self.clear)?.execute([])?;
        Ok(if others { Err(CHANGES_OTHERS.to_owned()) } else { Ok(()) })
    }
}

/// How a row is told from others.
struct RowKey {
    /// As SQL writes it: the row's number, or the columns of the primary key.
    names: Vec<String>,
    /// Of a primary key, which columns of the sink it has; `None` when nothing that the sink knows tells the row.
    columns: Option<Vec<usize>>,
}

impl RowKey {
    fn of(table: &Table) -> Self {
        if table.key().is_empty() {
            let has = |name: &str| table.all_names().any(|here| here.eq_ignore_ascii_case(name));
            let number = ROW_NUMBERS.into_iter().find(|name| !has(name)).map(str::to_owned);
            let number = number.or_else(|| table.names().nth(table.row_number()?).map(quoted));
            return Self { columns: number.as_ref().map(|_| Vec::new()), names: number.into_iter().collect() };
        }
        let columns = table.key().iter().map(|name| table.names().position(|here| here == name)).collect();
        Self { names: table.key().iter().map(|name| quoted(name)).collect(), columns }
    }

    /// One value that tells the row from others.
    fn expression(&self, of: &str) -> String {
        match self.names.as_slice() {
            [] => "NULL".to_owned(),
            names => names.iter().map(|name| format!("quote({of}{name})")).collect::<Vec<_>>().join("||','||"),
        }
    }

    /// What is true of the row that was inserted; `None` when nothing tells it.
    fn condition(&self) -> Option<String> {
        self.columns.as_ref()?;
        let is = |(index, name): (usize, &String)| format!("{name} = ?{}", index + 1);
        Some(self.names.iter().enumerate().map(is).collect::<Vec<_>>().join(" AND "))
    }
}

/// Whether a column holds what was sent to it. It may hold an integer as a floating-point number, or the other way
/// round.
fn is_same(sent: &Stored<'_>, here: ValueRef<'_>) -> bool {
    match (sent, here) {
        (Stored::Null, ValueRef::Null) => true,
        (Stored::Integer(sent), ValueRef::Integer(here)) => *sent == here,
        (Stored::Real(sent), ValueRef::Real(here)) => *sent == here,
        (Stored::Integer(sent), ValueRef::Real(here)) => as_real(*sent) == here,
        (Stored::Real(sent), ValueRef::Integer(here)) => *sent == as_real(here),
        (Stored::Text(sent), ValueRef::Text(here)) => sent.as_bytes() == here,
        (Stored::Made(sent), ValueRef::Text(here)) => sent.as_bytes() == here,
        _ => false,
    }
}

#[expect(clippy::cast_precision_loss, reason = "SQLite does the same, and what was sent is exact")]
fn as_real(integer: i64) -> f64 {
    integer as f64
}
