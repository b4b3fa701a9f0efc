//! Versions of tools, as far as they are compared.

use std::fmt;

/// Three numbers; what follows them does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(pub(crate) u32, pub(crate) u32, pub(crate) u32);

impl Version {
    /// The first version in a text: `go version go1.26.8 linux/amd64`, `0.17.0`, `v20.20.2`.
    pub(crate) fn within(text: &str) -> Option<Self> {
        text.split(|c: char| !(c.is_ascii_digit() || c == '.')).find_map(Self::read)
    }

    fn read(word: &str) -> Option<Self> {
        let mut numbers = word.trim_matches('.').split('.').map(|number| number.parse().ok());
        let (major, minor) = (numbers.next()??, numbers.next()??);
        Some(Self(major, minor, numbers.next().flatten().unwrap_or(0)))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_a_tool_is_found_in_what_it_says() {
        let found = |text: &str| Version::within(text).map(|version| version.to_string());
        assert_eq!(found("go version go1.26.8 linux/amd64").as_deref(), Some("1.26.8"));
        assert_eq!(found("0.17.0-dev.12+abc").as_deref(), Some("0.17.0"));
        assert_eq!(found("v20.20").as_deref(), Some("20.20.0"));
        assert_eq!(found("4 cats"), None);
        assert!(Version(1, 9, 9) < Version(1, 24, 0));
    }
}
