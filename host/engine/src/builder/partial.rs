//! Results of parts of the input.

use super::StageBuilder;

impl StageBuilder {
    /// Whether a result that each instance gives at its end, for a part of the input, is meant. Unless it is, a run that has
    /// several such results warns.
    #[must_use]
    pub fn partial(mut self, partial: bool) -> Self {
        self.plan.partial = partial;
        self
    }
}
