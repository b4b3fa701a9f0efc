//! The promises of Sandmill, each kept by a test that is named after it.

mod accounting;
mod hostile;
mod stopping;
