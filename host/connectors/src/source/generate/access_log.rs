//! The log of a web server, in the "combined" format: people and bots, health checks, personal data in queries, and now
//! and then a line that is broken.

use fastrand::Rng;

use super::agents::{HEALTH_CHECKS, REFERRERS};
use super::digits::{push_number, push_two};
use super::visitors::{Client, Page, PageKind, clients, pages, skewed};

/// The log covers 2 and 3 March 2026, a Monday and a Tuesday.
const SECONDS: u64 = 2 * 24 * 3600;
/// How busy each hour of a day is, relative to the others.
const BUSY: [u64; 24] = [9, 6, 4, 3, 3, 5, 11, 22, 34, 41, 44, 46, 49, 45, 43, 42, 44, 48, 55, 61, 58, 46, 30, 17];
/// One line in this many is broken.
const BROKEN_ONE_IN: u32 = 5000;
/// One line in this many is a health check.
const HEALTH_ONE_IN: u32 = 16;

/// Makes lines up.
#[derive(Debug)]
pub(super) struct AccessLog {
    rng: Rng,
    clients: Vec<Client>,
    pages: Vec<Page>,
    clock: Clock,
}

impl AccessLog {
    /// A log of this many lines.
    pub(super) fn new(mut rng: Rng, lines: u64) -> Self {
        let clients = clients(&mut rng);
        let pages = pages(&mut rng);
        Self { rng, clients, pages, clock: Clock::new(lines) }
    }

    /// Appends the next line.
    pub(super) fn push_line(&mut self, out: &mut Vec<u8>) {
        let start = out.len();
        self.clock.advance();
        if self.rng.u32(..HEALTH_ONE_IN) == 0 {
            self.push_health_check(out);
        } else {
            self.push_visit(out);
        }
        if self.rng.u32(..BROKEN_ONE_IN) == 0 {
            self.break_line(out, start);
        }
    }

    fn push_health_check(&mut self, out: &mut Vec<u8>) {
        let Some((address, agent, path)) = HEALTH_CHECKS.get(self.rng.usize(..HEALTH_CHECKS.len())) else { return };
        out.extend_from_slice(address.as_bytes());
        out.extend_from_slice(b" - - ");
        out.extend_from_slice(self.clock.stamp());
        out.extend_from_slice(b" \"GET ");
        out.extend_from_slice(path.as_bytes());
        out.extend_from_slice(if self.rng.u32(..2000) == 0 {
            b" HTTP/1.1\" 503 19 \"-\" \""
        } else {
            b" HTTP/1.1\" 200 2 \"-\" \""
        });
        out.extend_from_slice(agent.as_bytes());
        out.push(b'"');
    }

    fn push_visit(&mut self, out: &mut Vec<u8>) {
        let Self { rng, clients, pages, clock } = self;
        let Some(client) = clients.get(skewed(rng, clients.len())) else { return };
        let Some(page) = pages.get(skewed(rng, pages.len())) else { return };
        out.extend_from_slice(client.address.as_bytes());
        out.extend_from_slice(if rng.u8(..) == 0 { b" - j.weber " } else { b" - - " });
        out.extend_from_slice(clock.stamp());
        out.extend_from_slice(b" \"");
        let method = method(rng, page.kind);
        out.extend_from_slice(method);
        out.push(b' ');
        out.extend_from_slice(page.path.as_bytes());
        push_query(out, rng, page);
        out.extend_from_slice(if client.is_bot { b" HTTP/1.1\" " } else { b" HTTP/2.0\" " });
        let status = status(rng, page.kind);
        push_number(out, status);
        out.push(b' ');
        match status {
            200 => push_number(out, page.bytes + rng.u64(..page.bytes / 8 + 16)),
            304 => out.push(b'0'),
            _ => push_number(out, rng.u64(150..1300)),
        }
        push_referrer(out, rng, client);
        out.extend_from_slice(client.agent.as_bytes());
        out.push(b'"');
    }

    /// As logs are broken in real life: cut off when a disk ran full, or overwritten.
    fn break_line(&mut self, out: &mut Vec<u8>, start: usize) {
        let length = out.len() - start;
        if self.rng.bool() {
            out.truncate(start + self.rng.usize(..length.max(1)));
            return;
        }
        let first = start + self.rng.usize(..length.max(1));
        for byte in out.iter_mut().skip(first).take(24) {
            // Anything but what would end the line.
            *byte = match self.rng.u8(..) {
                b'\n' | b'\r' => 0xff,
                other => other,
            };
        }
    }
}

fn method(rng: &mut Rng, kind: PageKind) -> &'static [u8] {
    match (kind, rng.u8(..)) {
        (PageKind::Interface, 0..=89) | (PageKind::Form, 0..=39) => b"POST",
        (PageKind::Interface, 90..=99) => b"DELETE",
        (PageKind::Document | PageKind::Missing, 0..=4) => b"HEAD",
        _ => b"GET",
    }
}

fn status(rng: &mut Rng, kind: PageKind) -> u64 {
    match (kind, rng.u16(..1000)) {
        (_, 0..=2) => 500,
        (_, 3) => 502,
        (PageKind::Missing, _) => 404,
        (PageKind::Asset, 4..=330) => 304,
        (PageKind::Form, 4..=180) => 302,
        (PageKind::Form, 181..=210) => 401,
        (PageKind::Interface, 4..=30) => 401,
        (PageKind::Interface, 31..=40) => 429,
        (PageKind::Document, 4..=30) => 301,
        (PageKind::Document, 31..=36) => 404,
        _ => 200,
    }
}

const FIRST_NAMES: [&str; 12] =
    ["anna", "jonas", "mia", "paul", "lena", "emma", "luis", "sofia", "tom", "clara", "felix", "nora"];
const LAST_NAMES: [&str; 12] = [
    "mueller", "garcia", "rossi", "dubois", "smith", "novak", "jensen", "silva", "kowalska", "weber", "maier", "lopez",
];
const MAIL_HOSTS: [&str; 5] = ["example.com", "example.org", "mail.example.net", "post.example.de", "example.co.uk"];
const SEARCHES: [&str; 8] =
    ["running+shoes", "lamp", "usb-c+cable", "rain+jacket", "coffee+grinder", "desk", "gift+card", "tent+2+person"];

/// Appends the query of a request, which holds personal data where a person filled in a form.
fn push_query(out: &mut Vec<u8>, rng: &mut Rng, page: &Page) {
    match page.kind {
        PageKind::Form if page.path == "/search" => {
            out.extend_from_slice(b"?q=");
            out.extend_from_slice(one_of(rng, &SEARCHES).as_bytes());
            if rng.u8(..4) == 0 {
                out.extend_from_slice(b"&page=");
                push_number(out, rng.u64(2..9));
            }
        }
        PageKind::Form => push_personal(out, rng),
        PageKind::Document if rng.u8(..16) == 0 => out.extend_from_slice(b"?utm_source=newsletter&utm_medium=email"),
        PageKind::Document | PageKind::Asset | PageKind::Interface | PageKind::Missing => {}
    }
}

fn push_personal(out: &mut Vec<u8>, rng: &mut Rng) {
    out.extend_from_slice(b"?email=");
    out.extend_from_slice(one_of(rng, &FIRST_NAMES).as_bytes());
    out.push(b'.');
    out.extend_from_slice(one_of(rng, &LAST_NAMES).as_bytes());
    push_number(out, rng.u64(1..400));
    out.extend_from_slice(if rng.bool() { b"%40" } else { b"@" });
    out.extend_from_slice(one_of(rng, &MAIL_HOSTS).as_bytes());
    if rng.bool() {
        out.extend_from_slice(b"&token=");
        push_hexadecimal(out, rng.u64(..));
    }
}

fn push_hexadecimal(out: &mut Vec<u8>, bits: u64) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = (0..16).map(|at| usize::try_from((bits >> (4 * at)) & 15).unwrap_or(0));
    out.extend(digits.map(|digit| DIGITS.get(digit).copied().unwrap_or(b'0')));
}

/// Appends the end of the answer's part and the begin of the agent's: ` "…" "`.
fn push_referrer(out: &mut Vec<u8>, rng: &mut Rng, client: &Client) {
    out.extend_from_slice(b" \"");
    match rng.u8(..8) {
        _ if client.is_bot => out.push(b'-'),
        0 | 1 => out.push(b'-'),
        2 => out.extend_from_slice(one_of(rng, &REFERRERS).as_bytes()),
        _ => out.extend_from_slice(b"https://shop.example.com/products"),
    }
    out.extend_from_slice(b"\" \"");
}

fn one_of<'a>(rng: &mut Rng, from: &[&'a str]) -> &'a str {
    from.get(rng.usize(..from.len())).copied().unwrap_or_default()
}

/// Time as it advances over the log: faster when the site is quiet.
#[derive(Debug)]
struct Clock {
    lines: u64,
    line: u64,
    second: u64,
    stamp: Vec<u8>,
}

impl Clock {
    fn new(lines: u64) -> Self {
        let mut clock = Self { lines: lines.max(1), line: 0, second: 0, stamp: Vec::new() };
        clock.write_stamp();
        clock
    }

    /// Continues with the next line.
    fn advance(&mut self) {
        let second = second_of(self.line, self.lines);
        self.line += 1;
        if second != self.second {
            self.second = second;
            self.write_stamp();
        }
    }

    /// The time of the line, in brackets.
    fn stamp(&self) -> &[u8] {
        &self.stamp
    }

    fn write_stamp(&mut self) {
        let (day, second) = (self.second / 86_400, self.second % 86_400);
        self.stamp.clear();
        self.stamp.push(b'[');
        push_two(&mut self.stamp, 2 + day);
        self.stamp.extend_from_slice(b"/Mar/2026:");
        push_two(&mut self.stamp, second / 3600);
        self.stamp.push(b':');
        push_two(&mut self.stamp, second / 60 % 60);
        self.stamp.push(b':');
        push_two(&mut self.stamp, second % 60);
        self.stamp.extend_from_slice(b" +0000]");
    }
}

/// When a line was written, seconds from the start of the log, if `lines` are spread by how busy the hours are.
fn second_of(line: u64, lines: u64) -> u64 {
    let day: u64 = BUSY.iter().sum();
    let per_hour = 3600_u128;
    // In units in which an hour holds 3600 times its weight, so that each second of it holds its weight.
    let mut rest = u128::from(line) * u128::from(2 * day) * per_hour / u128::from(lines);
    for (hour, &weight) in (0..).zip(BUSY.iter().chain(&BUSY)) {
        let holds = u128::from(weight) * per_hour;
        if rest < holds {
            return hour * 3600 + u64::try_from(rest / u128::from(weight)).unwrap_or(0);
        }
        rest -= holds;
    }
    SECONDS - 1
}
