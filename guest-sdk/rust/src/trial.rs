//! A stage under test, natively: records in, what became of them out.

use crate::Failure;
use crate::column::Column;
use crate::output::Outcome;
use crate::record::Batch;
use crate::stage::Instance;

/// An open stage for a test of the whole of it: configuration, parsing of the record, the function, its result.
///
/// ```
/// use sandmill_stage::trial;
///
/// fn double(line: &str) -> Result<String, std::num::ParseIntError> {
///     Ok((line.parse::<i64>()? * 2).to_string())
/// }
///
/// let fates = trial!(double).unwrap().process(["21", "many"]);
/// assert_eq!(fates.texts(), ["42"]);
/// assert_eq!(fates.failure(1), Some("invalid digit found in string"));
/// ```
#[derive(Debug)]
pub struct Trial(Box<dyn Instance>);

/// What became of the records of one call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fates {
    /// The outputs, in order.
    pub outputs: Vec<Emitted>,
    /// The records that failed, by their place in the input.
    pub failures: Vec<(usize, Failure)>,
}

/// An output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Emitted {
    /// Which record it was made of, by its place in the input; none when it was flushed.
    pub origin: Option<usize>,
    /// Which of the stage's named outputs it goes to.
    pub port: u16,
    /// Its key; empty when it has none.
    pub key: Vec<u8>,
    /// Its value.
    pub value: Vec<u8>,
}

impl Trial {
    /// Opens a stage; the macro [`trial!`](crate::trial!) knows how.
    ///
    /// # Errors
    /// Why the stage cannot work with this configuration.
    pub fn open(
        open: impl FnOnce(&str) -> Result<Box<dyn Instance>, Failure>,
        config: impl AsRef<str>,
    ) -> Result<Self, Failure> {
        open(config.as_ref()).map(Self)
    }

    /// Gives the stage records without keys, all in one batch.
    pub fn process<V: AsRef<[u8]>>(&mut self, values: impl IntoIterator<Item = V>) -> Fates {
        Fates::of(self.0.process(Batch { values: values.into_iter().collect(), keys: Column::default() }), true)
    }

    /// Gives the stage records with keys, all in one batch.
    pub fn process_keyed<K: AsRef<[u8]>, V: AsRef<[u8]>>(
        &mut self,
        records: impl IntoIterator<Item = (K, V)>,
    ) -> Fates {
        let mut batch = Batch::default();
        for (key, value) in records {
            batch.keys.push(key.as_ref());
            batch.values.push(value.as_ref());
        }
        Fates::of(self.0.process(batch), true)
    }

    /// Tells the stage that the input has ended.
    ///
    /// # Errors
    /// What the stage returned.
    pub fn flush(&mut self) -> Result<Fates, Failure> {
        Ok(Fates::of(self.0.flush()?, false))
    }
}

impl Fates {
    /// The outputs' values as text.
    ///
    /// # Panics
    /// When one is not UTF-8.
    #[must_use]
    pub fn texts(&self) -> Vec<&str> {
        let text = |output| std::str::from_utf8(output).expect("the output is UTF-8");
        self.outputs.iter().map(|output| text(&output.value)).collect()
    }

    /// Why the record at this place of the input failed, if it did.
    #[must_use]
    pub fn failure(&self, index: usize) -> Option<&str> {
        self.failures.iter().find(|(failed, _)| *failed == index).map(|(_, failure)| failure.message())
    }

    fn of(outcome: Outcome, has_origins: bool) -> Self {
        let Outcome { emitted, origins, ports, failures } = outcome;
        let mut keys = emitted.keys.iter();
        let outputs = emitted.values.iter().enumerate().map(|(index, value)| Emitted {
            origin: has_origins.then(|| origins.get(index).map_or(index, |origin| *origin as usize)),
            port: ports.get(index).copied().unwrap_or(0),
            key: keys.next().unwrap_or_default().to_vec(),
            value: value.to_vec(),
        });
        Self {
            outputs: outputs.collect(),
            failures: failures.into_iter().map(|(index, failure)| (index as usize, failure)).collect(),
        }
    }
}
