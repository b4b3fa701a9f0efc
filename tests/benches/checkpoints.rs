//! What checkpoints cost the trivial pipeline.

use std::fmt::{Result as Written, Write};
use std::time::Duration;

use anyhow::{Result, ensure};
use sandmill::connector::{FileSink, Generate, Generated, IfExists, LineFormat, NullSink};
use sandmill::plan::Checkpoints;
use sandmill::{PipelineBuilder, SinkBuilder, SourceBuilder};
use serde::{Deserialize, Serialize};
use works::Work;
use works::harness::{Job, Length, Measured};

use crate::page::{short, with_ratio};
use crate::runner::{self, nonzero};
use crate::summary::Spread;
use crate::tables::grid;

/// How often they are taken, and what has to be made safe each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pause {
    interval: Interval,
    sink: Destination,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Interval {
    Off,
    Millis(u64),
    /// Off once more: how far two runs of one thing lie apart.
    OffAgain,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Destination {
    Null,
    File,
}

/// What one run came to.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Paused {
    #[serde(flatten)]
    pause: Pause,
    #[serde(flatten)]
    measured: Measured,
    /// Checkpoints taken.
    taken: u64,
}

const INTERVALS: [Interval; 4] = [Interval::Off, Interval::Millis(1000), Interval::Millis(100), Interval::OffAgain];
/// Each with how many records: enough for two or three of the default.
const DESTINATIONS: [(Destination, usize); 2] = [(Destination::Null, 20_000_000), (Destination::File, 8_000_000)];

impl Pause {
    /// Who runs in a round.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let of = |interval| DESTINATIONS.map(|(sink, _)| Self { interval, sink });
        INTERVALS.into_iter().flat_map(of)
    }

    /// Runs it here: what a child does.
    pub(crate) fn measure(self) -> Result<Paused> {
        let folder = tempfile::tempdir()?;
        let records = DESTINATIONS.iter().find(|(sink, _)| *sink == self.sink).map_or(0, |(_, records)| *records);
        let what = Generated::Text { bytes: nonzero(Job::TRIVIAL.record_bytes) };
        let (path, format) = (folder.path().join("out.txt"), LineFormat::Lines);
        let sink = match self.sink {
            Destination::Null => SinkBuilder::new("out", NullSink),
            Destination::File => SinkBuilder::new("out", FileSink { path, format, if_exists: IfExists::Replace }),
        };
        let mut pipeline = PipelineBuilder::new("checkpoints")
            .state_file(folder.path().join("state.db"))
            .source(SourceBuilder::new("text", Generate { what, records: records as u64, seed: 1 }))
            .stage(runner::sandboxed(Work::Upper, "upper")?)
            .sink(sink);
        if let Interval::Millis(every) = self.interval {
            pipeline = pipeline.checkpoints(Checkpoints { every: Duration::from_millis(every), records: None });
        }
        let (report, took) = runner::complete(pipeline)?;
        let taken = report.checkpoints.map_or(0, |checkpoints| checkpoints.taken);
        ensure!(
            taken == 0 || matches!(self.interval, Interval::Millis(_)),
            "{taken} checkpoints, and none was asked for"
        );
        let delivered = usize::try_from(report.stats.accounting.delivered)?;
        Ok(Paused { pause: self, measured: Measured::new(Length::Records(records), delivered, took)?, taken })
    }
}

impl Interval {
    fn words(self) -> String {
        match self {
            Self::Off => "off".to_owned(),
            Self::Millis(1000) => "every second (the default)".to_owned(),
            Self::Millis(every) => format!("every {every} ms"),
            Self::OffAgain => "off, again (A/A control)".to_owned(),
        }
    }
}

/// The runs of several rounds, as a table.
pub(crate) fn write(rounds: &[Vec<Paused>], page: &mut String) -> Written {
    writeln!(
        page,
        "## What checkpoints cost\n\n`generate` → `upper` → `null`, and → a file, which is synced to disk before a checkpoint \
         is written. Records per second · ratio to \"off\" (min–max) · checkpoints taken.\n"
    )?;
    let heads = ["to `null`", "to a file"].map(str::to_owned);
    grid(page, &INTERVALS.map(Interval::words), &heads, |row, column| {
        let (Some(interval), Some((sink, _))) = (INTERVALS.get(row), DESTINATIONS.get(column)) else {
            return String::new();
        };
        let pairs = pairs(rounds, *interval, *sink);
        let taken = runs(rounds, *interval, *sink).map(|paused| paused.taken as f64);
        let taken = Spread::of(taken).map_or(0.0, |spread| spread.median);
        if taken > 0.0 { format!("{} · {}", with_ratio(pairs), short(taken)) } else { with_ratio(pairs) }
    })
}

/// Throughput with checkpoints every second and a file to sync, of that without any.
pub(crate) fn ratio(rounds: &[Vec<Paused>]) -> Option<Spread> {
    let pairs = pairs(rounds, Interval::Millis(1000), Destination::File);
    Spread::of(pairs.into_iter().map(|(number, off)| number / off))
}

fn runs(rounds: &[Vec<Paused>], interval: Interval, sink: Destination) -> impl Iterator<Item = &Paused> {
    rounds.iter().flatten().filter(move |paused| paused.pause == Pause { interval, sink })
}

/// Each with the one of its round that takes none.
fn pairs(rounds: &[Vec<Paused>], interval: Interval, sink: Destination) -> Vec<(f64, f64)> {
    let speed = |paused: &Paused| paused.measured.records as f64 / paused.measured.wall_seconds;
    let off = runs(rounds, Interval::Off, sink).map(speed);
    runs(rounds, interval, sink).map(speed).zip(off).collect()
}
