//! The site and its visitors, made up once per run: who comes how often, and what there is to see.

use std::fmt::Write;

use fastrand::Rng;

use super::agents::{BOTS, BROWSERS};

/// Addresses that visit. A few thousand, as in the log of a middling shop.
const CLIENTS: usize = 4000;
/// One in this many is a bot, so that a fifth of the requests is theirs.
const BOT_EVERY: usize = 5;
/// One in this many people comes over IPv6.
const SIX_EVERY: usize = 6;

/// Somebody who asks.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) address: String,
    pub(super) agent: &'static str,
    pub(super) is_bot: bool,
}

/// Something to be asked for.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) path: String,
    pub(super) kind: PageKind,
    /// A usual size of the answer, bytes.
    pub(super) bytes: u64,
}

/// The kinds of answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PageKind {
    /// A page with text.
    Document,
    /// A picture, a script, a style: often cached.
    Asset,
    /// Answers with JSON.
    Interface,
    /// Carries what a person typed, in its query.
    Form,
    /// Is not there.
    Missing,
}

/// The visitors, the busiest first.
pub(super) fn clients(rng: &mut Rng) -> Vec<Client> {
    (0..CLIENTS)
        .map(|index| match index % BOT_EVERY {
            3 => bot(rng),
            _ => person(rng, index),
        })
        .collect()
}

fn bot(rng: &mut Rng) -> Client {
    let (agent, network) = BOTS.get(skewed(rng, BOTS.len())).copied().unwrap_or(("curl/8.14.1", "45.155.205."));
    Client { address: format!("{network}{}", rng.u8(1..)), agent, is_bot: true }
}

fn person(rng: &mut Rng, index: usize) -> Client {
    let agent = BROWSERS.get(skewed(rng, BROWSERS.len())).copied().unwrap_or("Mozilla/5.0");
    let address = if index % SIX_EVERY == 1 {
        let (net, host) = (rng.u16(..), rng.u64(..));
        format!("2a02:{:x}:{net:x}::{:x}:{:x}", rng.u16(0x100..0xfff), (host >> 16) & 0xffff, host & 0xffff)
    } else {
        // 77/8 to 95/8 belong to access networks, mostly.
        format!("{}.{}.{}.{}", rng.u8(77..96), rng.u8(..), rng.u8(..), rng.u8(1..255))
    };
    Client { address, agent, is_bot: false }
}

/// The site's pages, the most visited first.
pub(super) fn pages(rng: &mut Rng) -> Vec<Page> {
    let mut pages = Vec::new();
    let mut add = |path: &str, kind, bytes| pages.push(Page { path: path.to_owned(), kind, bytes });
    for (path, kind, bytes) in FIXED {
        add(path, *kind, *bytes);
    }
    let mut path = String::new();
    for index in 0..170_u64 {
        let id = 1000 + index * 37;
        path.clear();
        let (kind, bytes) = match index % 10 {
            0..=3 => (PageKind::Document, write!(path, "/products/{id}").map_or(0, |()| rng.u64(9_000..42_000))),
            4 | 5 => (PageKind::Asset, write!(path, "/static/img/{id}.webp").map_or(0, |()| rng.u64(4_000..310_000))),
            6 | 7 => (PageKind::Interface, write!(path, "/api/v2/products/{id}").map_or(0, |()| rng.u64(300..2_400))),
            8 => (PageKind::Document, write!(path, "/blog/2026/{id}").map_or(0, |()| rng.u64(12_000..60_000))),
            _ => (PageKind::Missing, write!(path, "/old/{id}.php").map_or(0, |()| 1_245)),
        };
        add(&path, kind, bytes);
    }
    pages
}

const FIXED: &[(&str, PageKind, u64)] = &[
    ("/", PageKind::Document, 18_412),
    ("/static/css/site.8f3a1c.css", PageKind::Asset, 41_877),
    ("/static/js/app.2b9e07.js", PageKind::Asset, 183_220),
    ("/search", PageKind::Form, 22_310),
    ("/favicon.ico", PageKind::Asset, 4_286),
    ("/products", PageKind::Document, 31_090),
    ("/api/v2/basket", PageKind::Interface, 812),
    ("/static/img/logo.svg", PageKind::Asset, 3_104),
    ("/login", PageKind::Form, 6_120),
    ("/account", PageKind::Document, 14_870),
    ("/api/v2/session", PageKind::Interface, 391),
    ("/checkout", PageKind::Document, 19_655),
    ("/newsletter/confirm", PageKind::Form, 5_044),
    ("/blog", PageKind::Document, 27_451),
    ("/robots.txt", PageKind::Document, 214),
    ("/account/reset", PageKind::Form, 4_975),
    ("/wp-login.php", PageKind::Missing, 1_245),
    ("/sitemap.xml", PageKind::Document, 88_120),
    ("/static/fonts/inter.woff2", PageKind::Asset, 98_868),
    ("/about", PageKind::Document, 8_901),
    ("/contact", PageKind::Form, 7_412),
    ("/orders", PageKind::Document, 16_230),
    ("/.env", PageKind::Missing, 1_245),
    ("/api/v2/orders", PageKind::Interface, 3_870),
    ("/help/shipping", PageKind::Document, 11_204),
    ("/help/returns", PageKind::Document, 10_630),
    ("/invite", PageKind::Form, 5_511),
    ("/terms", PageKind::Document, 30_277),
    ("/privacy", PageKind::Document, 35_918),
    ("/xmlrpc.php", PageKind::Missing, 1_245),
];

/// A number below `count`; small ones are much more likely than large ones: the first hundredth is hit every fifth
/// time.
#[inline]
pub(super) fn skewed(rng: &mut Rng, count: usize) -> usize {
    let uniform = rng.f64();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "not exact"
    )]
    let choice = (uniform * uniform * uniform * count as f64) as usize;
    choice.min(count.saturating_sub(1))
}
