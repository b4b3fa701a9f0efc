//! Settings of a stage that is a program by itself: a WASI command, which reads lines and writes lines.

use serde::{Deserialize, Serialize};

/// How to run a command (`command` in the pipeline file).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandPlan {
    /// The command's arguments, without its own name.
    pub args: Vec<String>,
    /// What separates records in its standard input and output.
    pub framing: Framing,
    /// How many records one run is given.
    pub each: Each,
}

/// What separates records in a command's standard input and output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Framing {
    /// A line feed.
    #[default]
    Lines,
    /// A line feed, and every output has to be JSON.
    Jsonl,
    /// A NUL character.
    Nul,
}

impl Framing {
    /// The character after each record.
    #[must_use]
    pub const fn terminator(self) -> u8 {
        match self {
            Self::Lines | Self::Jsonl => b'\n',
            Self::Nul => 0,
        }
    }
}

/// How many records one run of a command is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Each {
    /// One: whatever it writes is of that record.
    Record,
    /// A batch, if the command writes the outputs of each record before it reads the next; otherwise one.
    #[default]
    Batch,
}
