//! Grants of a stage. By default a stage reaches nothing; only what is granted is linked.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use super::HttpRule;

/// The grants of a stage. Each part that is `None` (or, for `http`, empty) keeps its interface from being linked at
/// all; one that is present but empty links an interface that gives the guest nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// Folders of the host (`read`, `write`): links `wasi:filesystem`.
    pub folders: Option<Vec<FolderGrant>>,
    /// Variables and secrets (`env`, `secret`): links `wasi:cli/environment`.
    pub variables: Option<Vec<Variable>>,
    /// Where HTTP requests may go (`http`): links `wasi:http`.
    pub http: Option<Vec<HttpRule>>,
    /// The time (`clock`): links `wasi:clocks`.
    pub clock: Option<Clock>,
    /// Random numbers (`random`): links `wasi:random`.
    pub random: Option<Randomness>,
}

/// The kinds of grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Grant {
    /// `read`, `write`.
    Folders,
    /// `env`, `secret`.
    Variables,
    /// `http`.
    Http,
    /// `clock`.
    Clock,
    /// `random`.
    Random,
}

impl Grant {
    /// The keys of the pipeline file that grant it, any of which is enough.
    #[must_use]
    pub const fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Folders => &["read", "write"],
            Self::Variables => &["env", "secret"],
            Self::Http => &["http"],
            Self::Clock => &["clock"],
            Self::Random => &["random"],
        }
    }
}

impl Grants {
    /// Every grant, each as small as it can be.
    #[must_use]
    pub fn every() -> Self {
        Self {
            folders: Some(Vec::new()),
            variables: Some(Vec::new()),
            http: Some(Vec::new()),
            clock: Some(Clock::Fixed(SystemTime::UNIX_EPOCH)),
            random: Some(Randomness::Seed(0)),
        }
    }

    /// Whether a grant of this kind is present, even an empty one.
    #[must_use]
    pub fn has(&self, grant: Grant) -> bool {
        match grant {
            Grant::Folders => self.folders.is_some(),
            Grant::Variables => self.variables.is_some(),
            Grant::Http => self.http.is_some(),
            Grant::Clock => self.clock.is_some(),
            Grant::Random => self.random.is_some(),
        }
    }
}

/// A folder that a stage sees, with everything below it and nothing beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderGrant {
    /// The folder's path on the host.
    pub host: PathBuf,
    /// The folder's path in the guest.
    pub guest: String,
    /// Whether the guest may change what is in it.
    pub write: bool,
}

/// A variable in a guest's environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// The variable's name.
    pub name: Arc<str>,
    /// The source of its value; read when a pipeline is prepared.
    pub value: VariableSource,
    /// Whether its value must never be shown: it is removed from logs, reports and dead letters.
    pub secret: bool,
}

/// The possible sources of a variable's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VariableSource {
    /// The value is in the pipeline file.
    Literal(String),
    /// A variable of the host's environment, by its name there.
    Environment(String),
    /// A file's content, without the line feed at its end.
    File(PathBuf),
}

/// A guest's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// The host's.
    Real,
    /// Always the same, in every instance and every run; the monotonic clock counts how often it was asked.
    Fixed(SystemTime),
}

/// A guest's source of random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Randomness {
    /// The operating system.
    Real,
    /// A generator that begins with this seed in every instance.
    Seed(u64),
}
