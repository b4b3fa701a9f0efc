//! Verbs that reach nothing: what a guest can do with its own memory, time and outputs.
//!
//! | verb | does |
//! |---|---|
//! | `echo TEXT` | gives back the text |
//! | `count` | tells how many records this instance has seen, this one included |
//! | `hide TEXT`, `seek` | keeps a text in memory; tells which one is kept, or `nothing` |
//! | `drop`, `many N`, `large N` | gives no output, so many, or one of so many bytes |
//! | `fail TEXT`, `panic TEXT`, `trap` | fails, panics, or traps without a word |
//! | `spin`, `work N`, `recurse` | runs for ever, for so many turns, or down the stack for ever |
//! | `grow N` | takes so many more bytes of memory, touches and keeps them; tells when it gets none |
//! | `log TEXT`, `log-flood N` | logs a line; so many of a kibibyte each |
//! | `nan` | tells the bits of not-a-numbers that it computes |

use std::cell::{Cell, RefCell};
use std::hint::black_box;

use sandmill_stage::{Failure, log};

use crate::{Answer, number, said, told};

thread_local! {
    static SEEN: Cell<u64> = const { Cell::new(0) };
    static HIDDEN: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Counts a record.
pub(crate) fn count() {
    SEEN.set(SEEN.get() + 1);
}

/// See above.
pub fn verbs(verb: &str, rest: &str) -> Answer {
    Some(match verb {
        "echo" => said(rest),
        "count" => said(SEEN.get().to_string()),
        "hide" => {
            HIDDEN.set(rest.to_owned());
            said("hidden")
        }
        "seek" => {
            said(HIDDEN.with_borrow(|hidden| if hidden.is_empty() { "nothing".to_owned() } else { hidden.clone() }))
        }
        "drop" => Ok(Vec::new()),
        "many" => number(rest).map(|count| vec!["one of many".to_owned(); count]),
        "large" => number(rest).and_then(|bytes| said("x".repeat(bytes))),
        "fail" => Err(Failure::new(rest)),
        "panic" => panicked(rest),
        "trap" => trapped(),
        "spin" => spin(),
        "work" => number(rest).and_then(|turns| said(work(turns).to_string())),
        "recurse" => said(recurse(1).to_string()),
        "grow" => number(rest).and_then(grow),
        "log" => {
            log::info!("{rest}");
            said("logged")
        }
        "log-flood" => number(rest).and_then(|lines| {
            let line = "flood ".repeat(171);
            (0..lines).for_each(|_| log::info!("{line}"));
            said("logged")
        }),
        "nan" => said(nan()),
        _ => return None,
    })
}

#[expect(clippy::panic, reason = "it is told to")]
fn panicked(message: &str) -> ! {
    panic!("{message}")
}

fn trapped() -> ! {
    #[cfg(target_arch = "wasm32")]
    std::arch::wasm32::unreachable();
    #[cfg(not(target_arch = "wasm32"))]
    std::process::abort();
}

fn spin() -> ! {
    loop {
        black_box(());
    }
}

fn work(turns: usize) -> u64 {
    (0..turns).fold(1, |state, _| black_box(state).wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1))
}

#[expect(unconditional_recursion, reason = "it is told to")]
fn recurse(depth: u64) -> u64 {
    black_box(recurse(black_box(depth + 1)) + depth)
}

fn grow(bytes: usize) -> Result<Vec<String>, Failure> {
    let mut memory: Vec<u8> = Vec::new();
    told(memory.try_reserve_exact(bytes).map(|()| {
        memory.resize(bytes, 1);
        black_box(memory).leak();
        "grown"
    }))
}

/// Signs and payloads of a NaN are the processor's choice, unless the engine makes them all alike.
fn nan() -> String {
    let [zero, null, infinity, endless] = black_box([0.0, 0.0, f64::INFINITY, f64::INFINITY]);
    let odd = black_box(f64::from_bits(0xfff8_0000_dead_beef));
    let large = [zero / null, infinity - endless, zero * infinity, black_box(-1.0_f64).sqrt(), odd + 1.0];
    let [zero, null, infinity, endless] = black_box([0.0, 0.0, f32::INFINITY, f32::INFINITY]);
    let small = [zero / null, infinity - endless, black_box(-1.0_f32).sqrt(), odd as f32];
    let large = large.iter().map(|nan| format!("{:016x}", nan.to_bits()));
    let small = small.iter().map(|nan| format!("{:08x}", nan.to_bits()));
    large.chain(small).collect::<Vec<_>>().join(" ")
}
