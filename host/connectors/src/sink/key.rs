//! A record's key as the name of a file. Keys come from stages that nobody vouches for, so a key is a name only if it
//! is plain: relative, and without anything that could lead out of the folder.

/// The longest key, bytes. Linux allows 4096 for a path.
const KEY_BYTES_MAX: usize = 2048;

/// The beginning of a file's name before the file is whole; no key may begin like this.
pub(super) const PARTIAL_PREFIX: &str = ".sandmill-";

/// A key that is a plain relative path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key<'a> {
    /// The folders, outermost first.
    pub(super) folders: Vec<&'a str>,
    /// The file.
    pub(super) file: &'a str,
}

impl<'a> Key<'a> {
    /// Takes a key apart.
    ///
    /// # Errors
    /// With the reason why it is not a plain relative path.
    pub(super) fn parse(key: &'a [u8]) -> Result<Self, String> {
        if key.is_empty() {
            return Err("the record has no key to name its file: let a stage set one".to_owned());
        }
        if key.len() > KEY_BYTES_MAX {
            return Err(format!(
                "the key has {} bytes, more than the {KEY_BYTES_MAX} that a file name may have",
                key.len()
            ));
        }
        let text = std::str::from_utf8(key).map_err(|_| refusal(key, "is not UTF-8"))?;
        if text.chars().any(char::is_control) {
            return Err(refusal(key, "holds a control character"));
        }
        if text.contains('\\') {
            return Err(refusal(key, "holds a backslash"));
        }
        if text.starts_with('/') || text.as_bytes().get(1) == Some(&b':') {
            return Err(refusal(key, "is an absolute path"));
        }
        let mut folders: Vec<&str> = text.split('/').collect();
        if folders.contains(&"..") {
            return Err(refusal(key, "leads out of the folder"));
        }
        if folders.iter().any(|part| matches!(*part, "" | ".")) {
            return Err(refusal(key, "holds an empty part"));
        }
        let file = folders.pop().unwrap_or_default();
        if file.starts_with(PARTIAL_PREFIX) {
            return Err(refusal(key, "begins like the names of unfinished files"));
        }
        Ok(Self { folders, file })
    }
}

/// Quotes the whole key, so that secrets in it can be found: whoever shows it shortens it.
fn refusal(key: &[u8], what: &str) -> String {
    let shown = String::from_utf8_lossy(key);
    format!("the key {shown:?} {what}: only a plain relative path, such as \"a/b.png\", can name a file")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_relative_paths_are_names() {
        assert_eq!(Key::parse(b"a.png"), Ok(Key { folders: vec![], file: "a.png" }));
        assert_eq!(
            Key::parse("a/b/\u{fc} 1.png".as_bytes()),
            Ok(Key { folders: vec!["a", "b"], file: "\u{fc} 1.png" })
        );
        assert_eq!(Key::parse(b"..."), Ok(Key { folders: vec![], file: "..." }));
        let long = vec![b'a'; 5000];
        let refused: [&[u8]; 20] = [
            b"",
            b".",
            b"..",
            b"../a",
            b"a/..",
            b"a/../b",
            b"/etc/passwd",
            b"//a",
            b"a//b",
            b"a/",
            b"./a",
            b"a/./b",
            b"a\\b",
            b"..\\a",
            b"C:a",
            b"c:\\a",
            b"a\0b",
            b"a\nb",
            b"\xff",
            &long,
        ];
        for key in refused {
            assert!(Key::parse(key).is_err(), "{:?}", String::from_utf8_lossy(key));
        }
        assert!(Key::parse(b".sandmill-1").is_err());
        assert_eq!(
            Key::parse(b"../../x").unwrap_err(),
            "the key \"../../x\" leads out of the folder: only a plain relative path, such as \"a/b.png\", can name a file"
        );
    }
}
