//! What was promised of languages.

use sandmill::plan::Reuse;

use super::Measures;
use crate::goals::{Bound, Goal};
use crate::peers;
use crate::summary::Spread;

/// Most times the processor time of Rust, with an instance for a batch; and µs with one for each record.
const COSTS: [(&str, f64, Option<f64>); 10] = [
    ("c", 2.5, Some(15.0)),
    ("cpp", 2.5, Some(15.0)),
    ("zig", 2.5, Some(15.0)),
    ("assemblyscript", 5.0, None),
    ("go", 20.0, Some(100.0)),
    ("python", 45.0, None),
    ("javascript", 60.0, Some(150.0)),
    ("typescript", 60.0, Some(150.0)),
    ("ruby", 250.0, None),
    ("c-filter", 15.0, Some(30.0)),
];
/// Largest component of the languages that bring no runtime along.
const SMALL: f64 = 60.0;

/// All of which something was measured.
pub(crate) fn goals(measures: &Measures) -> Vec<Goal> {
    let mut goals = Vec::new();
    for (name, times, micros) in COSTS {
        let measured = measures.ratio(name, Reuse::Batch, false);
        goals.push(at_most(format!("{name}: processor time of a record, times Rust"), measured, " ×", times));
        if let Some(micros) = micros {
            let measured = measures.micros(name, Reuse::Record);
            goals.push(at_most(format!("{name}: fresh instance per record"), measured, " µs", micros));
        }
    }
    let speed = measures.micros("python", Reuse::Batch).map(|Spread { median, min, max }| {
        let thousands = |micros: f64| 2e3 / micros;
        Spread { median: thousands(median), min: thousands(max), max: thousands(min) }
    });
    goals.push(Goal {
        promise: "python: processor time enough on two cores for".to_owned(),
        measured: speed,
        unit: " k records/s",
        bound: Bound::AtLeast(300.0),
    });
    for subject in measures.subjects.iter().filter(|it| ["c", "cpp", "zig"].contains(&it.name.as_str())) {
        let measured = Spread::of([subject.bytes as f64 / 1024.0]);
        goals.push(at_most(format!("{}: component", subject.name), measured, " KiB", SMALL));
    }
    for folder in &measures.folders {
        let limit = if ["python", "ruby"].contains(&folder.language.as_str()) { 30.0 } else { 5.0 };
        let promise = format!("{}: from `sandmill new` to a result", folder.language);
        goals.push(at_most(promise, Spread::of([folder.seconds]), " s", limit));
    }
    goals.extend(peers::inline_goals(&measures.inline));
    goals
}

fn at_most(promise: String, measured: Option<Spread>, unit: &'static str, limit: f64) -> Goal {
    Goal { promise, measured, unit, bound: Bound::AtMost(limit) }
}
