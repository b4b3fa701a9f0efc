//! Why a record failed.

use std::fmt::{self, Display};

/// Why a record failed, in words for the person who runs the pipeline.
///
/// Whatever can be shown becomes one, so `?` works on any error, and so does a plain text:
///
/// ```
/// use sandmill_stage::Failure;
///
/// fn half(text: &str) -> Result<String, Failure> {
///     let number: u32 = text.parse()?;
///     if number % 2 == 1 {
///         return Err("odd numbers have no half".into());
///     }
///     Ok((number / 2).to_string())
/// }
/// # assert_eq!(half("3").unwrap_err().message(), "odd numbers have no half");
/// ```
//
// It is neither `Display` nor `Error`: that is what allows the conversion from everything that is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    message: String,
    retryable: bool,
}

impl Failure {
    /// A failure that another attempt would meet again.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), retryable: false }
    }

    /// The same, but another attempt may succeed: a service was busy, a limit on its rate was met.
    #[must_use]
    pub fn retryable(mut self) -> Self {
        self.retryable = true;
        self
    }

    /// Puts `place` before the message, as in `field "amount": invalid digit found in string`.
    #[must_use]
    pub fn at(mut self, place: impl Display) -> Self {
        self.message = format!("{place}: {}", self.message);
        self
    }

    /// What happened.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Whether another attempt may succeed.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.retryable
    }

    /// What happened, as the owner of the text.
    #[must_use]
    pub fn into_message(self) -> String {
        self.message
    }
}

impl<E: Display> From<E> for Failure {
    // `{:#}` shows the causes too, where the error has them to show.
    fn from(error: E) -> Self {
        Self::new(fmt::format(format_args!("{error:#}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_becomes_a_failure_that_is_final_until_said_otherwise() {
        let failure = Failure::from("x".parse::<i32>().unwrap_err()).at("field \"n\"");
        assert_eq!(failure.message(), "field \"n\": invalid digit found in string");
        assert!(!failure.is_retryable());
        assert!(failure.retryable().is_retryable());
    }
}
