//! Many instances that mostly wait: a request to a server of our own for each record, answered after a while.

use std::fmt::{Result as Written, Write};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Error, Result};
use sandmill::connector::{Generate, Generated};
use sandmill::plan::{Grants, HttpRule};
use sandmill::program::{NativeStage, Verdict};
use sandmill::record::BatchBounds;
use sandmill::{PipelineBuilder, SinkBuilder, SourceBuilder, StageBuilder};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tokio::time::sleep;
use works::harness::{Length, Measured};

use crate::page::{mebibytes, spread};
use crate::runner::{self, nonzero};
use crate::summary::Spread;
use crate::tables::grid;

/// How many instances there are.
pub(crate) const INSTANCES: [usize; 4] = [1, 10, 100, 1000];
/// How long the server takes to answer.
const ANSWER: Duration = Duration::from_millis(50);
/// One after the other, in each instance's place.
const REQUESTS: usize = 20;

/// What so many of them came to.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Waited {
    instances: usize,
    #[serde(flatten)]
    measured: Measured,
}

/// Lets them wait: what a child does.
pub(crate) fn measure(instances: usize) -> Result<Waited> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    // On a thread of its own, for as long as the process lives; the pipeline has another runtime.
    std::thread::Builder::new().name("server".to_owned()).spawn(move || serve(listener))?;
    let asked = instances * REQUESTS;
    let what = Generate { what: Generated::Numbers, records: asked as u64, seed: 1 };
    let request = format!("get http://{address}/");
    let ask = NativeStage::new(move |_, _, out| {
        out.push(None, request.as_bytes());
        Verdict::Done
    });
    let grants = Grants {
        http: Some(vec![HttpRule::parse(&format!("http://{address}")).map_err(Error::msg)?]),
        ..Grants::default()
    };
    let one = BatchBounds { records: nonzero(1), bytes: nonzero(1 << 20), linger: Duration::ZERO };
    let answered = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&answered);
    let (_, took) = runner::complete(
        PipelineBuilder::new("waiting")
            .source(SourceBuilder::new("numbers", what))
            .stage(StageBuilder::native("requests", ask))
            .stage(
                StageBuilder::component("ask", runner::built("guests/reach-http")?)
                    .grants(grants)
                    .batch(one)
                    .workers(nonzero(instances)),
            )
            .sink(SinkBuilder::for_each("count", move |_: Option<&[u8]>, value: &[u8]| {
                assert_eq!(value, b"200 well");
                count.fetch_add(1, Ordering::Release);
            })),
    )?;
    let measured = Measured::new(Length::Records(asked), answered.load(Ordering::Acquire), took)?;
    Ok(Waited { instances, measured })
}

/// Answers every request after a while, and closes.
fn serve(listener: std::net::TcpListener) -> Result<()> {
    listener.set_nonblocking(true)?;
    Builder::new_current_thread().enable_all().build()?.block_on(async {
        let listener = TcpListener::from_std(listener)?;
        let mut answers = JoinSet::new();
        loop {
            let (connection, _) = listener.accept().await?;
            answers.spawn(answer(connection));
            while answers.try_join_next().is_some() {}
        }
    })
}

async fn answer(mut connection: TcpStream) -> io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if connection.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    sleep(ANSWER).await;
    connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nwell").await?;
    // Until the other side has closed.
    while connection.read_buf(&mut request).await? > 0 {}
    Ok(())
}

impl Waited {
    /// Requests that were under way on average, of as many as there are instances.
    fn share(&self) -> f64 {
        let waited = self.measured.records as f64 * ANSWER.as_secs_f64();
        waited / self.measured.wall_seconds / self.instances as f64
    }
}

/// The runs of several rounds, as a table.
pub(crate) fn write(rounds: &[Vec<Waited>], page: &mut String) -> Written {
    writeln!(
        page,
        "## Instances that mostly wait\n\nOne stage, with the number of workers in the first column. Each record has \
         an instance, which asks a server in the same process over its own connection, and is answered after {} ms. \
         Each worker makes {REQUESTS} requests. \"Of what is possible\" is the average number of requests under way, \
         divided by the number of instances. The numbers include the server's processor time and memory.\n",
        ANSWER.as_millis()
    )?;
    let heads = ["requests/s", "of what is possible", "cpu µs per request", "peak memory, MiB"].map(str::to_owned);
    grid(page, &INSTANCES.map(|instances| instances.to_string()), &heads, |row, column| {
        let number = |waited: &Waited| {
            let Measured { records, wall_seconds, cpu_seconds, peak_bytes } = waited.measured;
            match column {
                0 => records as f64 / wall_seconds,
                1 => waited.share(),
                2 => cpu_seconds * 1e6 / records as f64,
                _ => mebibytes(peak_bytes),
            }
        };
        let of_row = rounds.iter().flatten().filter(|waited| INSTANCES.get(row) == Some(&waited.instances));
        Spread::of(of_row.map(number)).map(spread).unwrap_or_default()
    })
}
