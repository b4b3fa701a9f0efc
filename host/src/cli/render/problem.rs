//! Renders errors: what happened, the causes, and what to do about it.

use super::style::{BAD, HINT, STRONG, paint};
use super::text::{cut, harmless, hung, one_line, width};
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
/// Several causes are numbered, nearest first. On a terminal of `columns`, lines are broken between words.
pub(crate) fn problem(problem: &Problem, columns: Option<usize>) -> String {
    let message = hanging(&one_line(&problem.message), "error: ".len(), columns);
    let mut text = format!("{} {message}\n", paint(BAD, "error:"));
    if let Some(snippet) = &problem.snippet {
        // Made for a terminal already: what the file says has been escaped.
        let snippet = columns.map_or_else(|| snippet.clone(), |columns| narrowed(snippet, columns));
        text.push_str(&format!("\n{snippet}\n"));
    }
    if !problem.causes.is_empty() {
        text.push_str(&format!("\n{}\n", paint(STRONG, "Caused by:")));
    }
    let several = problem.causes.len() > 1;
    for (i, cause) in problem.causes.iter().enumerate() {
        let head = if several { format!("    {}: ", i + 1) } else { "    ".to_owned() };
        text.push_str(&format!("{head}{}\n", hanging(cause, head.len(), columns)));
    }
    if !problem.hints.is_empty() {
        text.push('\n');
    }
    for hint in &problem.hints {
        text.push_str(&format!("{} {}\n", paint(HINT, "hint:"), hanging(hint, "hint: ".len(), columns)));
    }
    text
}

/// A line of a file with its mark, as far as there is room around the mark.
fn narrowed(snippet: &str, columns: usize) -> String {
    let margin = snippet.find('|').map_or(0, |bar| bar + 2);
    let room = columns.saturating_sub(margin);
    let marked = snippet.lines().last().and_then(|line| line.find('^')).unwrap_or(0).saturating_sub(margin);
    let is_wide = snippet.lines().any(|line| width(line) > columns);
    // A third before the mark says where it is.
    let first = if is_wide && marked >= room / 2 { marked - room / 3 } else { 0 };
    let part = |line: &str| {
        let (bar, rest) = line.split_at_checked(margin).unwrap_or((line, ""));
        let rest: String = rest.chars().skip(first).collect();
        format!("{bar}{}", cut(&rest, room))
    };
    snippet.lines().map(part).collect::<Vec<_>>().join("\n")
}

/// Several errors, one below the other.
pub(crate) fn problems(of: &[Problem], columns: Option<usize>) -> String {
    of.iter().map(|of| problem(of, columns)).collect::<Vec<_>>().join("\n")
}

/// The text, whose further lines stand under its first one, `indent` columns from the left. On a terminal of `columns`
/// its lines are broken between words, and what follows a break stands below the line's first word.
pub(super) fn hanging(text: &str, indent: usize, columns: Option<usize>) -> String {
    let mut lines = Vec::new();
    for line in harmless(text.trim_end()).lines() {
        let own = line.len() - line.trim_start_matches(' ').len();
        let room = columns.map(|columns| columns.saturating_sub(indent));
        let broken = room.map_or_else(|| line.to_owned(), |room| hung(line, room, own));
        lines.extend(broken.lines().map(str::to_owned));
        if line.is_empty() {
            lines.push(String::new());
        }
    }
    let indented = |line: &String| if line.is_empty() { String::new() } else { " ".repeat(indent) + line };
    lines
        .iter()
        .enumerate()
        .map(|(i, line)| if i == 0 { line.clone() } else { indented(line) })
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, ErrorKind};
    use crate::samples;

    fn plain(of: &Problem) -> String {
        anstream::adapter::strip_str(&problem(of, None)).to_string()
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
        let text = anstream::adapter::strip_str(&problems(&[one, two], None)).to_string();
        assert_eq!(text, "error: no source\n\nerror: no sink\n\nhint: add one\n");
        assert_eq!(problems(&[], None), "");
    }

    /// Issue 12: a terminal broke these lines in the middle of words.
    #[test]
    fn on_a_terminal_lines_are_broken_between_words() {
        let of = Problem {
            kind: ErrorKind::Guest,
            message: "stage \"mask\" failed on record 2 (access.log:2)".into(),
            snippet: None,
            causes: vec!["panicked: index out of bounds\n  at src/lib.rs:7:9 in mask::redact\n\nx".into(), "b".into()],
            hints: vec!["return an error for a record that cannot be processed".into()],
            broken_pipe: false,
        };
        let text = anstream::adapter::strip_str(&problem(&of, Some(30))).to_string();
        let expected = concat!(
            "error: stage \"mask\" failed on\n",
            "       record 2 (access.log:2)\n",
            "\n",
            "Caused by:\n",
            "    1: panicked: index out of\n",
            "       bounds\n",
            "         at src/lib.rs:7:9 in\n",
            "         mask::redact\n",
            "\n",
            "       x\n",
            "    2: b\n",
            "\n",
            "hint: return an error for a\n",
            "      record that cannot be\n",
            "      processed\n",
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn on_a_narrow_terminal_a_marked_line_is_shown_around_its_mark() {
        let snippet =
            format!("12 | name = \"a long name\", other = \"value\", wrong = 7\n   | {}^^^^^", " ".repeat(39));
        assert_eq!(narrowed(&snippet, 100), snippet);
        let expected = format!("12 |  \"value\", wrong = 7\n   | {}^^^^^", " ".repeat(10));
        assert_eq!(narrowed(&snippet, 35), expected);
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
