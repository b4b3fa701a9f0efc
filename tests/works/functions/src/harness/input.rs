//! What every contender is given, made once per process, and a look at what arrives.

use std::iter::{from_fn, repeat_with};
use std::sync::Arc;

use anyhow::{Result, anyhow, ensure};

use super::{Job, Length, Stopwatch};
use crate::{Work, Worker, blur};

/// Most records handed out at once, which is what one invocation of a stage is given by default.
pub const CHUNK_RECORDS: usize = 4096;
/// Most bytes handed out at once, as above.
const CHUNK_BYTES: usize = 1 << 20;
/// Chunks that differ: as many as make up so much, so that no cache holds the whole input.
const BYTES: usize = 6_500_000;
const CHUNKS: (usize, usize) = (8, 64);
const SEED: u64 = 2;

/// Values back to back, and where each ends.
pub type Columns = (Vec<u8>, Vec<u32>);

/// Chunks that are handed out in turn, each time as a copy: contenders change records, or give them away.
#[derive(Clone, Debug)]
pub struct Input {
    chunks: Arc<[Columns]>,
    /// What comes of the last record of each.
    expected: Arc<[Vec<u8>]>,
}

/// A copy of a chunk.
#[derive(Clone, Debug)]
pub struct Portion {
    /// Which of them it is.
    pub turn: usize,
    /// Its records.
    pub columns: Columns,
}

/// What the destination knows of what has arrived.
#[derive(Clone, Debug)]
pub struct Arrived {
    expected: Arc<[Vec<u8>]>,
    chunk_records: usize,
    records: usize,
    turn: usize,
    /// Records until one is looked at.
    left: usize,
}

impl Input {
    /// The same for the same job, in every process.
    ///
    /// # Errors
    /// When the work refuses a record: it is not what it is for.
    pub fn generate(job: Job) -> Result<Self> {
        let mut random = fastrand::Rng::with_seed(SEED);
        let size = record(job, &mut random).len();
        let count = CHUNK_RECORDS.min(CHUNK_BYTES / size).max(1);
        let chunks: Arc<[Columns]> = repeat_with(|| chunk(job, count, &mut random))
            .take((BYTES / (count * size)).clamp(CHUNKS.0, CHUNKS.1))
            .collect();
        let worker = job.work.open();
        let expected = chunks.iter().map(|chunk| last(chunk, &worker)).collect::<Result<_>>()?;
        Ok(Self { chunks, expected })
    }

    /// The chunks themselves, all with as many records.
    #[must_use]
    pub fn chunks(&self) -> &[Columns] {
        &self.chunks
    }

    /// What comes of the last record of each.
    #[must_use]
    pub fn expected(&self) -> &[Vec<u8>] {
        &self.expected
    }

    /// Records of a chunk.
    #[must_use]
    pub fn chunk_records(&self) -> usize {
        self.chunks.first().map_or(0, |(_, ends)| ends.len())
    }

    /// The chunks over and over; the last one is cut where the length is one of records. The clock starts with the first.
    pub fn portions(self, length: Length) -> impl Iterator<Item = Portion> + Send {
        let (mut given, mut number, mut clock) = (0, 0, None);
        from_fn(move || {
            let clock = clock.get_or_insert_with(Stopwatch::start);
            if length.is_over(given, clock.wall()) {
                return None;
            }
            let turn = number % self.chunks.len();
            let (data, ends) = self.chunks.get(turn)?;
            let count = match length {
                Length::Records(length) => ends.len().min(length - given),
                Length::Millis(_) => ends.len(),
            };
            number += 1;
            given += count;
            let ends = ends.get(..count)?.to_vec();
            let data = data.get(..ends.last().copied().unwrap_or_default() as usize)?.to_vec();
            Some(Portion { turn, columns: (data, ends) })
        })
    }

    /// A destination for what comes of it, in order.
    #[must_use]
    pub fn arrivals(&self) -> Arrived {
        let chunk_records = self.chunk_records();
        Arrived { expected: Arc::clone(&self.expected), chunk_records, records: 0, turn: 0, left: chunk_records }
    }
}

impl Arrived {
    /// Counts a record.
    ///
    /// # Panics
    /// When it is the last of a chunk and not what it should be: whoever loses the work, or does it badly, does not count.
    #[inline]
    pub fn record(&mut self, value: &[u8]) {
        self.records += 1;
        self.left -= 1;
        if self.left == 0 {
            assert_eq!(
                self.expected.get(self.turn).map(Vec::as_slice),
                Some(value),
                "a record is not what it should be"
            );
            self.left = self.chunk_records;
            self.turn = (self.turn + 1) % self.expected.len();
        }
    }

    /// Counts the records of a portion.
    ///
    /// # Panics
    /// As above.
    pub fn columns(&mut self, (data, ends): &Columns) {
        each(data, ends).for_each(|value| self.record(value));
    }

    /// The next record is the first of this chunk, because other threads have those between.
    pub fn turn_to(&mut self, turn: usize) {
        (self.turn, self.left) = (turn, self.chunk_records);
    }

    /// How many.
    #[must_use]
    pub fn records(&self) -> usize {
        self.records
    }
}

/// The values of columns.
pub fn each<'a>(data: &'a [u8], ends: &'a [u32]) -> impl Iterator<Item = &'a [u8]> {
    let mut start = 0;
    ends.iter().map(move |&end| {
        let value = data.get(start..end as usize).unwrap_or_default();
        start = end as usize;
        value
    })
}

fn last((data, ends): &Columns, worker: &Worker) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let value = each(data, ends).last().unwrap_or_default();
    worker.apply(value, &mut out).map_err(|refusal| anyhow!("the input is bad: {refusal}"))?;
    ensure!(!out.is_empty(), "nothing comes of a record");
    Ok(out)
}

fn chunk(job: Job, records: usize, random: &mut fastrand::Rng) -> Columns {
    let (mut data, mut ends) = (Vec::new(), Vec::with_capacity(records));
    for _ in 0..records {
        data.extend_from_slice(&record(job, random));
        ends.push(u32::try_from(data.len()).unwrap_or(u32::MAX));
    }
    (data, ends)
}

fn record(job: Job, random: &mut fastrand::Rng) -> Vec<u8> {
    match job.work {
        Work::Upper => letters(job.record_bytes, random),
        Work::Hash => repeat_with(|| random.u8(..)).take(10 << 10).collect(),
        Work::Blur => repeat_with(|| random.u8(..)).take(blur::SIDE * blur::SIDE).collect(),
        Work::Json => order(random).into_bytes(),
        Work::Redact => line_of_text(random).into_bytes(),
        Work::AccessLog => line_of_log(random).into_bytes(),
    }
}

/// Letters, digits and spaces: about half of the bytes are changed by a stage that makes them upper case.
fn letters(count: usize, random: &mut fastrand::Rng) -> Vec<u8> {
    const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ 0123456789-";
    repeat_with(|| random.choice(ALPHABET).copied().unwrap_or_default()).take(count).collect()
}

fn word(letters: usize, random: &mut fastrand::Rng) -> String {
    repeat_with(|| random.lowercase()).take(letters).collect()
}

fn order(random: &mut fastrand::Rng) -> String {
    let items: Vec<String> = (0..3)
        .map(|_| {
            let (name, cents, count) = (word(12, random), random.u32(100..100_000), random.u8(1..9));
            format!(r#"{{"sku":"{name}","cents":{cents},"count":{count},"gift":{}}}"#, random.bool())
        })
        .collect();
    let (id, note) = (random.u32(1_000_000..), word(60, random));
    let (name, street) = (word(14, random), word(18, random));
    format!(
        r#"{{"id":{id},"at":"2026-03-04T05:06:07Z","customer":{{"name":"{name}","email":"{name}@example.com","country":"DE","street":"{street} 12"}},"items":[{}],"note":"{note}"}}"#,
        items.join(",")
    )
}

fn line_of_text(random: &mut fastrand::Rng) -> String {
    let words: Vec<String> = (0..20).map(|_| word(6, random)).collect();
    let secret = match random.u8(..3) {
        0 => format!("{}@example.com", word(8, random)),
        1 => format!("10.{}.{}.7", random.u8(..), random.u8(..)),
        _ => format!("4000 {} {} 0000", random.u16(1000..9999), random.u16(1000..9999)),
    };
    format!("user {secret} said: {}", words.join(" "))
}

fn line_of_log(random: &mut fastrand::Rng) -> String {
    let (ip, second, bytes) = (random.u8(1..), random.u8(10..60), random.u32(100..100_000));
    let (path, page) = (word(16, random), word(10, random));
    format!(
        r#"203.0.113.{ip} - - [10/Oct/2025:13:55:{second} +0000] "GET /{path}?item=7 HTTP/1.1" 200 {bytes} "https://example.com/{page}" "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0""#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_input_is_one_that_its_work_takes_and_the_same_each_time() {
        for work in Work::ALL {
            let job = Job { work, ..Job::TRIVIAL };
            let (one, other) = (Input::generate(job).unwrap(), Input::generate(job).unwrap());
            assert_eq!((one.chunks(), one.expected()), (other.chunks(), other.expected()));
            let (mut arrived, worker) = (one.arrivals(), work.open());
            for Portion { columns: (data, ends), .. } in one.portions(Length::Records(CHUNK_RECORDS + 1)) {
                for value in each(&data, &ends) {
                    let mut out = Vec::new();
                    worker.apply(value, &mut out).unwrap();
                    arrived.record(&out);
                }
            }
            assert_eq!(arrived.records(), CHUNK_RECORDS + 1);
        }
    }
}
