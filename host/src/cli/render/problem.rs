//! Errors: what happened, what it comes from, what to do about it.

use super::style::{BAD, HINT, STRONG, paint};
use super::text::{harmless, one_line};
use crate::report::Problem;

/// One error, in the form
///
/// ```text
/// error: stage "parse" failed on record 17
///
/// Caused by:
///     no status in this line
///
/// hint: …
/// ```
///
/// Several causes are numbered, nearest first.
pub(crate) fn problem(problem: &Problem) -> String {
    let mut text = format!("{} {}\n", paint(BAD, "error:"), one_line(&problem.message));
    if let Some(snippet) = &problem.snippet {
        // Made for a terminal already: what the file says has been escaped.
        text.push_str(&format!("\n{snippet}\n"));
    }
    if !problem.causes.is_empty() {
        text.push_str(&format!("\n{}\n", paint(STRONG, "Caused by:")));
    }
    let several = problem.causes.len() > 1;
    for (i, cause) in problem.causes.iter().enumerate() {
        let head = if several { format!("    {}: ", i + 1) } else { "    ".to_owned() };
        text.push_str(&format!("{head}{}\n", hanging(cause, head.len())));
    }
    if !problem.hints.is_empty() {
        text.push('\n');
    }
    for hint in &problem.hints {
        text.push_str(&format!("{} {}\n", paint(HINT, "hint:"), hanging(hint, "hint: ".len())));
    }
    text
}

/// Several errors, one below the other.
pub(crate) fn problems(of: &[Problem]) -> String {
    of.iter().map(problem).collect::<Vec<_>>().join("\n")
}

/// The text, whose further lines stand under its first one, so many columns from the left.
pub(super) fn hanging(text: &str, columns: usize) -> String {
    let indent = " ".repeat(columns);
    let mut hung = String::new();
    for (i, line) in harmless(text.trim_end()).lines().enumerate() {
        if i > 0 {
            hung.push('\n');
            hung.push_str(if line.is_empty() { "" } else { &indent });
        }
        hung.push_str(line);
    }
    hung
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, ErrorKind};
    use crate::report::samples;

    fn plain(of: &Problem) -> String {
        anstream::adapter::strip_str(&problem(of)).to_string()
    }

    #[test]
    fn a_message_alone_is_one_line() {
        let error = Error::config("the pipeline has no source");
        assert_eq!(plain(&Problem::from(&error)), "error: the pipeline has no source\n");
    }

    #[test]
    fn one_cause_is_not_numbered() {
        assert_eq!(
            plain(&samples::problem(ErrorKind::Guest)),
            "error: stage \"parse\" failed on record 17 (access.log:17)\n\
             \n\
             Caused by:\n    \
                 no status in this line\n\
             \n\
             hint: `on_error = \"dead-letter\"` keeps the run going\n"
        );
    }

    #[test]
    fn several_causes_are_numbered_and_their_lines_stay_together() {
        let of = Problem {
            kind: ErrorKind::Guest,
            message: "stage \"mask\" failed on record 2".into(),
            snippet: None,
            causes: vec![
                "panicked: index out of bounds, at src/lib.rs:7:9\n  in mask::redact\n  in mask::process\n".into(),
                "wasm `unreachable` instruction executed".into(),
            ],
            hints: vec!["mend the stage".into(), "or let its failures pass:\n\non_error = \"drop\"".into()],
            broken_pipe: false,
        };
        assert_eq!(
            plain(&of),
            concat!(
                "error: stage \"mask\" failed on record 2\n",
                "\n",
                "Caused by:\n",
                "    1: panicked: index out of bounds, at src/lib.rs:7:9\n",
                "         in mask::redact\n",
                "         in mask::process\n",
                "    2: wasm `unreachable` instruction executed\n",
                "\n",
                "hint: mend the stage\n",
                "hint: or let its failures pass:\n",
                "\n",
                "      on_error = \"drop\"\n",
            )
        );
    }

    #[test]
    fn errors_stand_apart() {
        let one = Problem::from(&Error::config("no source"));
        let two = Problem::from(&Error::config("no sink").hint("add one"));
        let text = anstream::adapter::strip_str(&problems(&[one, two])).to_string();
        assert_eq!(text, "error: no source\n\nerror: no sink\n\nhint: add one\n");
        assert_eq!(problems(&[]), "");
    }

    /// Issue 12: the name of an import, or of a file, began lines of its own.
    #[test]
    fn a_name_with_a_line_feed_in_it_forges_no_line() {
        let of =
            Problem::from(&Error::config("\"x\nok: it can run\u{2028}.wasm\" cannot be read").caused_by("a\nok: b"));
        let shown = plain(&of);
        assert!(shown.starts_with(r#"error: "x\nok: it can run\u{2028}.wasm" cannot be read"#), "{shown}");
        assert!(!shown.lines().any(|line| line.starts_with("ok:")), "{shown}");
    }

    #[test]
    fn what_a_guest_says_cannot_forge_the_terminal() {
        let of = Problem {
            causes: vec!["\u{1b}[2J\u{1b}[32mok: all delivered".into()],
            ..samples::problem(ErrorKind::Guest)
        };
        assert!(plain(&of).contains(r"    \u{1b}[2J\u{1b}[32mok: all delivered"));
    }
}
