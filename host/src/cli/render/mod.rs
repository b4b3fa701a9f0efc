//! Data → text. Pure functions: no clock, no terminal. What they return may hold colours; whatever prints it takes them
//! out where they do not belong.

mod check;
mod closing;
mod inspection;
mod kept;
mod letters;
pub(super) mod numbers;
mod pool;
mod problem;
mod promise;
mod reach;
pub(super) mod style;
mod table;
pub(super) mod text;
mod warning;

pub(super) use check::{begins, check};
pub(super) use closing::{closing, failure, leftovers};
pub(super) use inspection::inspection;
pub(super) use kept::resuming;
pub(super) use letters::{letter, letter_line, letters_dropped, letters_in_all, letters_replayed};
pub(super) use problem::{problem, problems};
pub(super) use reach::reach;
pub(super) use warning::warnings;
