//! The definitions of jq's library that a filter needs. All of them take fifty times as long to read and compile as a
//! usual filter, and an instance that lives for one batch does that before its first record.

use std::collections::BTreeSet;

use crate::names;

/// A definition in jq's own language.
struct Definition {
    name: &'static str,
    text: &'static str,
    /// Its own name, and whatever in it may be the name of another: it calls nothing else.
    names: &'static [&'static str],
}

/// All of them. Each sees itself and those before it. Made by `build.rs` from `library/*.jq`.
static DEFINITIONS: &[Definition] = &include!(concat!(env!("OUT_DIR"), "/library.rs"));

/// What a filter may call, directly or through what it calls.
#[derive(Debug)]
pub(crate) struct Needed<'a> {
    names: BTreeSet<&'a str>,
    /// The definitions, as one text.
    pub(crate) definitions: String,
}

impl<'a> Needed<'a> {
    /// What `code` needs. A word of it that only looks like a name adds what nobody calls, which changes nothing.
    pub(crate) fn of(code: &'a str) -> Self {
        let words = code.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '@')));
        let mut names: BTreeSet<&str> = words.filter(|word| !word.is_empty()).collect();
        let mut needed = Vec::new();
        for definition in DEFINITIONS.iter().rev() {
            if names.contains(definition.name) && !names::is_refused(definition.name) {
                names.extend(definition.names);
                needed.push(definition.text);
            }
        }
        needed.reverse();
        Self { names, definitions: needed.concat() }
    }

    /// Whether something of this name may be called.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }
}

#[cfg(test)]
mod tests {
    use jaq_core::load;
    use jaq_core::load::parse::Def;

    use super::*;

    fn written<'a>(definitions: impl Iterator<Item = Def<&'a str>>) -> Vec<String> {
        definitions.map(|Def { name, args, body }| format!("{name} {args:?} {body:?}")).collect()
    }

    #[test]
    fn the_copies_of_the_library_are_what_its_crates_have() {
        let theirs = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
        let own = load::parse(include_str!("library/stage.jq"), |parser| parser.defs()).unwrap();
        let all: String = DEFINITIONS.iter().map(|definition| definition.text).collect();
        let ours = load::parse(&all, |parser| parser.defs()).unwrap();
        assert_eq!(written(ours.into_iter()), written(theirs.chain(own)));
    }

    #[test]
    fn every_definition_comes_with_all_that_it_calls() {
        for definition in DEFINITIONS.iter().filter(|definition| !names::is_refused(definition.name)) {
            let parsed = load::parse(definition.text, |parser| parser.defs()).unwrap();
            let arguments = parsed[0].args.iter().map(|_| "0").collect::<Vec<_>>().join("; ");
            let call = if arguments.is_empty() { String::new() } else { format!("({arguments})") };
            let call = format!("{}{call}", definition.name);
            assert!(crate::filter::compile(&call, &[]).is_ok(), "{call}");
        }
    }

    #[test]
    fn a_filter_needs_few_definitions() {
        let count = |code| Needed::of(code).definitions.matches("def ").count();
        assert_eq!([count("."), count("select(.a > 1) | {b}"), count(".a | test(\"x\")")], [0, 2, 11]);
    }
}
