//! What every contender is given: the same records of 100 bytes, made once per process.

/// Bytes of a record.
pub(crate) const RECORD_BYTES: usize = 100;
/// Records handed out at once, which is what one invocation of a stage is given by default.
pub(crate) const BATCH_RECORDS: usize = 1024;

/// Batches that differ, so that no cache holds the whole input: 6.5 MB.
const BATCHES: usize = 64;
const SEED: u64 = 2;

/// Values back to back, and where each ends.
pub(crate) type Columns = (Vec<u8>, Vec<u32>);

/// Batches that are handed out in turn, each time as a copy: contenders change records, or give them away.
#[derive(Debug)]
pub(crate) struct Input {
    batches: Vec<Columns>,
}

impl Input {
    /// The same input in every process.
    pub(crate) fn generate() -> Self {
        let mut random = fastrand::Rng::with_seed(SEED);
        Self { batches: std::iter::repeat_with(|| batch(&mut random)).take(BATCHES).collect() }
    }

    /// The batches themselves, all of the same length.
    pub(crate) fn batches(&self) -> &[Columns] {
        &self.batches
    }

    /// An input of so many records: the batches over and over; the last one is cut.
    pub(crate) fn into_batches(self, records: usize) -> impl Iterator<Item = Columns> + Send {
        let (mut turn, mut left) = (0, records);
        std::iter::from_fn(move || {
            let count = BATCH_RECORDS.min(left);
            left -= count;
            let (data, ends) = self.batches.get(turn).filter(|_| count > 0)?;
            turn = (turn + 1) % self.batches.len();
            Some((data.get(..count * RECORD_BYTES)?.to_vec(), ends.get(..count)?.to_vec()))
        })
    }
}

/// Letters, digits and spaces: about half of the bytes are changed by a stage that makes them upper case.
fn batch(random: &mut fastrand::Rng) -> Columns {
    const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ 0123456789-";
    let letter = || random.choice(ALPHABET).copied().unwrap_or_default();
    let data = std::iter::repeat_with(letter).take(BATCH_RECORDS * RECORD_BYTES).collect();
    let ends = (1..=BATCH_RECORDS).map(|record| u32::try_from(record * RECORD_BYTES).unwrap_or(u32::MAX)).collect();
    (data, ends)
}

/// What the destination knows of what has arrived.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Arrived {
    records: usize,
}

impl Arrived {
    /// Counts a record.
    pub(crate) fn record(&mut self, value: &[u8]) {
        self.records += 1;
        // A look at a few of them: whoever loses the work, or does it badly, does not count.
        if self.records.is_multiple_of(BATCH_RECORDS) {
            assert_eq!(value.len(), RECORD_BYTES, "a record has arrived cut");
            assert!(!value.iter().any(u8::is_ascii_lowercase), "a record has arrived unchanged");
        }
    }

    /// How many.
    pub(crate) fn records(&self) -> usize {
        self.records
    }
}
