//! Writes records as text, and reads fields out of JSON.

mod csv;
pub(super) mod eight;
pub(super) mod fields;
pub(super) mod json;
mod json_scan;
mod json_wide;
mod lines;
pub(super) mod placing;

pub(super) use lines::TextWriter;
