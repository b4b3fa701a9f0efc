//! The tables of `docs/pipeline-file.md`, written from the keys that the readers take.

use super::keys;
use crate::connector::{SINKS, SOURCES};
use crate::settings::Key;

/// The name of each table on the page, and the table.
pub(super) fn tables() -> Vec<(String, String)> {
    let sections = [
        ("file", keys::FILE),
        ("source", keys::SOURCE),
        ("component", keys::COMPONENT),
        ("stage", keys::STAGE),
        ("jq", keys::JQ),
        ("script", keys::SCRIPT),
        ("command", keys::COMMAND),
        ("queue", keys::QUEUE),
        ("batch", keys::BATCH),
        ("workers", keys::WORKERS),
        ("recycle", keys::RECYCLE),
        ("limits", keys::LIMITS),
        ("grant", keys::GRANT),
        ("variable", keys::VARIABLE),
        ("on_error", keys::ON_ERROR),
        ("breaker", keys::BREAKER),
        ("partition", keys::PARTITION),
        ("sink", keys::SINK),
        ("retry", keys::RETRY),
        ("state", keys::STATE),
        ("checkpoint", keys::CHECKPOINT),
    ];
    let sources = SOURCES.iter().map(|kind| (format!("source {}", kind.word), table(kind.keys)));
    let sinks = SINKS.iter().filter(|kind| !kind.keys.is_empty());
    let sinks = sinks.map(|kind| (format!("sink {}", kind.word), table(kind.keys)));
    sections.map(|(name, keys)| (name.to_owned(), table(keys))).into_iter().chain(sources).chain(sinks).collect()
}

fn table(keys: &[Key]) -> String {
    let row = |key: &Key| format!("| `{}` | {} | {} | {} |\n", key.name, key.value, key.default, key.meaning);
    let rows: String = keys.iter().map(row).collect();
    format!("| key | type | default | meaning |\n|---|---|---|---|\n{rows}").replace("|  |", "| |")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;
    use std::{env, fs};

    use super::*;

    /// Writes the tables between their marks. With `BLESS=1`, the page is written.
    #[test]
    fn the_page_of_the_pipeline_file_has_every_key_as_the_readers_have_it() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/pipeline-file.md");
        let page = fs::read_to_string(&path).unwrap();
        let (mut written, mut rest) = (String::new(), page.as_str());
        let tables = tables();
        let mut named = BTreeSet::new();
        while let Some((before, behind)) = rest.split_once("<!-- keys: ") {
            let (name, behind) = behind.split_once(" -->\n").unwrap();
            let (_, behind) = behind.split_once("<!-- end -->").unwrap();
            let table = tables.iter().find(|(known, _)| known == name).map(|(_, table)| table);
            let table = table.unwrap_or_else(|| panic!("no keys are called {name:?}"));
            written.push_str(&format!("{before}<!-- keys: {name} -->\n\n{table}\n<!-- end -->"));
            named.insert(name.to_owned());
            rest = behind;
        }
        written.push_str(rest);
        let missing: Vec<_> = tables.iter().map(|(name, _)| name).filter(|name| !named.contains(*name)).collect();
        assert!(missing.is_empty(), "the page has no place for {missing:?}");
        if env::var_os("BLESS").is_some() {
            fs::write(&path, &written).unwrap();
        } else {
            assert!(written == page, "the page is not what the keys say: BLESS=1 writes it");
        }
    }

    #[test]
    fn every_key_says_what_it_decides() {
        let lists = [keys::FILE, keys::STAGE, keys::LIMITS, keys::SINK, keys::SOURCE];
        let kinds = SOURCES.iter().map(|kind| kind.keys).chain(SINKS.iter().map(|kind| kind.keys));
        for key in lists.into_iter().chain(kinds).flatten() {
            assert!(!key.value.is_empty() && !key.meaning.is_empty(), "{key:?}");
        }
    }
}
