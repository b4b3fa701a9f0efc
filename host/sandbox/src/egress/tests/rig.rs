//! A way out of a stage, a resolver with fixed answers, and servers that count who connects.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use super::super::{Egress, EgressBounds, EgressHooks, Resolver};
use crate::log::GuestOutput;
use sandmill_engine::plan::HttpRule;
use sandmill_engine::program::WorkerId;
use sandmill_engine::report::{Audience, Event, EventSender, EventStream, event_channel};

/// Long enough for any machine; reached only by what is broken.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

const FEW: NonZeroUsize = NonZeroUsize::new(64).expect("some");

pub(super) const BOUNDS: EgressBounds = EgressBounds { response_bytes: 1000, exchange: PATIENCE, connections: FEW };

/// Names and their addresses; all others are unknown. `hangs` never answers.
#[derive(Debug, Default)]
pub(super) struct Names {
    known: HashMap<String, Vec<IpAddr>>,
    pub(super) asked: AtomicUsize,
}

#[async_trait]
impl Resolver for Names {
    async fn resolve(&self, host: &str, _port: u16) -> io::Result<Vec<IpAddr>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if host == "hangs" {
            std::future::pending::<()>().await;
        }
        self.known.get(host).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// One instance of a stage, with what it is granted.
pub(super) struct Stage {
    pub(super) hooks: EgressHooks,
    pub(super) names: Arc<Names>,
    pub(super) sender: EventSender,
    events: EventStream,
}

impl Stage {
    pub(super) fn new(rules: &[&str], names: &[(&str, &[&str])], bounds: EgressBounds) -> Self {
        Self::with(rules, names, bounds, |_| ())
    }

    pub(super) fn with(
        rules: &[&str],
        names: &[(&str, &[&str])],
        bounds: EgressBounds,
        change: impl FnOnce(&mut Egress),
    ) -> Self {
        let rules = rules.iter().map(|rule| HttpRule::parse(rule).expect(rule)).collect();
        let mut known = HashMap::from([("localhost".to_owned(), vec![IpAddr::from([127, 0, 0, 1])])]);
        for (name, addresses) in names {
            let addresses = addresses.iter().map(|address| address.parse().expect(address)).collect();
            known.insert((*name).to_owned(), addresses);
        }
        let names = Arc::new(Names { known, asked: AtomicUsize::new(0) });
        let (sender, events) = event_channel();
        let mut egress = Egress::new(rules, bounds, Arc::clone(&names) as Arc<dyn Resolver>, Handle::current());
        change(Arc::get_mut(&mut egress).expect("not shared yet"));
        let worker = WorkerId { stage: "enrich".into(), worker: 3 };
        let hooks =
            egress.hooks(&worker, &GuestOutput::new(&Audience { events: sender.clone(), redactor: Arc::default() }));
        Self { hooks, names, sender, events }
    }

    pub(super) async fn send(&mut self, request: Request<WasiBody>) -> Result<Response<WasiBody>, Error> {
        self.start(request, None).await
    }

    pub(super) fn start(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
    ) -> impl Future<Output = Result<Response<WasiBody>, Error>> + Send + use<> {
        let sent = Pin::from(self.hooks.send_request(request, options, Box::new(std::future::ready(Ok(())))));
        async move { sent.await.map(|(response, _)| response) }
    }

    pub(super) async fn get(&mut self, uri: &str) -> Result<Response<WasiBody>, Error> {
        self.send(get(uri)).await
    }

    /// The error's name.
    pub(super) async fn refusal(&mut self, uri: &str) -> String {
        match self.get(uri).await {
            Ok(response) => panic!("{uri} was answered: {response:?}"),
            Err(error) => format!("{error:?}"),
        }
    }

    /// The text of the next warning, which is this instance's.
    pub(super) async fn warning(&mut self) -> String {
        let event = tokio::time::timeout(PATIENCE, self.events.next()).await.expect("a warning").expect("open");
        let Event::Log { worker, level, message } = event else { panic!("{event:?}") };
        assert_eq!((&*worker.stage, worker.worker, level), ("enrich", 3, sandmill_engine::report::LogLevel::Warn));
        message
    }
}

pub(super) fn get(uri: &str) -> Request<WasiBody> {
    Request::get(uri).body(empty()).expect("a request")
}

pub(super) fn empty() -> WasiBody {
    Empty::<Bytes>::new().map_err(|never| match never {}).boxed_unsync()
}

pub(super) async fn text(response: Response<WasiBody>) -> Result<String, Error> {
    let body = response.into_body().collect().await?.to_bytes();
    Ok(String::from_utf8(body.to_vec()).expect("text"))
}

/// A server on 127.0.0.1.
pub(super) struct Server {
    pub(super) port: u16,
    connections: Arc<AtomicUsize>,
    heads: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl Server {
    /// Reads the head of each request and lets `answer` do the rest.
    pub(super) async fn start<F>(answer: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (connections, heads) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let (counted, kept) = (Arc::clone(&connections), Arc::clone(&heads));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut answering = JoinSet::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let head = read_head(&mut stream).await;
                if !head.is_empty() {
                    kept.lock().unwrap().push(head);
                    answering.spawn(answer(stream));
                }
            }
        });
        Self { port, connections, heads, _tasks: tasks }
    }

    /// Gives the same bytes to everybody, then closes.
    pub(super) async fn saying(reply: impl Into<String>) -> Self {
        let reply: Arc<str> = reply.into().into();
        Self::start(move |mut stream| {
            let reply = Arc::clone(&reply);
            async move {
                stream.write_all(reply.as_bytes()).await.ok();
                stream.shutdown().await.ok();
                gone(&mut stream).await;
            }
        })
        .await
    }

    pub(super) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    /// How many have connected so far. Connects by itself to know: connections are accepted in their order.
    pub(super) async fn connections(&self) -> usize {
        let before = self.connections.load(Ordering::SeqCst);
        let own = TcpStream::connect(("127.0.0.1", self.port)).await.expect("a connection");
        drop(own);
        until(|| self.connections.load(Ordering::SeqCst) > before).await;
        self.connections.load(Ordering::SeqCst) - 1
    }
}

/// Waits until it is so.
pub(super) async fn until(it_is_so: impl Fn() -> bool) {
    let waited = async {
        while !it_is_so() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, waited).await.expect("it never was");
}

pub(super) async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8(head).expect("text")
}

/// Waits until the other side has closed.
pub(super) async fn gone(stream: &mut (impl AsyncRead + Unpin)) {
    let mut rest = [0; 1024];
    while stream.read(&mut rest).await.is_ok_and(|read| read > 0) {}
}

pub(super) fn connections(number: usize) -> EgressBounds {
    EgressBounds { connections: NonZeroUsize::new(number).expect("some"), ..BOUNDS }
}
