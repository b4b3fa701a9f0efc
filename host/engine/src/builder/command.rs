//! A stage that runs a program.

use super::StageBuilder;
use crate::plan::CommandPlan;

impl StageBuilder {
    /// How it is run, if it is a command: a program that reads lines and writes lines.
    #[must_use]
    pub fn command(mut self, command: CommandPlan) -> Self {
        self.plan.command = Some(command);
        self
    }
}
