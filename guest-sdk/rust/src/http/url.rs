//! The parts of an address, as the host wants them. What they mean, and whether they are allowed, the host decides.

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target<'a> {
    pub(super) scheme: &'a str,
    pub(super) authority: &'a str,
    /// Begins with a slash.
    pub(super) path_with_query: String,
}

impl<'a> Target<'a> {
    pub(super) fn of(url: &'a str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let slash = if path.starts_with('/') { "" } else { "/" };
        let is_whole = !scheme.is_empty() && !authority.is_empty();
        is_whole.then(|| Self { scheme, authority, path_with_query: format!("{slash}{path}") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart() {
        let parts = |url| {
            let Target { scheme, authority, path_with_query } = Target::of(url)?;
            Some(format!("{scheme} {authority} {path_with_query}"))
        };
        assert_eq!(parts("https://example.com").as_deref(), Some("https example.com /"));
        assert_eq!(parts("http://[::1]:80/a/b?c=/d#e").as_deref(), Some("http [::1]:80 /a/b?c=/d"));
        assert_eq!(parts("http://example.com?q").as_deref(), Some("http example.com /?q"));
        assert_eq!([parts("example.com/"), parts("http:///a"), parts("://a")], [None, None, None]);
    }
}
