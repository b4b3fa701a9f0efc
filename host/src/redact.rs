//! Secrets, struck out: wherever words of a guest, or about a record, reach a person or a file, the values of a pipeline's
//! secrets are replaced by `[secret NAME]`.
//!
//! A value is found as it is, and in the forms that accidents give it: escaped in JSON or in an error, percent-encoded in
//! a URL, in hexadecimal, in base64 also in the middle of something longer, as in a header. A guest that means to give a
//! secret away can: it may send it on in pieces, or backwards.

mod forms;

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use memchr::memmem::Finder;

use crate::error::Error;
use crate::report::Problem;

/// Shorter values stand in too many texts that have nothing to do with them: striking them out would leave nothing to
/// read, and tell what they are.
pub(crate) const SECRET_BYTES_MIN: usize = 4;

/// Strikes out the secrets of one pipeline.
#[derive(Default)]
pub(crate) struct Redactor {
    marks: Vec<Mark>,
    longest: usize,
}

/// One form of one secret.
struct Mark {
    finder: Finder<'static>,
    length: usize,
    replacement: String,
}

impl Redactor {
    /// For these secrets: names and values.
    pub(crate) fn new(secrets: &[(String, String)]) -> Self {
        let mut seen = HashSet::new();
        let mut redactor = Self::default();
        for (name, value) in secrets {
            for form in forms::of(value).into_iter().filter(|form| seen.insert(form.clone())) {
                redactor.longest = redactor.longest.max(form.len());
                redactor.marks.push(Mark {
                    finder: Finder::new(form.as_bytes()).into_owned(),
                    length: form.len(),
                    replacement: format!("[secret {name}]"),
                });
            }
        }
        redactor
    }

    /// The longest text that is struck out, bytes: what has to be seen at once so that nothing is missed.
    pub(crate) fn longest(&self) -> usize {
        self.longest
    }

    /// A text without secrets.
    pub(crate) fn text<'a>(&self, text: &'a str) -> Cow<'a, str> {
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

    /// Those of `bytes` before `end`, without secrets that begin there, wherever they end.
    pub(crate) fn until<'a>(&self, bytes: &'a [u8], end: usize) -> Cow<'a, [u8]> {
        let mut next: Vec<Option<usize>> = self.marks.iter().map(|mark| mark.finder.find(bytes)).collect();
        if next.iter().all(Option::is_none) {
            return Cow::Borrowed(bytes.get(..end).unwrap_or_default());
        }
        let mut clean = Vec::with_capacity(bytes.len());
        let mut done = 0;
        while let Some((start, mark)) = self.earliest(&next).filter(|(start, _)| *start < end) {
            clean.extend_from_slice(bytes.get(done..start).unwrap_or_default());
            clean.extend_from_slice(mark.replacement.as_bytes());
            done = start;
            // What begins inside of what is struck out goes with it, however far that leads.
            while let Some((at, mark)) = self.earliest(&next).filter(|(at, _)| *at < done || *at == start) {
                done = done.max(at + mark.length);
                self.pass(&mut next, bytes, at);
            }
        }
        clean.extend_from_slice(bytes.get(done..end).unwrap_or_default());
        Cow::Owned(clean)
    }

    /// The first of the next matches; of several at one place, the longest.
    fn earliest(&self, next: &[Option<usize>]) -> Option<(usize, &Mark)> {
        let found = next.iter().zip(&self.marks).filter_map(|(at, mark)| at.map(|at| (at, mark)));
        found.min_by_key(|(at, mark)| (*at, usize::MAX - mark.length))
    }

    /// Looks for the next matches behind `at`.
    fn pass(&self, next: &mut [Option<usize>], bytes: &[u8], at: usize) {
        for (next, mark) in next.iter_mut().zip(&self.marks).filter(|(next, _)| **next == Some(at)) {
            let rest = bytes.get(at + 1..).unwrap_or_default();
            *next = mark.finder.find(rest).map(|found| at + 1 + found);
        }
    }

    /// What a report says of an error, without secrets.
    pub(crate) fn problem(&self, problem: Problem) -> Problem {
        let Problem { kind, message, snippet, causes, hints, broken_pipe } = problem;
        let all = |texts: Vec<String>| texts.iter().map(|text| self.text(text).into_owned()).collect();
        let message = self.text(&message).into_owned();
        Problem { kind, message, snippet, causes: all(causes), hints: all(hints), broken_pipe }
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
            // Behind "user:" and "me:", as in a header.
            "Basic dXNlcjpodW50ZXIvMj/DqQ==",
            "Basic bWU6aHVudGVyLzI/w6k=",
        ] {
            let clean = redactor.text(text);
            assert!(clean.contains("[secret TOKEN]") && clean.len() < text.len() + 10, "{text}: {clean}");
            assert!(!clean.contains("unter") && !clean.contains("VyL") && !clean.contains("ZXI"), "{text}: {clean}");
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
        let problem = redactor.problem(Problem::from(&Error::edge("hunter2")));
        assert_eq!(problem.message, "[secret TOKEN]");
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
