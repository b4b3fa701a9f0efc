//! The files that all tools read: people, as rows of CSV and as lines of JSON.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Result;
use fastrand::Rng;
use flate2::Compression;
use flate2::write::GzEncoder;

const NAMES: [&str; 8] = ["Ada", "Grace", "Edsger", "Barbara", "Donald", "Margaret", "Alan", "Radia"];
const SURNAMES: [&str; 8] = ["Lovelace", "Hopper", "Dijkstra", "Liskov", "Knuth", "Hamilton", "Turing", "Perlman"];
const CITIES: [&str; 6] = ["London", "New York", "Rotterdam", "Los Angeles", "Milwaukee", "Portsmouth"];

/// Rows of CSV with a header; in every fourth, a field is quoted and holds the delimiter.
pub(super) fn csv(path: &Path, rows: usize) -> Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    writeln!(file, "id,name,email,city,amount,note")?;
    let mut rng = Rng::with_seed(1);
    for id in 1..=rows {
        let (name, surname, city) = person(&mut rng);
        let amount = f64::from(rng.u32(..1_000_000)) / 100.0;
        let note = if id.is_multiple_of(4) { "\"paid, in full\"" } else { "open" };
        writeln!(file, "{id},{name} {surname},{name}.{id}@example.com,{city},{amount:.2},{note}")?;
    }
    Ok(file.flush()?)
}

/// Lines of JSON.
pub(super) fn json_lines(path: &Path, lines: usize) -> Result<()> {
    write_lines(BufWriter::new(File::create(path)?), lines)
}

/// The same, packed.
pub(super) fn packed(path: &Path, lines: usize) -> Result<()> {
    write_lines(BufWriter::new(GzEncoder::new(File::create(path)?, Compression::default())), lines)
}

fn write_lines(mut out: impl Write, lines: usize) -> Result<()> {
    let mut rng = Rng::with_seed(2);
    for id in 1..=lines {
        let (name, surname, city) = person(&mut rng);
        let (amount, active) = (rng.u32(..1_000_000), rng.bool());
        writeln!(
            out,
            "{{\"id\":{id},\"name\":\"{name} {surname}\",\"email\":\"{name}.{id}@example.com\",\"city\":\"{city}\",\
             \"amount\":{amount},\"active\":{active}}}"
        )?;
    }
    Ok(out.flush()?)
}

fn person(rng: &mut Rng) -> (&'static str, &'static str, &'static str) {
    let mut one = |of: &'static [&'static str]| rng.choice(of).copied().unwrap_or_default();
    (one(&NAMES), one(&SURNAMES), one(&CITIES))
}
