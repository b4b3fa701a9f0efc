//! Names of pipelines, sources, stages, sinks and ports.

/// Longest name, bytes. Arbitrary: the default state file has the pipeline's name in its own.
const BYTES_MAX: usize = 100;

/// What is wrong with a name: the end of a sentence that begins with it.
pub(super) fn fault(name: &str) -> Option<String> {
    if name.is_empty() {
        return Some("is empty".to_owned());
    }
    if name.len() > BYTES_MAX {
        return Some(format!("is longer than {BYTES_MAX} bytes"));
    }
    // The dot joins a stage to its port.
    let strange = name.chars().find(|&c| !(c.is_alphanumeric() || c == '-' || c == '_'))?;
    Some(format!("has the character {strange:?}: only letters, digits, \"-\" and \"_\" are allowed"))
}

/// `base`, or the first of `base-2`, `base-3` … that is not taken.
pub fn free(base: &str, is_taken: impl Fn(&str) -> bool) -> String {
    if !is_taken(base) {
        return base.to_owned();
    }
    let mut number = 2_usize;
    loop {
        let name = format!("{base}-{number}");
        if !is_taken(&name) {
            return name;
        }
        number += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_digits_hyphen_and_underscore_make_a_name() {
        for name in ["a", "parse-2", "_x", "Zähler", "7", &"x".repeat(100)] {
            assert_eq!(fault(name), None, "{name}");
        }
        for name in ["", "a.b", "a b", "a/b", "..", "a\n", &"x".repeat(101)] {
            assert!(fault(name).is_some(), "{name}");
        }
    }

    #[test]
    fn a_free_name_is_the_base_or_numbered() {
        assert_eq!(free("file", |_| false), "file");
        assert_eq!(free("file", |name| ["file", "file-2"].contains(&name)), "file-3");
    }
}
