//! Defaults that a component suggests for its stage: what its language needs, where the pipeline file sets nothing.
//!
//! Nobody vouches for it. It never grants anything, whatever the file says counts, and no number is beyond what the
//! file could say.

use std::num::NonZeroU64;
use std::time::Duration;

use serde::Serialize;

use super::{Reuse, StagePlan, Warm, bounds};

/// The longest compilation that a component may ask for: nobody has looked at it yet.
const COMPILE_MAX: Duration = Duration::from_secs(300);

/// The suggestions of a component for its stage.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Suggested {
    /// `limits.memory`, bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// `limits.cpu`.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "in_words")]
    pub cpu: Option<Duration>,
    /// `limits.compile`.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "in_words")]
    pub compile: Option<Duration>,
    /// `reuse`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reuse: Option<Reuse>,
    /// `warm`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warm: Option<bool>,
    /// The language that it was written in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// The toolchain that it was built with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub toolchain: Option<String>,
}

/// The settings of a stage that nobody has set: there, the suggestion of its component counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unsaid {
    /// `limits.memory`.
    pub memory: bool,
    /// `limits.cpu`.
    pub cpu: bool,
    /// `limits.compile`.
    pub compile: bool,
    /// `reuse`.
    pub reuse: bool,
    /// `warm`.
    pub warm: bool,
}

impl Unsaid {
    /// Nothing is set.
    pub const ALL: Self = Self { memory: true, cpu: true, compile: true, reuse: true, warm: true };
}

impl StagePlan {
    /// Takes what its component suggests, where nothing was said and nothing stands against it.
    pub fn suggest(&mut self, suggested: &Suggested) {
        let Unsaid { memory, cpu, compile, reuse, warm } = self.unsaid;
        if let Some(asked) = suggested.memory.filter(|_| memory) {
            // Never less than what was said of what lies in it.
            let least = self.recycle.memory.map_or(bounds::MEMORY_MIN, NonZeroU64::get);
            let least = least.max(self.batch.bytes.get() as u64);
            let least = least.max(self.limits.output.get().min(self.limits.memory.get()));
            let asked = asked.clamp(least.min(bounds::MEMORY_MAX), bounds::MEMORY_MAX);
            self.limits.memory = NonZeroU64::new(asked).unwrap_or(self.limits.memory);
        }
        if let Some(asked) = suggested.cpu.filter(|_| cpu) {
            self.limits.cpu = asked.clamp(Duration::from_nanos(1), bounds::TIME_MAX.min(self.limits.wall));
        }
        if let Some(asked) = suggested.compile.filter(|_| compile) {
            self.limits.compile = asked.min(COMPILE_MAX).max(self.limits.compile);
        }
        if let Some(asked) = suggested.reuse.filter(|_| reuse && !self.deterministic)
            && (self.warm != Warm::Always || asked != Reuse::Worker)
        {
            self.reuse = asked;
        }
        if let Some(asked) = suggested.warm.filter(|_| warm && self.reuse != Reuse::Worker) {
            self.warm = if asked { Warm::Preferred } else { Warm::Never };
        }
    }
}

fn in_words<S: serde::Serializer>(time: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => to.collect_str(&humantime::format_duration(*time)),
        None => to.serialize_none(),
    }
}
