//! The builder of a stage that runs a program.

use super::StageBuilder;
use crate::plan::CommandPlan;

impl StageBuilder {
    /// Sets how a command is run: a program that reads lines and writes lines.
    #[must_use]
    pub fn command(mut self, command: CommandPlan) -> Self {
        self.plan.command = Some(command);
        self
    }
}
