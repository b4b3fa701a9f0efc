//! The builder's setting for results of parts of the input.

use super::StageBuilder;

impl StageBuilder {
    /// Whether results that each instance returns at its end, for a part of the input, are intended. Unless they are, a
    /// run that has several such results warns.
    #[must_use]
    pub fn partial(mut self, partial: bool) -> Self {
        self.plan.partial = partial;
        self
    }
}
