//! The languages that stages are written in, a file or folder each. Nothing outside of `build` names one of them.

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

/// All of them, in the order in which people are told of them.
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
