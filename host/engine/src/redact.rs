//! Removes secrets: wherever output of a guest, or text about a record, reaches a person or a file, the values of a
//! pipeline's secrets are replaced by `[secret NAME]`.
//!
//! A value is found as it is, and in the forms that accidents give it: escaped in JSON or in an error, percent-encoded
//! in a URL, in any mix of these, in hexadecimal, in base64 also in the middle of something longer, as in a header, and
//! in lines. A guest that means to give a secret away can: it may send it on in pieces, or backwards.

mod forms;
mod reading;

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::ops::Range;

use memchr::memmem::Finder;

use reading::Pattern;

use crate::error::Error;

/// Shorter values occur in too many texts that have nothing to do with them: removing them would leave nothing to
/// read, and tell what they are.
pub const SECRET_BYTES_MIN: usize = 4;

/// Strikes out the secrets of one pipeline.
#[derive(Default)]
pub struct Redactor {
    marks: Vec<Mark>,
    longest: usize,
}

/// One form of one secret.
struct Mark {
    search: Search,
    replacement: String,
}

enum Search {
    /// As it is.
    Exact(Box<Finder<'static>>),
    /// With escapes in it.
    Escaped(Pattern),
}

/// A secret in a text.
struct Found<'a> {
    place: Range<usize>,
    mark: &'a Mark,
}

impl Mark {
    /// How much of its start these bytes end with. Less than would be removed as a secret is nothing.
    fn start_at_end_of(&self, bytes: &[u8]) -> Option<usize> {
        let finder = match &self.search {
            Search::Exact(finder) => finder,
            Search::Escaped(pattern) => return pattern.start_at_end_of(bytes),
        };
        let needle = finder.needle();
        let longest = bytes.len().min(needle.len().saturating_sub(1));
        (SECRET_BYTES_MIN..=longest).rev().find(|&length| bytes.ends_with(needle.get(..length).unwrap_or_default()))
    }
}

impl Redactor {
    /// For these secrets: names and values.
    pub fn new(secrets: &[(String, String)]) -> Self {
        let mut seen = HashSet::new();
        let mut redactor = Self::default();
        for (name, value) in secrets {
            let forms = forms::of(value).into_iter().filter(|form| seen.insert(form.clone()));
            let exact =
                forms.map(|form| (form.len(), Search::Exact(Box::new(Finder::new(form.as_bytes()).into_owned()))));
            let escaped = forms::patterns(value).into_iter().map(|form| (form.longest(), Search::Escaped(form)));
            for (longest, search) in exact.chain(escaped) {
                redactor.longest = redactor.longest.max(longest);
                redactor.marks.push(Mark { search, replacement: format!("[secret {name}]") });
            }
        }
        redactor
    }

    /// The longest text that is removed, bytes: what has to be seen at once so that nothing is missed.
    pub fn longest(&self) -> usize {
        self.longest
    }

    /// A text without secrets.
    pub fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match self.bytes(text.as_bytes()) {
            Cow::Borrowed(_) => Cow::Borrowed(text),
            // Whole values of UTF-8 text were taken out of UTF-8 text.
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    /// Bytes without secrets. Matches that overlap go as one: no rest of either stays.
    pub(crate) fn bytes<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        self.until(bytes, bytes.len())
    }

    /// Bytes of which more was left out, without secrets: where they end with what may be the start of one, that is
    /// removed, too.
    pub(crate) fn cut<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let clean = self.bytes(bytes);
        let starts = self.marks.iter().filter_map(|mark| Some((mark.start_at_end_of(&clean)?, mark)));
        let Some((start, mark)) = starts.max_by_key(|(start, _)| *start) else { return clean };
        let mut clean = clean.into_owned();
        clean.truncate(clean.len() - start);
        clean.extend_from_slice(mark.replacement.as_bytes());
        Cow::Owned(clean)
    }

    /// Those of `bytes` before `end`, without secrets that begin there, wherever they end.
    pub fn until<'a>(&self, bytes: &'a [u8], end: usize) -> Cow<'a, [u8]> {
        let found = self.find_all(bytes);
        if found.is_empty() {
            return Cow::Borrowed(bytes.get(..end).unwrap_or_default());
        }
        let mut clean = Vec::with_capacity(bytes.len());
        let (mut done, mut found) = (0, found.into_iter().peekable());
        while let Some(Found { place, mark }) = found.next_if(|found| found.place.start < end) {
            clean.extend_from_slice(bytes.get(done..place.start).unwrap_or_default());
            clean.extend_from_slice(mark.replacement.as_bytes());
            done = place.end;
            // What begins inside of what is removed goes with it, however far that leads.
            while let Some(inside) = found.next_if(|inside| inside.place.start < done) {
                done = done.max(inside.place.end);
            }
        }
        clean.extend_from_slice(bytes.get(done..end).unwrap_or_default());
        Cow::Owned(clean)
    }

    /// All secrets in `bytes`, the first one first; of several at one place, the longest first.
    fn find_all(&self, bytes: &[u8]) -> Vec<Found<'_>> {
        let mut all = Vec::new();
        for mark in &self.marks {
            let first_of_mark = all.len();
            mark.search.find_all(bytes, &mut |place| match all
                .get_mut(first_of_mark..)
                .and_then(<[Found<'_>]>::last_mut)
            {
                // As one, or `aaaa` would be found as often as a long line of them has letters.
                Some(Found { place: last, .. }) if (last.start..last.end).contains(&place.start) => {
                    last.end = last.end.max(place.end);
                }
                Some(_) | None => all.push(Found { place, mark }),
            });
        }
        all.sort_by_key(|found| (found.place.start, usize::MAX - found.place.end));
        all
    }

    /// An error without secrets: untouched when there are none in it.
    pub(crate) fn error(&self, error: Error) -> Error {
        let mut words = error.causes();
        words.push(error.to_string());
        words.extend_from_slice(error.hints());
        if words.iter().all(|text| matches!(self.text(text), Cow::Borrowed(_))) {
            return error;
        }
        let clean = Error::new(error.kind(), self.text(&error.to_string()));
        let clean = error.hints().iter().fold(clean, |clean, hint| clean.hint(self.text(hint)));
        match error.causes().split_first() {
            None => clean,
            Some((first, rest)) => {
                let whole = rest.iter().fold(first.clone(), |whole, cause| whole + ": " + cause);
                clean.caused_by(self.text(&whole).into_owned())
            }
        }
    }
}

impl Search {
    fn find_all(&self, text: &[u8], found: &mut dyn FnMut(Range<usize>)) {
        match self {
            Self::Escaped(pattern) => pattern.find_all(text, found),
            Self::Exact(finder) => {
                let (length, mut from) = (finder.needle().len(), 0);
                while let Some(at) = finder.find(text.get(from..).unwrap_or_default()).map(|at| from + at) {
                    found(at..at + length);
                    from = at + 1;
                }
            }
        }
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the forms: they are the secrets.
        f.debug_struct("Redactor").field("marks", &self.marks.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redactor(secrets: &[(&str, &str)]) -> Redactor {
        let secrets: Vec<_> = secrets.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        Redactor::new(&secrets)
    }

    #[test]
    fn a_secret_is_struck_out_wherever_it_stands() {
        let redactor = redactor(&[("TOKEN", "hunter2"), ("KEY", "s3cr3t")]);
        for (text, clean) in [
            ("hunter2", "[secret TOKEN]"),
            ("a hunter2, hunter2s3cr3t.", "a [secret TOKEN], [secret TOKEN][secret KEY]."),
            ("hunter hunter3", "hunter hunter3"),
            ("", ""),
        ] {
            assert_eq!(redactor.text(text), clean);
        }
        assert!(matches!(redactor.text("nothing"), Cow::Borrowed(_)));
        assert_eq!(*redactor.bytes(b"\xffhunter2\xff"), *b"\xff[secret TOKEN]\xff");
    }

    /// Fails when what a source keeps of a line that is too long ends in half a secret. (12)
    #[test]
    fn the_start_of_a_secret_before_a_cut_goes_too() {
        let redactor = redactor(&[("TOKEN", "hunter2"), ("KEY", "s3cr3t")]);
        for (text, clean) in [
            ("the line hunter", "the line [secret TOKEN]"),
            ("hunt", "[secret TOKEN]"),
            ("hunter2 s3cr3", "[secret TOKEN] [secret KEY]"),
            ("hun", "hun"),
            ("hunters", "hunters"),
            ("", ""),
        ] {
            assert_eq!(*redactor.cut(text.as_bytes()), *clean.as_bytes(), "{text}");
        }
    }

    #[test]
    fn what_overlaps_goes_as_one_and_a_replacement_is_not_searched_again() {
        let overlapping = redactor(&[("A", "abcd"), ("B", "cdef"), ("C", "abcdefgh")]);
        assert_eq!(overlapping.text("xabcdefx"), "x[secret A]x");
        assert_eq!(overlapping.text("xabcdefghx"), "x[secret C]x");
        assert_eq!(redactor(&[("X", "aaaa")]).text("-aaaaaa-"), "-[secret X]-");
        assert_eq!(redactor(&[("X", "secret")]).text("secret"), "[secret X]");
    }

    #[test]
    fn escaped_forms_and_single_lines_are_struck_out_too() {
        let redactor = redactor(&[("PASSWORD", "a\"b\\c\nd"), ("CERT", "-----BEGIN-----\nMIIBxyzw\nQQ==\n")]);
        assert_eq!(redactor.text(r#"{"said":"a\"b\\c\nd"}"#), r#"{"said":"[secret PASSWORD]"}"#);
        assert_eq!(redactor.text("the line MIIBxyzw alone"), "the line [secret CERT] alone");
        assert_eq!(redactor.text("QQ== is too short"), "QQ== is too short");
    }

    /// A URL in a log line, a header in an error, a dump of bytes: forms that nobody chose to hide anything.
    #[test]
    fn encoded_forms_are_struck_out_too() {
        let redactor = redactor(&[("TOKEN", "hunter/2?é")]);
        for text in [
            "GET /?t=hunter%2F2%3F%C3%A9&x=1",
            "GET /?t=hunter%2f2%3f%c3%a9&x=1",
            "68756e7465722f323fc3a9",
            "68756E7465722F323FC3A9",
            "aHVudGVyLzI/w6k=",
            "aHVudGVyLzI_w6k=",
            // After "user:" and "me:", as in a header.
            "Basic dXNlcjpodW50ZXIvMj/DqQ==",
            "Basic bWU6aHVudGVyLzI/w6k=",
        ] {
            let clean = redactor.text(text);
            assert!(clean.contains("[secret TOKEN]") && clean.len() < text.len() + 10, "{text}: {clean}");
            assert!(!clean.contains("unter") && !clean.contains("VyL") && !clean.contains("ZXI"), "{text}: {clean}");
        }
    }

    /// Issue 12: none of these was found.
    #[test]
    fn mixes_of_escapes_are_struck_out_too() {
        let make = redactor;
        let redactor = make(&[("TOKEN", "hunter/2?é &x")]);
        for text in [
            r"hunter\/2?\u00e9 \u0026x",
            r"hunter\/2?\u00E9 &x",
            "hunter/2%3Fé%20&x",
            "hunter%2f2?%C3%a9+%26x",
            "hunter%252F2%253F%25C3%25A9%2520%2526x",
            r"hunter\\/2?\\u00e9 \\u0026x",
            r"hunter/2?\u{e9} &x",
            r"hunter/2?\xc3\xa9 &x",
            r"\u0068\u0075nter/2?é &x",
            // What stands before it makes an escape of its first letter.
            "C:\\hunter/2?%C3%A9 &x",
        ] {
            let clean = redactor.text(text);
            assert!(clean.ends_with("[secret TOKEN]") && !clean.contains("nter"), "{text}: {clean}");
        }
        let hex = make(&[("TOKEN", "41é5abc")]);
        assert_eq!(hex.text("%41\\u00e95abc"), "%[secret TOKEN]");
        assert_eq!(hex.text("hunter%412?"), "hunter%412?");
        // An escaped backslash means nothing, and takes the first letter with it.
        let letter = make(&[("TOKEN", "cb5abé")]);
        assert_eq!(letter.text("%5cb5ab%C3%A9"), "%5[secret TOKEN]");
        let percent = make(&[("TOKEN", "a%41b c")]);
        for text in ["a%2541b%20c", "%61%25%34%31%62%20%63", "a%41b+c"] {
            assert_eq!(percent.text(text), "[secret TOKEN]");
        }
    }

    /// Issue 12: base64 is broken every 64 or 76 characters, and again by JSON.
    #[test]
    fn base64_in_lines_is_struck_out_wherever_it_is_broken() {
        let secret = "correct horse battery staple";
        let redactor = redactor(&[("PASS", secret)]);
        let encode = |text: &str| forms::of(text).into_iter().find(|form| form.starts_with("eHh4")).expect("in base64");
        for before in 3..90 {
            let whole = encode(&format!("{}{secret}{}", "x".repeat(before), "y".repeat(60)));
            for (width, feed) in [(64, "\n"), (76, "\r\n"), (76, "\\n"), (64, "%0A"), (64, "\n    ")] {
                let lines: Vec<_> =
                    whole.as_bytes().chunks(width).map(|line| std::str::from_utf8(line).unwrap()).collect();
                let text = lines.join(feed);
                assert!(redactor.text(&text).contains("[secret PASS]"), "{before} {width} {feed:?}: {text}");
            }
        }
    }

    /// Any of the ways to write one character that JSON and URLs have.
    fn spelled(c: char, way: u8) -> String {
        let [upper, lower] = [true, false].map(|upper| {
            let mut utf8 = [0; 4];
            let bytes = c.encode_utf8(&mut utf8).bytes();
            bytes.map(|byte| if upper { format!("%{byte:02X}") } else { format!("%{byte:02x}") }).collect::<String>()
        });
        let units = |upper: bool| {
            let mut utf16 = [0; 2];
            let units = c.encode_utf16(&mut utf16).iter();
            units
                .map(|unit| if upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") })
                .collect::<String>()
        };
        match (way % 7, c) {
            (1, _) => upper,
            (2, _) => lower,
            (3, _) => units(true),
            (4, _) => units(false),
            (5, '/' | '"' | '\\') => format!("\\{c}"),
            (5, '\n') => "\\n".to_owned(),
            (5, '\t') => "\\t".to_owned(),
            (5, ' ') => "+".to_owned(),
            (6, c) => c.escape_debug().to_string(),
            _ => c.to_string(),
        }
    }

    proptest::proptest! {
        #[test]
        fn any_mix_of_escapes_of_a_secret_is_struck_out(
            secret in "[a-tvwyzA-Z0-9é/+=&\"\\\\ \n\t?😀-]{8,24}",
            ways in proptest::collection::vec(0_u8..7, 24),
            before in "[a-z0-9%\\\\ u]{0,6}",
            after in "[^a-zA-Z0-9]{0,6}",
        ) {
            let redactor = redactor(&[("S", &secret)]);
            let written: String = secret.chars().zip(&ways).map(|(c, &way)| spelled(c, way)).collect();
            let enough = secret.chars().filter(|c| *c != '\\').count() >= 4;
            if enough {
                let text = format!("{before}{written}{after}");
                let clean = redactor.text(&text).into_owned();
                proptest::prop_assert!(clean.contains("[secret S]"), "{secret:?} as {text:?}: {clean:?}");
            }
        }

        #[test]
        fn a_text_without_a_secret_stays_as_it_is(text in "[a-g0-9%\\\\u\n+/]{0,80}") {
            let redactor = redactor(&[("A", "hunter2"), ("B", "zzzz\nyyyyyyyyyyyyyyyy")]);
            proptest::prop_assert_eq!(redactor.text(&text), text.as_str());
        }

        #[test]
        fn what_is_struck_out_before_an_end_does_not_depend_on_what_follows(text in "[hunter2%\\\\6]{0,40}", end in 0_usize..40) {
            let redactor = redactor(&[("A", "hunter2")]);
            let end = end.min(text.len());
            let whole = redactor.text(&text);
            let cut = String::from_utf8(redactor.until(text.as_bytes(), end).into_owned()).unwrap();
            proptest::prop_assert!(whole.starts_with(&cut) || cut.len() > end, "{whole} {cut}");
        }
    }

    #[test]
    fn an_error_keeps_its_kind_and_loses_its_secret() {
        let redactor = redactor(&[("TOKEN", "hunter2")]);
        let error = Error::guest("no hunter2").caused_by("refused hunter2").hint("try hunter2");
        let clean = redactor.error(error);
        assert_eq!(clean.to_string(), "no [secret TOKEN]");
        assert_eq!(
            (clean.causes(), clean.hints()),
            (vec!["refused [secret TOKEN]".to_owned()], &["try [secret TOKEN]".to_owned()][..])
        );
    }

    /// A derived one shows the bytes that are searched for, wherever a struct that holds a redactor is logged.
    #[test]
    fn what_strikes_secrets_out_does_not_show_them_itself() {
        let shown = format!("{:?}", redactor(&[("TOKEN", "hunter2")]));
        assert!(shown.starts_with("Redactor { marks: ") && !shown.contains("hunter2"), "{shown}");
        // What the searcher shows of itself: the bytes, as a list of numbers.
        assert!(!shown.contains("104, 117"), "{shown}");
    }

    #[test]
    fn what_begins_before_the_end_is_struck_out_as_a_whole() {
        let redactor = redactor(&[("TOKEN", "hunter2")]);
        for (end, clean) in [(0, ""), (1, "-"), (2, "-[secret TOKEN]"), (8, "-[secret TOKEN]"), (9, "-[secret TOKEN]-")]
        {
            assert_eq!(*redactor.until(b"-hunter2--", end), *clean.as_bytes(), "{end}");
        }
        assert_eq!(*redactor.until(b"--", 1), *b"-");
    }
}
