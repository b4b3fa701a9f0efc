//! Text of guests and files, on its way to a log, a report or a terminal.

use sandmill::fuzzing::{harmless, legible};

/// What [`legible`] keeps of a line, and what it says of the rest.
const LEGIBLE_BYTES_MAX: usize = 3 * (8 << 10) + 64;

pub(super) fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let kept = legible(&text);
    assert!(kept.len() <= LEGIBLE_BYTES_MAX, "{} bytes are no line", kept.len());
    assert!(!kept.chars().any(|c| c.is_control() && c != '\t'), "{kept:?} steers a terminal");
    for shown in [harmless(&text), harmless(&kept)] {
        assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?} steers a terminal");
        assert_eq!(harmless(&shown), shown, "what is harmless stays as it is");
    }
}
