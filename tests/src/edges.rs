//! Sources and sinks in memory, with faults on demand.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use sandmill::edge::{Chunk, PipelineFolder, Records, Rejected, Sink, SinkSpec, SinkStart, Source, Writers};
use sandmill::record::{BatchBounds, Payload, Places};
use sandmill::{Error, Result};
use tokio::sync::Semaphore;

/// Gives the numbers from 0 on, as text, in chunks of its own size.
#[derive(Debug)]
pub struct Numbers {
    /// The next one.
    pub next: u64,
    /// How many in all.
    pub count: u64,
    /// Records per chunk, where the bounds allow it.
    pub chunk: usize,
    /// Fail instead of giving this one.
    pub fail_at: Option<u64>,
    /// Fail so often, in a way that passes, before giving the next one.
    pub busy: u32,
    /// How many keys the numbers have, in turn; 0: none.
    pub keys: u64,
}

impl Numbers {
    /// So many numbers in chunks of seven.
    #[must_use]
    pub fn up_to(count: u64) -> Self {
        Self { next: 0, count, chunk: 7, fail_at: None, busy: 0, keys: 0 }
    }
}

#[async_trait]
impl Source for Numbers {
    async fn pull(&mut self, bounds: &BatchBounds) -> Result<Option<Chunk>> {
        if self.next >= self.count {
            return Ok(None);
        }
        if self.busy > 0 {
            self.busy -= 1;
            return Err(Error::edge("the line is busy").retryable(true));
        }
        let size = self.chunk.min(bounds.records.get()) as u64;
        let end = (self.next + size).min(self.count);
        if self.fail_at.is_some_and(|at| (self.next..end).contains(&at)) {
            return Err(Error::edge("the disk is on fire"));
        }
        let mut records = Payload::default();
        for number in self.next..end {
            let key = number.checked_rem(self.keys).map(|key| key.to_string());
            records.push(key.as_deref().map(str::as_bytes), number.to_string().as_bytes());
        }
        self.next = end;
        Ok(Some(Chunk { records, places: Places::default(), bad: Vec::new(), position: self.next, cursor: None }))
    }
}

/// Gives these records, in chunks of its own size.
#[derive(Clone, Debug)]
pub struct Given {
    records: Payload,
    chunk: usize,
    given: usize,
}

impl Given {
    /// All of `records`, `chunk` at a time.
    #[must_use]
    pub fn new(records: Payload, chunk: usize) -> Self {
        Self { records, chunk, given: 0 }
    }
}

#[async_trait]
impl Source for Given {
    async fn pull(&mut self, bounds: &BatchBounds) -> Result<Option<Chunk>> {
        let end = (self.given + self.chunk.min(bounds.records.get())).min(self.records.len());
        if end == self.given {
            return Ok(None);
        }
        let records = self.records.slice(self.given..end);
        self.given = end;
        Ok(Some(Chunk { records, places: Places::default(), bad: Vec::new(), position: end as u64, cursor: None }))
    }
}

/// Keeps what it is given.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    records: Arc<Mutex<Vec<String>>>,
}

impl Kept {
    /// What has been written so far, in order.
    ///
    /// # Panics
    /// When the sink panicked.
    #[must_use]
    pub fn records(&self) -> Vec<String> {
        self.records.lock().expect("no test panics while writing").clone()
    }
}

/// A sink that keeps everything, refuses some, fails at some point, or waits for permission.
#[derive(Clone, Debug, Default)]
pub struct Keeper {
    /// Where it puts what it is given.
    pub kept: Kept,
    /// Refuses records that end in this.
    pub refuse: Option<char>,
    /// Fails once it has written so many.
    pub fail_after: Option<usize>,
    /// Writes only as many batches as there are permits.
    pub gate: Option<Arc<Semaphore>>,
    /// Fails so often, in a way that passes, before it writes the next batch.
    pub busy: u32,
}

/// A kind of sink whose writers keep everything together.
#[derive(Clone, Debug, Default)]
pub struct Keepers(pub Keeper);

#[async_trait]
impl SinkSpec for Keepers {
    fn summary(&self) -> String {
        "kept in memory".to_owned()
    }

    fn identity(&self, _folder: &PipelineFolder) -> Vec<String> {
        vec![self.summary()]
    }

    fn writers(&self) -> Writers {
        Writers::Many
    }

    async fn open(&self, _start: SinkStart) -> Result<Box<dyn Sink>> {
        Ok(Box::new(self.0.clone()))
    }
}

#[async_trait]
impl Sink for Keeper {
    async fn writer(&mut self) -> Result<Box<dyn Sink>> {
        Ok(Box::new(self.clone()))
    }

    async fn write(&mut self, records: &Records<'_>) -> Result<Vec<Rejected>> {
        if let Some(gate) = &self.gate {
            gate.acquire().await.map_err(|closed| Error::internal("the gate is gone").caused_by(closed))?.forget();
        }
        if self.busy > 0 {
            self.busy -= 1;
            return Err(Error::edge("somebody else is writing").retryable(true));
        }
        let mut kept = self.kept.records.lock().expect("no test panics while writing");
        if self.fail_after.is_some_and(|after| kept.len() >= after) {
            return Err(Error::edge("the disk is full"));
        }
        let mut rejected = Vec::new();
        for (index, value) in records.values().iter().enumerate() {
            let text = String::from_utf8_lossy(value).into_owned();
            if self.refuse.is_some_and(|end| text.ends_with(end)) {
                rejected.push(Rejected { index, reason: format!("{text} is not wanted") });
            } else {
                kept.push(text);
            }
        }
        Ok(rejected)
    }
}
