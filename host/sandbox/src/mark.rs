//! Reads the mark that an SDK puts into a component, before anything runs.
//!
//! It is a custom section named `sandmill:stage` in one of the component's modules, with lines `key=value`. Nobody
//! vouches for it: it decides about warnings, and about nothing else. A component of another origin has none.

use wasmparser::{Parser, Payload};

const SECTION: &str = "sandmill:stage";
/// A mark that is longer says nothing that we know.
const BYTES_MAX: usize = 1024;

/// Whether the stage gives outputs at its end, in `flush`. `None` when it does not say.
#[expect(clippy::wildcard_enum_match_arm, reason = "the mark is one kind of section out of thirty")]
pub(super) fn flushes(wasm: &[u8]) -> Option<bool> {
    Parser::new(0).parse_all(wasm).map_while(Result::ok).find_map(|payload| match payload {
        Payload::CustomSection(section) if section.name() == SECTION => told(section.data()),
        _ => None,
    })
}

fn told(mark: &[u8]) -> Option<bool> {
    let text = std::str::from_utf8(mark.get(..mark.len().min(BYTES_MAX))?).ok()?;
    text.lines().find_map(|line| line.strip_prefix("flush=")).map(|value| value == "1")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(mark: &str) -> Vec<u8> {
        wat::parse_str(format!("(component (core module) (core module {mark}))")).unwrap()
    }

    #[test]
    fn a_component_says_whether_it_flushes_or_nothing() {
        let section = |text: &str| component(&format!("(@custom \"sandmill:stage\" \"{text}\")"));
        assert_eq!(flushes(&section("flush=1\\0a")), Some(true));
        assert_eq!(flushes(&section("new=what\\0aflush=0\\0a")), Some(false));
        assert_eq!(flushes(&section("\\ff\\fe")), None);
        assert_eq!(flushes(&section("")), None);
        assert_eq!(flushes(&component("(@custom \"other\" \"flush=1\")")), None);
        assert_eq!(flushes(b"\0asm but not for long"), None);
    }
}
