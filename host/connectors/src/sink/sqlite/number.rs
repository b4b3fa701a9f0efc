//! Numbers as JSON writes them, and whether SQLite's two kinds of numbers hold them.
//!
//! A 64-bit integer holds a number that is whole and in its range, however it is written (`3.0`, `1e3`). A floating-point
//! number holds one that it gives back: printed with as many digits as were sent, or as few as tell it from others, it is what
//! was sent. So `0.1` fits and
//! `0.30000000000000004` fits; `9007199254740993.0`, `1e400` and `0.1234567890123456789` do not.

/// Any number of up to this many digits survives floating point (`DBL_DIG` of C).
const DIGITS_ALWAYS: usize = 15;

/// The most digits that the exact value of a floating-point number has.
const DIGITS_EVER: usize = 767;

/// The number as a 64-bit integer, if it is exactly that.
pub(super) fn whole(text: &str) -> Option<i64> {
    text.parse().ok().or_else(|| Decimal::parse(text)?.whole())
}

/// The number in floating point, if that gives it back.
pub(super) fn real(text: &str) -> Option<f64> {
    let value = text.parse().ok().filter(|value: &f64| value.is_finite())?;
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).count();
    let is_certain = digits <= DIGITS_ALWAYS && value.is_normal();
    (is_certain || Decimal::parse(text)?.is(value)).then_some(value)
}

/// Whether the number is written without a fraction and an exponent.
pub(super) fn is_plain(text: &str) -> bool {
    !text.bytes().any(|byte| matches!(byte, b'.' | b'e' | b'E'))
}

/// Whether SQLite takes the text for a number: then a column of numeric affinity stores that number in its place.
pub(super) fn looks_numeric(text: &str) -> bool {
    let is_space = |c: char| matches!(c, ' ' | '\t'..='\r');
    let text = text.trim_matches(is_space);
    Decimal::parse(text).is_some()
}

/// A number taken apart: `digits`, which neither begin nor end with a zero, times ten to the `exponent`.
#[derive(Debug, PartialEq, Eq)]
struct Decimal {
    is_negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    /// Reads digits with an optional sign, point and exponent. An exponent beyond all measure counts as its bound.
    fn parse(text: &str) -> Option<Self> {
        let (is_negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent_of(exponent)?),
            None => (unsigned, 0),
        };
        let (before, behind) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{before}{behind}");
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let exponent = exponent.saturating_sub_unsigned(behind.len() as u64);
        let kept = digits.trim_end_matches('0');
        let exponent = exponent.saturating_add_unsigned((digits.len() - kept.len()) as u64);
        Some(Self { is_negative, digits: kept.trim_start_matches('0').to_owned(), exponent })
    }

    fn whole(&self) -> Option<i64> {
        if self.digits.is_empty() {
            return Some(0);
        }
        // The longest 64-bit integer has 19 digits.
        let zeros = usize::try_from(self.exponent).ok().filter(|&zeros| zeros + self.digits.len() <= 19)?;
        let sign = if self.is_negative { "-" } else { "" };
        format!("{sign}{}{}", self.digits, "0".repeat(zeros)).parse().ok()
    }

    /// Whether `value`, printed with these many digits, is this number. The shortest form
    /// counts too: for a value halfway between two such numbers it may be the other one.
    fn is(&self, value: f64) -> bool {
        let Some(behind) = self.digits.len().checked_sub(1) else { return value == 0.0 };
        self.digits.len() <= DIGITS_EVER
            && (self.is_printed_as(&format!("{value:.behind$e}")) || self.is_printed_as(&format!("{value:e}")))
    }

    /// Whether this is the number that is printed as `d.ddde±d`.
    fn is_printed_as(&self, printed: &str) -> bool {
        let Some((mantissa, exponent)) = printed.split_once('e') else { return false };
        let digits = mantissa.bytes().filter(u8::is_ascii_digit);
        let behind = self.digits.len().saturating_sub(1) as u64;
        digits.eq(self.digits.bytes()) && exponent.parse() == Ok(self.exponent.saturating_add_unsigned(behind))
    }
}

fn exponent_of(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let bound = if text.starts_with('-') { i64::MIN / 2 } else { i64::MAX / 2 };
    Some(text.parse().unwrap_or(bound).clamp(i64::MIN / 2, i64::MAX / 2))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rusqlite::Connection;

    use super::*;

    #[test]
    fn an_integer_holds_what_is_whole_and_in_its_range() {
        for (text, value) in [
            ("0", 0),
            ("-0", 0),
            ("-0.0", 0),
            ("0e99999999999999999999", 0),
            ("3.0", 3),
            ("1e3", 1000),
            ("-1.50e1", -15),
            ("9007199254740993", 9_007_199_254_740_993),
            ("9007199254740993.0", 9_007_199_254_740_993),
            ("9007199254740993000e-3", 9_007_199_254_740_993),
            ("9223372036854775807", i64::MAX),
            ("-9223372036854775808.00", i64::MIN),
        ] {
            assert_eq!(whole(text), Some(value), "{text}");
        }
        for text in ["1.5", "9223372036854775808", "1e19", "1e-1", "1e999999999999999999999", "", "-", "x", "1x", "1e"]
        {
            assert_eq!(whole(text), None, "{text}");
        }
    }

    #[test]
    fn floating_point_holds_what_it_gives_back() {
        for text in
            ["0.1", "-0.0", "0", "1e308", "0.30000000000000004", "0.10000000000000001", "5e-324", "1.50", "1e22"]
        {
            assert_eq!(real(text), text.parse().ok(), "{text}");
        }
        let exact = format!("{:.60}", 0.1);
        assert_eq!(real(&exact), Some(0.1), "all of its digits");
        for text in [
            "9007199254740993",
            "9007199254740993.0",
            "18446744073709551615",
            "0.1234567890123456789",
            "0.10000000000000000001",
            "1e400",
            "1e-400",
            "4e-324",
            "inf",
            "NaN",
            "",
        ] {
            assert_eq!(real(text), None, "{text}");
        }
        assert_eq!(real(&"1".repeat(100_000)), None);
    }

    proptest! {
        #[test]
        fn every_number_that_is_printed_in_full_fits(value: f64) {
            prop_assume!(value.is_finite());
            prop_assert_eq!(real(&format!("{value:?}")), Some(value));
            prop_assert_eq!(real(&format!("{value:.16e}")), Some(value));
        }

        #[test]
        fn two_integers_never_become_one(a: u64, b in 1..1000_u64) {
            let (a, b) = (u128::from(a), u128::from(a) + u128::from(b));
            let (x, y) = (real(&a.to_string()), real(&b.to_string()));
            prop_assert!(x.is_none() || x != y);
        }

        /// Fails when SQLite reads a number where we read none, or the other way round.
        #[test]
        fn what_looks_numeric_is_what_sqlite_takes_for_a_number(text in "[ \t\n+-]{0,2}[0-9.]{0,4}([eE][+-]?[0-9]{0,3})?[ x]{0,2}") {
            let connection = Connection::open_in_memory().unwrap();
            connection.execute_batch("CREATE TABLE t (a NUMERIC)").unwrap();
            connection.execute("INSERT INTO t VALUES (?1)", [&text]).unwrap();
            let kind: String = connection.query_row("SELECT typeof(a) FROM t", [], |row| row.get(0)).unwrap();
            prop_assert_eq!(looks_numeric(&text), kind != "text", "{:?} is {}", text, kind);
        }
    }
}
