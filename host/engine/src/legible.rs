//! Text that others wrote, made fit to be read: the one place that decides which characters a terminal, a log or a
//! report may be given.
//!
//! Guests, records, components, servers, file names and the state file are not trusted, and what they say is shown
//! beside what the host says. So nothing of theirs may move the cursor, recolour the terminal, end a line and forge the
//! next, turn the direction of reading, or hide from a person who compares two names. JSON needs none of this: it
//! escapes by itself, and keeps what was said exactly.

use std::borrow::Cow;

/// Whether a character could do any of that: all control characters, line and paragraph separators, and what Unicode
/// calls format characters. Those that join or part letters (U+200C, U+200D) stay: Persian and emoji need them.
pub fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            // The soft hyphen; the fillers of Hangul, which are blanks that count as letters.
            '\u{ad}' | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}'
            // Marks, embeddings, overrides and isolates of direction; the zero-width space.
            | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{206f}'
            // Line and paragraph separators; invisible joiners and operators; the byte order mark.
            | '\u{2028}' | '\u{2029}' | '\u{2060}'..='\u{2065}' | '\u{feff}'
            // Annotations, shorthand and musical controls, tags.
            | '\u{fff9}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
        )
}

/// A text on one line, of which every character can be seen and none steers anything: harmful ones are escaped as Rust
/// writes them, tabs become blanks.
pub fn one_line(text: &str) -> String {
    escaped(text.trim_end(), false).into_owned()
}

/// A text of several lines that the host wrote itself, with text of others within its lines. Line feeds stay, so
/// whoever puts others' text into such a text passes it through [`one_line`] first.
pub fn harmless(text: &str) -> Cow<'_, str> {
    escaped(text, true)
}

/// The last door before a terminal: whatever was forgotten on the way. Line feeds, tabs and colours stay.
pub fn printed(text: &str) -> Cow<'_, str> {
    let is_plain = |c: char| !is_harmful(c) || matches!(c, '\n' | '\t');
    if text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match colour(c, rest.as_str()) {
            Some(colour) => {
                safe.extend([c]);
                safe.push_str(colour);
                rest = rest.as_str().get(colour.len()..).unwrap_or_default().chars();
            }
            None if is_plain(c) => safe.push(c),
            None => safe.extend(c.escape_default()),
        }
    }
    Cow::Owned(safe)
}

/// What follows an escape character, when both together choose a colour: `[`, numbers, `m`.
fn colour(c: char, rest: &str) -> Option<&str> {
    let end = rest.find(|c: char| !(c.is_ascii_digit() || matches!(c, '[' | ';')))?;
    let is_colour = c == '\u{1b}'
        && rest.starts_with('[')
        && rest.get(..end)?.rfind('[') == Some(0)
        && rest.get(end..)?.starts_with('m');
    if is_colour { rest.get(..=end) } else { None }
}

/// JSON with the same values, in which harmful characters are written as JSON escapes them. Valid JSON has none of them
/// outside of its strings.
pub fn json(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_harmful(c) {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| safe.push_str(&format!("\\u{unit:04x}")));
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

fn escaped(text: &str, keeps_lines: bool) -> Cow<'_, str> {
    let is_kept = |c: char| !is_harmful(c) || (keeps_lines && c == '\n');
    if text.chars().all(is_kept) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\t' => safe.push_str("    "),
            c if is_kept(c) => safe.push(c),
            '\n' => safe.push_str("\\n"),
            c => safe.extend(c.escape_default()),
        }
    }
    Cow::Owned(safe)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nobody_can_steer_the_terminal() {
        assert_eq!(harmless("plain ünïcode\nsecond line"), "plain ünïcode\nsecond line");
        assert_eq!(harmless("\u{1b}[2J\u{1b}[31merror: all is lost\r"), r"\u{1b}[2J\u{1b}[31merror: all is lost\r");
        assert_eq!(harmless("a\tb"), "a    b");
        assert_eq!(harmless("abc\u{202e}fed"), r"abc\u{202e}fed");
        assert_eq!(harmless("\u{9b}2J"), r"\u{9b}2J", "the eight-bit form of the escape");
        assert_eq!(one_line("one\ntwo\n"), r"one\ntwo");
    }

    /// Issue 12: all of these passed, and each ends a line, turns it around, or cannot be seen.
    #[test]
    fn separators_marks_of_direction_and_invisible_characters_are_shown_as_what_they_are() {
        for c in [
            '\u{2028}',
            '\u{2029}',
            '\u{85}',
            '\u{61c}',
            '\u{200b}',
            '\u{200e}',
            '\u{202b}',
            '\u{2066}',
            '\u{feff}',
            '\u{ad}',
            '\u{e0041}',
            '\u{2060}',
            '\u{fff9}',
            '\u{3164}',
        ] {
            let shown = one_line(&format!("a{c}b"));
            assert_eq!(shown, format!("a{}b", c.escape_default()));
        }
        for honest in ["نامه\u{200c}ای", "👩\u{200d}👩\u{200d}👧", "❤\u{fe0f}", "שלום", "한글", "naïve—“quoted”"]
        {
            assert_eq!(one_line(honest), honest);
        }
    }

    #[test]
    fn the_last_door_lets_colours_through_and_nothing_else() {
        assert_eq!(printed("\u{1b}[1;31merror:\u{1b}[0m a\tb\n"), "\u{1b}[1;31merror:\u{1b}[0m a\tb\n");
        assert_eq!(printed("\u{1b}[2J\u{1b}[31\u{202e}"), "\\u{1b}[2J\\u{1b}[31\\u{202e}");
        assert_eq!(printed("\u{1b}]0;title\u{7}\r"), "\\u{1b}]0;title\\u{7}\\r");
    }

    proptest! {
        #[test]
        fn json_keeps_its_values_and_shows_no_harmful_character(text in any::<String>()) {
            let written = serde_json::to_string(&text).unwrap();
            let safe = json(&written);
            prop_assert!(!safe.chars().any(is_harmful), "{safe:?}");
            prop_assert_eq!(serde_json::from_str::<String>(&safe).unwrap(), text);
        }

        #[test]
        fn whatever_is_said_is_one_line_without_a_control_character(text in any::<String>()) {
            let shown = one_line(&text);
            prop_assert!(!shown.chars().any(is_harmful), "{shown:?}");
            prop_assert_eq!(shown.lines().count().max(1), 1);
            prop_assert!(!harmless(&text).chars().any(|c| is_harmful(c) && c != '\n'));
        }
    }
}
