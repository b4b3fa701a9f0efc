//! A sink of the program's own: it posts batches to a service, and several of its writers do so at the same time. It is
//! written as the kinds that come with Sandmill are. The service is simulated: it takes 20 ms to answer, and fails at times.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use sandmill::edge::{PipelineFolder, Records, Rejected, Sink, SinkSpec, SinkStart, Writers};
use sandmill::{Error, Result};

/// The kind, with its settings.
pub(crate) struct ServiceSink {
    pub(crate) url: String,
    /// Nobody may see it: messages, logs and the state file have `[secret SERVICE_TOKEN]` in its place.
    pub(crate) token: String,
    /// The service itself, where there would be a network.
    pub(crate) service: Arc<Service>,
}

/// Without the token.
impl fmt::Debug for ServiceSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceSink").field("url", &self.url).finish_non_exhaustive()
    }
}

#[async_trait]
impl SinkSpec for ServiceSink {
    fn summary(&self) -> String {
        format!("{} (a POST per batch)", self.url)
    }

    fn identity(&self, _folder: &PipelineFolder) -> Vec<String> {
        vec![format!("url = {:?}", self.url)]
    }

    fn secrets(&self) -> Vec<(String, String)> {
        vec![("SERVICE_TOKEN".to_owned(), self.token.clone())]
    }

    fn writers(&self) -> Writers {
        Writers::Many
    }

    /// A real service would be connected to here.
    async fn open(&self, _start: SinkStart) -> Result<Box<dyn Sink>> {
        Ok(Box::new(Client { service: Arc::clone(&self.service), token: self.token.clone() }))
    }
}

/// One writer. All share the service, as they would share the connections of an HTTP client.
#[derive(Clone)]
struct Client {
    service: Arc<Service>,
    token: String,
}

#[async_trait]
impl Sink for Client {
    async fn write(&mut self, records: &Records<'_>) -> Result<Vec<Rejected>> {
        let (mut posts, mut rejected) = (Vec::new(), Vec::new());
        for (index, value) in records.values().iter().enumerate() {
            match records.id(index) {
                Some(id) => posts.push((id.to_string(), value.to_vec())),
                None => rejected.push(Rejected { index, reason: "a stage made it of several records".to_owned() }),
            }
        }
        // What the service has already, it knows by its id: so the same records may be posted again.
        let posted = self.service.post(&self.token, posts).await;
        posted.map_err(|answer| Error::edge(answer).retryable(true))?;
        Ok(rejected)
    }

    async fn writer(&mut self) -> Result<Box<dyn Sink>> {
        Ok(Box::new(self.clone()))
    }
}

/// The service.
#[derive(Debug, Default)]
pub(crate) struct Service(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    records: BTreeMap<String, Vec<u8>>,
    /// How often each batch was posted, by the id of its first record.
    posts: BTreeMap<String, u32>,
}

impl Service {
    /// The number of records that it has.
    pub(crate) fn records(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).records.len()
    }

    /// X    /// the answer is lost.
    async fn post(&self, token: &str, records: Vec<(String, Vec<u8>)>) -> std::result::Result<(), String> {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let Some((first, _)) = records.first() else { return Ok(()) };
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fails = state.posts.contains_key(first) || state.posts.len().is_multiple_of(5);
        let posts = state.posts.entry(first.clone()).or_default();
        *posts += 1;
        let posts = *posts;
        if fails && posts == 1 {
            return Err(format!("429: \"authorization: Bearer {token}\" sends too many requests"));
        }
        state.records.extend(records);
        if fails && posts == 2 { Err("the answer did not come in time".to_owned()) } else { Ok(()) }
    }
}
