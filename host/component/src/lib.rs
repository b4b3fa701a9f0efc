//! Component files: what they say of themselves, what joins a module of preview 1 to the component model, and those that
//! travel inside the program.

pub mod adapter;
pub mod cache;
pub mod defaults;
pub mod kept;
pub mod section;
