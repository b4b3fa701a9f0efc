//! The promises of Sandmill, each kept by a test that is named after it.

mod accounting;
mod examples;
mod hostile;
mod stopping;
