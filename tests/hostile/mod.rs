//! A hostile guest harms only itself: one table, in parts by theme, of guests, what they are given, and what must come
//! of it. Each row is a test that is named after the promise it keeps.
//!
//! Every row runs the same pipeline of two branches: the hostile stage, and beside it a well-behaved neighbour in the
//! same engine. Whatever the row expects of the hostile stage, the run ends, the account holds, no record of the
//! neighbour is lost, doubled or moved, and the process does not grow.

mod harness;
mod process;

use harness::check;

/// Declares rows: each becomes a test.
macro_rules! table {
    ($($(#[$doc:meta])* $name:ident: $row:expr;)*) => {
        $($(#[$doc])* #[tokio::test] async fn $name() { super::check($row).await; })*

        pub(super) const ROWS: &[&str] = &[$(stringify!($name)),*];
    };
}

mod allocator;
mod bombs;
mod bounds;
mod contract;
mod http;
mod memory;
mod reach;
mod start;
mod state;
mod time;
mod words;

#[test]
fn the_table_has_at_least_thirty_kinds_of_guests() {
    let themes = [
        allocator::ROWS,
        bounds::ROWS,
        contract::ROWS,
        http::ROWS,
        memory::ROWS,
        reach::ROWS,
        start::ROWS,
        state::ROWS,
        time::ROWS,
        words::ROWS,
    ];
    assert!(themes.concat().len() >= 30);
}
