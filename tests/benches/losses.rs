//! Where others are faster: every contender that was, in whatever job.

use std::fmt::{Result as Written, Write};

use crate::contender::{Setting, Way};
use crate::page::spread;
use crate::summary::{Rounds, Spread};
use crate::tables;

/// Why, for whoever asks.
const WHY: &str = "Native code pays for no sandbox: it copies nothing into an instance and out of it, checks no \
                   bounds, and uses the processor's own instructions where they exist (SHA-256, wide vectors). Loops \
                   and hand-written channels also keep no account of records, no order among workers and no limits, \
                   and recover from nothing. One thread is faster than several as long as the work takes no longer \
                   than handing it over. This table has every case in which another contender was faster, in the \
                   median.";

/// The section; nothing where nobody was.
pub(crate) fn write(rounds: Rounds<'_>, page: &mut String) -> Written {
    let usual = Setting::default();
    let mut faster: Vec<(String, String, Spread)> = Vec::new();
    for it in tables::field(&tables::all()) {
        let ours = tables::contender(Way::Sandboxed, it.job, it.setting);
        let is_again = matches!(it.way, Way::Sandboxed | Way::SandboxedAgain | Way::SandboxedWithFuel);
        if is_again || it.setting != usual || it.job.record_bytes != works::harness::Job::TRIVIAL.record_bytes {
            continue;
        }
        if let Some(ratio) = rounds.ratio(it, ours).filter(|ratio| ratio.median > 1.0) {
            let job = format!("{}, {}", it.job.work.words(), stages(it.job.stages));
            faster.push((job, it.way.words(), ratio));
        }
    }
    if faster.is_empty() {
        return Ok(());
    }
    faster.sort_by(|a, b| b.2.median.total_cmp(&a.2.median));
    writeln!(page, "## Where we lose\n\n{WHY}\n\n| work | faster | times |\n|---|---|---|")?;
    for (job, way, ratio) in faster {
        writeln!(page, "| {job} | {way} | {} |", spread(ratio))?;
    }
    writeln!(page)
}

fn stages(number: usize) -> String {
    if number == 1 { "one stage".to_owned() } else { format!("{number} stages") }
}
