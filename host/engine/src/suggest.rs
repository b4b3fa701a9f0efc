//! "Did you mean": finds the known word nearest to what was written.

use std::path::{Path, PathBuf};

/// Words that mean the same, here or in other tools of the field.
const SAME: &[&[&str]] = &[
    &["workers", "writers", "threads", "parallelism", "concurrency", "instances"],
    &["from", "inputs", "input"],
    &["retry", "retries", "attempts"],
];

/// The candidate that `word` was most likely meant to be, if any comes close.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let same: &[&str] = SAME.iter().find(|words| words.contains(&word.as_str())).copied().unwrap_or_default();
    let candidates: Vec<&str> = candidates.into_iter().collect();
    if let Some(meant) = candidates.iter().find(|candidate| same.contains(candidate)) {
        return Some(meant);
    }
    candidates
        .into_iter()
        .filter_map(|candidate| distance(&word, &candidate.to_lowercase()).map(|distance| (distance, candidate)))
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// `did you mean "…"?`, if any candidate comes close.
pub fn hint<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(word, candidates).map(|candidate| format!("did you mean {candidate:?}?"))
}

/// The path whose name is the one beside `path` that was most likely meant, among those that fit.
pub fn beside(path: &Path, fits: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    let folder = path.parent()?;
    let name = path.file_name()?.to_str()?;
    let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let entries = std::fs::read_dir(here).ok()?.flatten().map(|entry| entry.path());
    let fitting: Vec<PathBuf> = entries.filter(|entry| fits(entry)).collect();
    let names = fitting.iter().filter_map(|entry| entry.file_name()?.to_str());
    nearest(name, names).map(|name| folder.join(name))
}

/// Number of edits between two words; `None` when they have nothing to do with each other. A third of the letters may
/// be wrong; an abbreviation (`mem`, `jsonlines`) counts as near whatever is cut off.
fn distance(word: &str, candidate: &str) -> Option<usize> {
    // A word that long is not a slip, and the comparison takes the product of both lengths.
    if word.len() > 100 {
        return None;
    }
    let edits = strsim::osa_distance(word, candidate);
    let letters = word.chars().count().max(candidate.chars().count());
    let abbreviated =
        word.len().min(candidate.len()) >= 3 && (candidate.starts_with(word) || word.starts_with(candidate));
    (edits <= (letters / 3).max(1) && edits < letters || abbreviated).then_some(edits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_the_word_and_a_stranger_finds_none() {
        let known = ["records", "bytes", "linger", "memory"];
        assert_eq!(nearest("recrods", known), Some("records"));
        assert_eq!(nearest("Bytes", known), Some("bytes"));
        assert_eq!(nearest("mem", known), Some("memory"));
        assert_eq!(nearest("colour", known), None);
        assert_eq!(nearest("writers", ["worker", "workers"]), Some("workers"));
        assert_eq!(nearest("Threads", ["name", "writers"]), Some("writers"));
        assert_eq!(nearest("", ["a"]), None);
        assert_eq!(nearest(&"x".repeat(1 << 20), known), None);
        assert_eq!(hint("byte", known).as_deref(), Some("did you mean \"bytes\"?"));
    }
}
