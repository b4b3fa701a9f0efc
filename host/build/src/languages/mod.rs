//! The languages that stages are written in, one file or folder each. Nothing outside of `build` knows how to build one
//! of them.

mod assemblyscript;
mod c;
mod custom;
mod go;
mod javascript;
mod node;
mod python;
mod ruby;
mod rust;
mod zig;

use super::language::Language;

/// All languages, in the order in which they are listed for people.
pub(super) const ALL: &[&dyn Language] = &[
    &rust::Rust,
    &python::Python,
    &javascript::JavaScript,
    &javascript::TypeScript,
    &go::Go,
    &c::C,
    &c::Cpp,
    &zig::Zig,
    &assemblyscript::AssemblyScript,
    &ruby::Ruby,
    &custom::Custom,
];

/// The language of that name, as `language = "…"` and `--lang` give it.
pub(super) fn named(name: &str) -> Option<&'static dyn Language> {
    ALL.iter().copied().find(|language| language.name() == name)
}
