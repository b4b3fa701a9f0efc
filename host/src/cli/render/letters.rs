//! Dead letters in words: a line each, or all that is known of one.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::numbers::plural;
use super::style::{FAINT, STRONG, WARN, paint};
use super::text::{cut, left, one_line};
use crate::state::DeadLetter;

/// As wide as a line may be, without its number, time, node and kind.
const REASON_COLUMNS: usize = 60;

/// How much of a value is shown.
const VALUE_COLUMNS: usize = 400;

/// One line, with its line feed.
pub(crate) fn letter_line(letter: &DeadLetter) -> String {
    let DeadLetter { id, time, node, kind, place, reason, .. } = letter;
    let reason = one_line(&format!("{place}: {reason}"));
    format!(
        "{id:>6}  {}  {}  {}  {}\n",
        paint(FAINT, moment(*time)),
        left(&one_line(node), 12),
        left(&one_line(kind), 14),
        cut(&reason, REASON_COLUMNS)
    )
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
    format!("{} thrown away\n", plural(count, "dead letter"))
}

/// What became of those that were sent back.
pub(crate) fn letters_replayed(gone: u64, left: u64) -> String {
    let mut text = format!("{} replayed, and thrown away\n", plural(gone, "dead letter"));
    if left > 0 {
        text.push_str(&format!("{} left: of a source, or without its secrets\n", plural(left, "dead letter")));
    }
    text
}

/// All that is known of one.
pub(crate) fn letter(letter: &DeadLetter) -> String {
    let mut text = format!("{} {}\n", paint(STRONG, "dead letter"), letter.id);
    let mut line = |label: &str, value: &str| text.push_str(&format!("{label:<10} {}\n", one_line(value)));
    line("set aside", &moment(letter.time));
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
        text.push_str(&paint(WARN, "a secret was struck out: this is not the record as it was\n"));
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

    /// Issue 12: the name of a file, which is a record's place and a folder source's key, began lines of its own.
    #[test]
    fn nothing_in_a_dead_letter_forges_a_line() {
        let forged = || "x\nkind       all is well\u{2028}\u{85}\u{1b}[2J".to_owned();
        let letter = DeadLetter {
            id: 1,
            time: 0.0,
            component: None,
            source: "s".into(),
            record: 1,
            attempts: 1,
            earlier: Vec::new(),
            redacted: false,
            node: forged(),
            kind: forged(),
            place: forged(),
            reason: forged(),
            backtrace: vec![forged()],
            log: vec![forged()],
            key: Some(forged().into_bytes()),
            value: forged().into_bytes(),
        };
        let shown = anstream::adapter::strip_str(&super::letter(&letter)).to_string();
        assert_eq!(shown.lines().filter(|line| line.starts_with("kind ")).count(), 1, "{shown}");
        let line = letter_line(&letter);
        for text in [&shown, &line] {
            let plain = anstream::adapter::strip_str(text).to_string();
            assert!(!plain.chars().any(|c| c != '\n' && crate::legible::is_harmful(c)), "{plain}");
        }
        assert_eq!(line.lines().count(), 1, "{line}");
    }
}
