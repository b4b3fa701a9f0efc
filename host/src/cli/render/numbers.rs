//! Numbers as people read them: `1,000,000`, `1.24 s`, `8.0 MiB`, `1.2 M`, `97 %`. One form for one kind of number.

use std::time::Duration;

/// A count, all digits: `1,000,000`.
pub(crate) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// As [`count`], of a length.
pub(crate) fn size(n: usize) -> String {
    count(n as u64)
}

/// A rate or a count where three digits are enough: `873`, `12.3 k`, `1.20 M`.
pub(crate) fn brief(n: f64) -> String {
    let (scaled, unit) = match n {
        n if n < 999.5 => return format!("{n:.0}"),
        n if n < 999_500.0 => (n / 1e3, "k"),
        n if n < 999_500_000.0 => (n / 1e6, "M"),
        n => (n / 1e9, "G"),
    };
    format!("{} {unit}", three_digits(scaled))
}

/// Bytes, in powers of 1,024: `218 MiB`.
pub(crate) fn bytes(n: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut scaled = n as f64;
    let mut unit = "B";
    for next in UNITS {
        if scaled < 999.5 {
            break;
        }
        scaled /= 1024.0;
        unit = next;
    }
    if unit == "B" { format!("{n} B") } else { format!("{} {unit}", three_digits(scaled)) }
}

/// A stretch of time, three digits or two units: `217 µs`, `318 ms`, `1.24 s`, `2m 04s`, `1h 12m`, `3d 04h`.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    // Rounded first, so that 59.96 s is `1m 00s`, not `60.0 s`.
    let whole = seconds.round() as u64;
    match seconds {
        0.0 => "0 s".into(),
        s if s < 0.000_999_5 => format!("{:.0} µs", (s * 1e6).max(1.0)),
        s if s < 0.999_5 => format!("{:.0} ms", s * 1e3),
        s if s < 59.95 => format!("{} s", three_digits(s)),
        _ if whole < 3_600 => format!("{}m {:02}s", whole / 60, whole % 60),
        _ if whole < 86_400 => format!("{}h {:02}m", whole / 3_600, whole % 3_600 / 60),
        _ => format!("{}d {:02}h", whole / 86_400, whole % 86_400 / 3_600),
    }
}

/// A clock that runs: `0:07`, `12:34`, `1:02:03`. Its width changes seldom, so what stands beside it does not jump.
pub(crate) fn clock(elapsed: Duration) -> String {
    let s = elapsed.as_secs();
    match s {
        0..3_600 => format!("{}:{:02}", s / 60, s % 60),
        _ => format!("{}:{:02}:{:02}", s / 3_600, s % 3_600 / 60, s % 60),
    }
}

/// A share of 1: `97 %`.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.0} %", (share * 100.0).clamp(0.0, 100.0))
}

/// `1 record`, `2 records`.
pub(crate) fn plural(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", count(n), if n == 1 { "" } else { "s" })
}

/// Per second; 0 when no time has passed.
pub(crate) fn per_second(n: u64, elapsed: Duration) -> f64 {
    if elapsed.is_zero() { 0.0 } else { n as f64 / elapsed.as_secs_f64() }
}

fn three_digits(n: f64) -> String {
    match n {
        n if n < 9.995 => format!("{n:.2}"),
        n if n < 99.95 => format!("{n:.1}"),
        n => format!("{n:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_separators() {
        let cases = [(0, "0"), (999, "999"), (1_000, "1,000"), (912_001, "912,001"), (1_234_567, "1,234,567")];
        for (n, text) in cases {
            assert_eq!(count(n), text);
        }
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
        assert_eq!(plural(1, "record"), "1 record");
        assert_eq!(plural(2_000, "record"), "2,000 records");
    }

    #[test]
    fn durations_keep_three_digits() {
        let cases = [
            (0, "0 s"),
            (400, "1 µs"),
            (217_000, "217 µs"),
            (999_700, "1 ms"),
            (318_200_000, "318 ms"),
            (999_600_000, "1.00 s"),
            (1_240_000_000, "1.24 s"),
            (12_440_000_000, "12.4 s"),
            (59_960_000_000, "1m 00s"),
            (124_000_000_000, "2m 04s"),
            (3_599_700_000_000, "1h 00m"),
            (4_320_000_000_000, "1h 12m"),
            (273_600_000_000_000, "3d 04h"),
        ];
        for (nanos, text) in cases {
            assert_eq!(duration(Duration::from_nanos(nanos)), text);
        }
    }

    #[test]
    fn clocks_run() {
        let cases = [(7, "0:07"), (754, "12:34"), (3_723, "1:02:03"), (360_000, "100:00:00")];
        for (seconds, text) in cases {
            assert_eq!(clock(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn sizes_are_binary() {
        let cases = [(0, "0 B"), (999, "999 B"), (1_000, "0.98 KiB"), (8 << 20, "8.00 MiB"), (218_000_000, "208 MiB")];
        for (n, text) in cases {
            assert_eq!(bytes(n), text);
        }
        assert_eq!(bytes(u64::MAX), "16.0 EiB");
    }

    #[test]
    fn rates_are_brief() {
        let cases =
            [(0.4, "0"), (873.0, "873"), (999.7, "1.00 k"), (12_345.0, "12.3 k"), (1.2e6, "1.20 M"), (3e9, "3.00 G")];
        for (n, text) in cases {
            assert_eq!(brief(n), text);
        }
        assert_eq!(percent(0.968), "97 %");
        assert!(per_second(10, Duration::ZERO).abs() < f64::EPSILON);
    }
}
