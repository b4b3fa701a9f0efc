//! Dead letters as text: a line each, or everything about one.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::numbers::plural;
use super::style::{FAINT, STRONG, WARN, paint};
use super::text::{cut, hung, one_line, width};
use crate::state::DeadLetter;

/// Less room beside the other columns, and a reason has lines of its own.
const REASON_COLUMNS_MIN: usize = 40;

/// Columns of the number.
const ID_COLUMNS: usize = 6;

/// How much of a value is shown.
const VALUE_COLUMNS: usize = 400;

/// One line, with its line feed. On a terminal of `columns` the reason is shortened to what is left, or has a line of
/// its own below the others; elsewhere nothing is shortened.
pub(crate) fn letter_line(letter: &DeadLetter, columns: Option<usize>) -> String {
    let DeadLetter { id, time, node, kind, place, reason, .. } = letter;
    let reason = one_line(&format!("{place}: {reason}"));
    let padded = |text: &str, columns: usize| format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))));
    let [node, kind] = [(node, 12), (kind, 14)].map(|(text, columns)| padded(&one_line(text), columns));
    let head = format!("{id:>ID_COLUMNS$}  {}  {node}  {kind}", paint(FAINT, moment(*time)));
    let Some(columns) = columns else { return format!("{head}  {reason}\n") };
    let beside = columns.saturating_sub(width(&head) + 2);
    if beside >= REASON_COLUMNS_MIN {
        return format!("{head}  {}\n", cut(&reason, beside));
    }
    let indent = " ".repeat(ID_COLUMNS + 2);
    let reason = cut(&reason, columns.saturating_sub(indent.len()));
    format!("{}\n{indent}{reason}\n", hung(head.trim_end(), columns, ID_COLUMNS + 2))
}

/// How many there are.
pub(crate) fn letters_in_all(count: u64, path: &Path) -> String {
    match count {
        0 => format!("no dead letters in {}\n", one_line(&path.display().to_string())),
        _ => format!(
            "{} in {}; `sandmill dead-letters show ID` shows one\n",
            plural(count, "dead letter"),
            one_line(&path.display().to_string())
        ),
    }
}

/// How many are gone.
pub(crate) fn letters_dropped(count: u64) -> String {
    format!("{} deleted\n", plural(count, "dead letter"))
}

/// What became of those that were sent back.
pub(crate) fn letters_replayed(gone: u64, left: u64) -> String {
    let mut text = format!("{} replayed and removed from the state file\n", plural(gone, "dead letter"));
    if left > 0 {
        text.push_str(&format!(
            "{} kept: a source could not read it, or a secret was removed from it\n",
            plural(left, "dead letter")
        ));
    }
    text
}

/// All that is known of one.
pub(crate) fn letter(letter: &DeadLetter) -> String {
    let mut text = format!("{} {}\n", paint(STRONG, "dead letter"), letter.id);
    let mut line = |label: &str, value: &str| text.push_str(&format!("{label:<10} {}\n", one_line(value)));
    line("time", &moment(letter.time));
    line("by", &letter.node);
    if let Some(component) = &letter.component {
        line("component", &format!("sha256 {component}"));
    }
    line("from", &letter.place);
    line("kind", &letter.kind);
    line("reason", &letter.reason);
    for (index, frame) in letter.backtrace.iter().enumerate() {
        line(if index == 0 { "at" } else { "" }, frame);
    }
    for (index, said) in letter.log.iter().enumerate() {
        line(if index == 0 { "log" } else { "" }, said);
    }
    if letter.attempts > 1 {
        line("attempts", &letter.attempts.to_string());
        for attempt in &letter.earlier {
            line("", &format!("{} {}: {}", moment(attempt.time), attempt.kind, attempt.reason));
        }
    }
    if let Some(key) = &letter.key {
        line("key", &shown(key));
    }
    line("value", &shown(&letter.value));
    if letter.redacted {
        text.push_str(&paint(WARN, "a secret was removed: this is not the original record\n"));
    }
    text
}

fn shown(bytes: &[u8]) -> String {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => one_line(text),
        Err(_) => {
            format!("hex {}", bytes.iter().take(VALUE_COLUMNS).map(|byte| format!("{byte:02x}")).collect::<String>())
        }
    };
    cut(&text, VALUE_COLUMNS).into_owned()
}

fn moment(seconds: f64) -> String {
    let moment: SystemTime = UNIX_EPOCH + Duration::try_from_secs_f64(seconds).unwrap_or_default();
    humantime::format_rfc3339_seconds(moment).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> DeadLetter {
        DeadLetter {
            id: 17,
            time: 0.0,
            component: None,
            source: "file".into(),
            record: 4,
            attempts: 1,
            earlier: Vec::new(),
            redacted: false,
            node: "normalise-addresses".into(),
            kind: "output-records-limit".into(),
            place: "in.txt:4".into(),
            reason: "made 2,000 outputs from one record; limits.output_records allows 1,000 of them".into(),
            backtrace: Vec::new(),
            log: Vec::new(),
            key: None,
            value: b"x".to_vec(),
        }
    }

    /// Issue 12: names were cut at 14 characters and reasons at 60, also in a pipe; a terminal broke lines of 124
    /// columns.
    #[test]
    fn a_line_of_the_list_is_whole_in_a_pipe_and_fits_a_terminal() {
        let at = |columns| anstream::adapter::strip_str(&letter_line(&sample(), columns)).to_string();
        assert_eq!(
            at(None),
            "    17  1970-01-01T00:00:00Z  normalise-addresses  output-records-limit  in.txt:4: made 2,000 outputs from one \
             record; limits.output_records allows 1,000 of them\n"
        );
        for columns in [39, 79, 119, 199] {
            let text = at(Some(columns));
            assert!(text.lines().all(|line| width(line) <= columns), "{columns}: {text}");
            assert!(text.contains("normalise-addresses") && text.contains("output-records-limit"), "{columns}: {text}");
        }
        let narrow = "    17  1970-01-01T00:00:00Z\n        normalise-addresses\n        output-records-limit\n        \
                      in.txt:4: made 2,000 outputs f…\n";
        assert_eq!(at(Some(39)), narrow);
    }

    /// Issue 12: the name of a file, which is a record's place and a folder source's key, began lines of its own.
    #[test]
    fn nothing_in_a_dead_letter_forges_a_line() {
        let forged = || "x\nkind       all is well\u{2028}\u{85}\u{1b}[2J".to_owned();
        let letter = DeadLetter {
            node: forged(),
            kind: forged(),
            place: forged(),
            reason: forged(),
            backtrace: vec![forged()],
            log: vec![forged()],
            key: Some(forged().into_bytes()),
            value: forged().into_bytes(),
            ..sample()
        };
        let shown = anstream::adapter::strip_str(&super::letter(&letter)).to_string();
        assert_eq!(shown.lines().filter(|line| line.starts_with("kind ")).count(), 1, "{shown}");
        let line = letter_line(&letter, None);
        for text in [&shown, &line, &letter_line(&letter, Some(60))] {
            let plain = anstream::adapter::strip_str(text).to_string();
            assert!(!plain.chars().any(|c| c != '\n' && crate::legible::is_harmful(c)), "{plain}");
        }
        assert_eq!(line.lines().count(), 1, "{line}");
    }
}
