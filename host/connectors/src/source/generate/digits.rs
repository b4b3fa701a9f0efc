//! Numbers as decimal digits, faster than through `fmt`.

/// Most digits of a 64-bit number.
const DIGITS_MAX: usize = 20;

/// Counts 1, 2, 3 … in decimal: mostly only the last digit changes.
#[derive(Debug)]
pub(super) struct Counter {
    /// The digits, at the end.
    digits: [u8; DIGITS_MAX],
    first: usize,
}

impl Default for Counter {
    fn default() -> Self {
        Self { digits: [b'0'; DIGITS_MAX], first: DIGITS_MAX - 1 }
    }
}

impl Counter {
    /// Counts on by one, and appends the number.
    #[inline]
    pub(super) fn push_next(&mut self, out: &mut Vec<u8>) {
        for (at, digit) in self.digits.iter_mut().enumerate().rev() {
            if *digit < b'9' {
                *digit += 1;
                self.first = self.first.min(at);
                break;
            }
            *digit = b'0';
        }
        out.extend_from_slice(self.digits.get(self.first..).unwrap_or_default());
    }
}

/// Appends a number.
#[inline]
pub(super) fn push_number(out: &mut Vec<u8>, number: u64) {
    let mut digits = [b'0'; DIGITS_MAX];
    let mut first = DIGITS_MAX;
    let mut rest = number;
    for (at, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b'0' + last_digit(rest);
        first = at;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(first..).unwrap_or_default());
}

/// Appends a number below 100 as two digits.
#[inline]
pub(super) fn push_two(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(&[b'0' + last_digit(number / 10), b'0' + last_digit(number)]);
}

#[inline]
fn last_digit(number: u64) -> u8 {
    u8::try_from(number % 10).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_fmt_writes_them() {
        for number in [0, 1, 9, 10, 99, 100, 12_345, u64::MAX] {
            let mut out = Vec::new();
            push_number(&mut out, number);
            assert_eq!(out, number.to_string().as_bytes());
        }
        let mut counter = Counter::default();
        for number in 1..=12_345 {
            let mut out = Vec::new();
            counter.push_next(&mut out);
            assert_eq!(out, number.to_string().as_bytes());
        }
    }
}
