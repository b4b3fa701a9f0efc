//! A broker in a file, and a source that acknowledges what it was given by it, one record after the other or a chunk at a
//! time. It is written against the public interface, as a connector of somebody else's would be.

use std::collections::{BTreeMap, VecDeque};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use sandmill::edge::{BadRecord, Chunk, Settlement, Source};
use sandmill::record::{BatchBounds, Fate, Per, Places, Receipt};
use sandmill::{Error, Result};

/// What cannot be read as a record: the messages that this divides.
pub const UNREADABLE: u64 = 13;

/// Messages from 1 on, each a number, and a journal of those that were acknowledged: it outlasts the process.
#[derive(Clone, Debug)]
pub struct Broker(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    journal: PathBuf,
    messages: u64,
    acknowledged: BTreeMap<u64, String>,
    /// Each time that a message was given: whether the source was told what became of it, and what.
    given: Vec<(u64, Vec<Fate>)>,
}

impl Broker {
    /// This many messages, without those that the journal calls acknowledged.
    ///
    /// # Panics
    /// When the journal is not one.
    #[must_use]
    pub fn at(journal: &Path, messages: u64) -> Self {
        let acknowledged = acknowledged(journal);
        Self(Arc::new(Mutex::new(State { journal: journal.to_owned(), messages, acknowledged, given: Vec::new() })))
    }

    /// What was acknowledged, and as what.
    #[must_use]
    pub fn acknowledged(&self) -> BTreeMap<u64, String> {
        self.state().acknowledged.clone()
    }

    /// Each time that a message was given, and what the source was told of it.
    #[must_use]
    pub fn given(&self) -> Vec<(u64, Vec<Fate>)> {
        self.state().given.clone()
    }

    /// A source that gives what was not acknowledged, this many messages in a chunk. It `ends` when it has given all, or
    /// waits for more that never come.
    #[must_use]
    pub fn subscribe(&self, per: Per, chunk: usize, ends: bool) -> Subscription {
        let state = self.state();
        let waiting = (1..=state.messages).filter(|message| !state.acknowledged.contains_key(message)).collect();
        let first = state.given.len();
        Subscription { broker: self.clone(), per, chunk, ends, waiting, first }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a journal says: messages, and what they were acknowledged as.
///
/// # Panics
/// When it is not a journal, or a message was acknowledged twice.
#[must_use]
pub fn acknowledged(journal: &Path) -> BTreeMap<u64, String> {
    let text = std::fs::read_to_string(journal).unwrap_or_default();
    // A line that a kill has cut was not acknowledged.
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let mut found = BTreeMap::new();
    for line in whole.lines() {
        let (message, fate) = line.split_once(' ').expect("a message and its fate");
        let twice = found.insert(message.parse().expect("a number"), fate.to_owned());
        assert_eq!(twice, None, "message {message} was acknowledged twice");
    }
    found
}

/// One subscription.
#[derive(Debug)]
pub struct Subscription {
    broker: Broker,
    per: Per,
    chunk: usize,
    ends: bool,
    waiting: VecDeque<u64>,
    /// Which of all that was given is its first.
    first: usize,
}

#[async_trait]
impl Source for Subscription {
    async fn pull(&mut self, bounds: &BatchBounds) -> Result<Option<Chunk>> {
        let count = self.chunk.min(bounds.records.get()).min(self.waiting.len());
        if count == 0 && self.ends {
            return Ok(None);
        } else if count == 0 {
            return std::future::pending().await;
        }
        let mut state = self.broker.state();
        let mut chunk = Chunk::default();
        for message in self.waiting.drain(..count) {
            state.given.push((message, Vec::new()));
            let data = message.to_string().into_bytes();
            if message.is_multiple_of(UNREADABLE) {
                chunk.places.gaps.push(u32::try_from(chunk.records.len()).expect("chunks are small"));
                chunk.bad.push(BadRecord { data, places: Places::default(), reason: "unlucky".to_owned() });
            } else {
                chunk.records.push(None, &data);
            }
        }
        chunk.position = state.given.len() as u64;
        Ok(Some(chunk))
    }

    fn settlement(&self) -> Settlement {
        Settlement::Receipt(self.per)
    }

    async fn settle(&mut self, receipts: &[Receipt]) -> Result<()> {
        let mut state = self.broker.state();
        let mut lines = String::new();
        for (number, fate) in receipts.iter().flat_map(Receipt::records) {
            let index =
                self.first + usize::try_from(number).map_err(|error| Error::internal("far").caused_by(error))? - 1;
            let (message, told) = state.given.get_mut(index).ok_or_else(|| Error::edge("never given"))?;
            told.push(fate);
            let (message, fate) = (*message, format!("{fate:?}"));
            if fate != "InFlight" {
                lines.push_str(&format!("{message} {fate}\n"));
                state.acknowledged.insert(message, fate);
            }
        }
        let journal = OpenOptions::new().create(true).append(true).open(&state.journal);
        let written = journal.and_then(|mut journal| journal.write_all(lines.as_bytes()));
        written.map_err(|error| Error::edge("the broker does not answer").caused_by(error))
    }
}
