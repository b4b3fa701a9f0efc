//! What limits cost: a guest that can be stopped, in each of the ways in which the engine can do it, beside one that
//! cannot. Through wasmtime alone, on one thread, so that nothing else is in the numbers.
//!
//! All ways take turns in one process, a few hundredths of a second each, and the thread's own clock is read: what else
//! the machine does is in all of them, or in none.

use std::fmt::{Result as Written, Write};
use std::fs;
use std::time::Duration;

use anyhow::Result;
use sandmill::plan::Reuse;
use serde::{Deserialize, Serialize};
use tests::guest::{Guest, PROCESS_ECHO};
use tokio::runtime::{Builder, Runtime};
use works::harness::{CHUNK_RECORDS, Columns, Input, Job, each, thread_time};

use crate::page::{with_ratio, words_of};
use crate::raw::{Raw, Stop};
use crate::runner;
use crate::summary::Spread;

/// Turns of each way in one process. The median of them counts.
pub(crate) const TURNS: usize = 15;

/// What the guest does with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Code {
    /// Makes it upper case: `stages/upper`, mostly copies and vector instructions.
    Upper,
    /// Adds up all bytes, one by one: nothing but a loop of five instructions, the worst case.
    TightLoop,
}

/// What one way costs a record, in one process.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Cost {
    pub(crate) work: Code,
    pub(crate) reuse: Reuse,
    pub(crate) stop: Stop,
    /// Processor time.
    pub(crate) nanos_per_record: f64,
}

/// The columns of the table, with how many records make up a turn.
const COLUMNS: [(Code, Reuse, usize); 5] = [
    (Code::Upper, Reuse::Record, CHUNK_RECORDS),
    (Code::Upper, Reuse::Batch, 128 * CHUNK_RECORDS),
    (Code::Upper, Reuse::Worker, 128 * CHUNK_RECORDS),
    (Code::TightLoop, Reuse::Batch, 32 * CHUNK_RECORDS),
    (Code::TightLoop, Reuse::Worker, 32 * CHUNK_RECORDS),
];

/// Measures all of it: what a child does.
pub(crate) fn measure() -> Result<Vec<Cost>> {
    let runtime = Builder::new_current_thread().build()?;
    let input = Input::generate(Job::TRIVIAL)?;
    let mut costs = Vec::new();
    for work in [Code::Upper, Code::TightLoop] {
        let wasm = work.component()?;
        let ways = Stop::ALL
            .into_iter()
            .map(|stop| Ok((stop, Raw::new(stop, &wasm, "{}".to_owned())?)))
            .collect::<Result<Vec<_>>>()?;
        for (_, reuse, records) in COLUMNS.into_iter().filter(|column| column.0 == work) {
            costs.extend(take_turns(&runtime, &ways, (work, reuse, records), &input)?);
        }
    }
    Ok(costs)
}

fn take_turns(
    runtime: &Runtime,
    ways: &[(Stop, Raw)],
    (work, reuse, records): (Code, Reuse, usize),
    input: &Input,
) -> Result<Vec<Cost>> {
    let mut turns: Vec<Vec<f64>> = ways.iter().map(|_| Vec::new()).collect();
    // The first turn of each fills caches and pools, and does not count.
    for turn in 0..=TURNS {
        for ((_, raw), turns) in ways.iter().zip(&mut turns) {
            let took = runtime.block_on(one_turn(raw, reuse, records, input))?;
            if turn > 0 {
                turns.push(took.as_secs_f64() * 1e9 / records as f64);
            }
        }
    }
    let median = |turns: Vec<f64>| Spread::of(turns).map_or(f64::NAN, |spread| spread.median);
    let cost =
        |((stop, _), turns): (&(Stop, Raw), _)| Cost { work, reuse, stop: *stop, nanos_per_record: median(turns) };
    Ok(ways.iter().zip(turns).map(cost).collect())
}

async fn one_turn(raw: &Raw, reuse: Reuse, records: usize, input: &Input) -> Result<Duration> {
    let ticking = raw.tick()?;
    let begun = thread_time();
    let batches = input.chunks().iter().cycle().take(records / CHUNK_RECORDS);
    match reuse {
        Reuse::Record => by_record(raw, batches).await?,
        Reuse::Batch => by_batch(raw, batches).await?,
        Reuse::Worker => by_worker(raw, batches).await?,
    }
    let took = thread_time().saturating_sub(begun);
    drop(ticking);
    Ok(took)
}

async fn by_record(raw: &Raw, batches: impl Iterator<Item = &Columns>) -> Result<()> {
    for (data, ends) in batches {
        for record in each(data, ends) {
            let mut live = raw.instance().await?;
            live.process(record, &[u32::try_from(record.len())?]).await?;
            live.flush().await?;
        }
    }
    Ok(())
}

async fn by_batch(raw: &Raw, batches: impl Iterator<Item = &Columns>) -> Result<()> {
    for (data, ends) in batches {
        let mut live = raw.instance().await?;
        live.process(data, ends).await?;
        live.flush().await?;
    }
    Ok(())
}

async fn by_worker(raw: &Raw, batches: impl Iterator<Item = &Columns>) -> Result<()> {
    let mut live = raw.instance().await?;
    for (data, ends) in batches {
        live.process(data, ends).await?;
    }
    live.flush().await
}

impl Code {
    fn component(self) -> Result<Vec<u8>> {
        match self {
            Self::Upper => Ok(fs::read(runner::component(works::Work::Upper)?)?),
            Self::TightLoop => tight_loop().component(),
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Upper => "`upper`",
            Self::TightLoop => "a tight loop",
        }
    }
}

/// Adds up all bytes of a batch, and gives it back as it is. Takes its memory from the start again at every call: an
/// instance that lives on would grow for ever.
fn tight_loop() -> Guest {
    let process = format!(
        "(local $sum i32) (local $end i32)
        (local.set $i (local.get 0))
        (local.set $end (i32.add (local.get 0) (local.get 1)))
        (loop $more
            (local.set $sum (i32.add (local.get $sum) (i32.load8_u (local.get $i))))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $more (i32.lt_u (local.get $i) (local.get $end))))
        (i32.store (i32.const 32) (local.get $sum))
        (global.set $heap (i32.const 4096))
        {PROCESS_ECHO}"
    );
    // A guest's texts are static, because nearly all are literals; there is one of these in a process.
    Guest::processing(Box::leak(process.into_boxed_str()))
}

/// The costs of several processes, as a table.
pub(crate) fn write(rounds: &[Vec<Cost>], page: &mut String) -> Written {
    let heads = COLUMNS.map(|(work, reuse, _)| format!("{}, {}", work.words(), words_of(reuse)));
    writeln!(page, "| stopped by | {} |\n|---{}|", heads.join(" | "), "|---".repeat(COLUMNS.len()))?;
    for stop in Stop::ALL {
        let cell = |(work, reuse, _)| {
            let of_round =
                |costs: &Vec<Cost>| Some((find(costs, work, reuse, stop)?, find(costs, work, reuse, Stop::Nothing)?));
            with_ratio(rounds.iter().filter_map(of_round))
        };
        writeln!(page, "| {} | {} |", stop.words(), COLUMNS.map(cell).join(" | "))?;
    }
    writeln!(page)
}

/// How many times as long a record takes, on average over rounds.
pub(crate) fn ratio(rounds: &[Vec<Cost>], (work, reuse): (Code, Reuse), stop: Stop) -> Option<f64> {
    let of_round = |costs: &Vec<Cost>| Some(find(costs, work, reuse, stop)? / find(costs, work, reuse, Stop::Nothing)?);
    Spread::of(rounds.iter().filter_map(of_round)).map(|spread| spread.median)
}

fn find(costs: &[Cost], work: Code, reuse: Reuse, stop: Stop) -> Option<f64> {
    let is_it = |cost: &&Cost| (cost.work, cost.reuse, cost.stop) == (work, reuse, stop);
    costs.iter().find(is_it).map(|cost| cost.nanos_per_record)
}
