//! Tables of a pipeline file that know where they are: values become what is wanted, or a fault at its line.
//!
//! The text is read by hand from `toml`'s tree of spanned values, not through serde, whose tagged enums forget where a
//! value is. Nothing is ignored: an unknown key is a fault.

mod fault;
mod key;
mod kind;
mod snippet;
mod table;
mod value;

pub use self::fault::Fault;
pub use self::key::Key;
pub use self::kind::Kind;
pub use self::snippet::Snippet;
pub use self::table::Table;
pub use self::value::{Value, integer};
