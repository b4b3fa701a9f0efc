//! Messages and questions of a build to the person who waits for it.

/// A tool that a build wants to fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The tool, with its version.
    pub tool: String,
    /// How much is written to disk, in megabytes.
    pub megabytes: u32,
    /// The licence that the tool is under.
    pub licence: &'static str,
    /// The public registry that it comes from.
    pub registry: &'static str,
    /// The folder that it is put into.
    pub folder: std::path::PathBuf,
}

/// The person who waits for a build, or a program in their place.
pub trait Talk {
    /// Says one line: what happens now, or what a compiler printed.
    fn say(&mut self, line: &str);

    /// Asks whether something may be fetched.
    fn may_fetch(&mut self, offer: &Offer) -> bool {
        self.say(&offer.line());
        true
    }
}

impl<F: FnMut(&str)> Talk for F {
    fn say(&mut self, line: &str) {
        self(line);
    }
}

impl Offer {
    /// The whole offer in one line.
    #[must_use]
    pub fn line(&self) -> String {
        let Self { tool, megabytes, licence, registry, folder } = self;
        format!("fetching {tool} from {registry} ({megabytes} MB, {licence}) into {}", folder.display())
    }
}
