//! How much, how long, how many; and that a connection ends with the task that wanted it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http_body_util::BodyExt;
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use wasmtime_wasi_http::{Error, RequestOptions};

use super::super::body::{BoundedBody, Bounds};
use super::super::exchange::{self, Times};
use super::super::{EgressBounds, REQUESTS_MAX};
use super::rig::{BOUNDS, PATIENCE, Server, Stage, connections, get, gone, read_head, text, until};

const SECOND: Duration = Duration::from_secs(1);

fn within(exchange: Duration) -> EgressBounds {
    EgressBounds { exchange, ..BOUNDS }
}

#[tokio::test]
async fn a_body_as_large_as_the_limit_passes_and_one_byte_more_does_not() {
    for (length, passes) in [(1000, true), (1001, false), (1_000_000, false)] {
        let body = "x".repeat(length);
        for reply in [
            format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}"),
            format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{body}\r\n0\r\n\r\n"),
            format!("HTTP/1.1 200 OK\r\n\r\n{body}"),
        ] {
            let head = reply.split("\r\n\r\n").next().unwrap().to_owned();
            let server = Server::saying(reply).await;
            let mut stage = Stage::new(&["http://localhost:*"], &[], BOUNDS);
            let response = stage.get(&format!("http://localhost:{}/", server.port)).await.expect("an answer");
            match text(response).await {
                Ok(text) => assert!(passes && text == body, "{head}: {} bytes passed", text.len()),
                Err(error) => {
                    assert!(!passes && matches!(error, Error::HttpResponseBodySize(Some(1000))), "{head}: {error:?}");
                    let warning = stage.warning().await;
                    assert!(warning.ends_with("/: ended after 1000 bytes, the limit of a response"), "{warning}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_head_beyond_its_bound_is_an_error() {
    let long = format!("HTTP/1.1 200 OK\r\nX-Long: {}\r\n\r\n", "x".repeat(70 << 10));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X-Many: x\r\n".repeat(200));
    for reply in [long, many] {
        let server = Server::saying(reply).await;
        let mut stage = Stage::new(&["http://localhost:*"], &[], BOUNDS);
        let refusal = stage.refusal(&format!("http://localhost:{}/", server.port)).await;
        assert_eq!(refusal, "HttpResponseHeaderSectionSize(Some(65536))");
    }
}

#[tokio::test]
async fn a_body_that_ends_early_is_an_error() {
    let server = Server::saying("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello").await;
    let mut stage = Stage::new(&["http://localhost:*"], &[], BOUNDS);
    let response = stage.get(&format!("http://localhost:{}/", server.port)).await.expect("a head");
    let error = text(response).await.expect_err("half a body");
    assert!(matches!(error, Error::HttpResponseIncomplete | Error::ConnectionTerminated), "{error:?}");
}

/// A response whose body drips a byte a second, with no end, within ten seconds. Over a pipe, so that time can stand
/// still.
async fn dripping(stage: &Stage, wishes: Option<RequestOptions>) -> BoundedBody {
    let (near, mut far): (DuplexStream, DuplexStream) = duplex(64);
    let times = Times::new(10 * SECOND, wishes);
    let drip = async move {
        read_head(&mut far).await;
        far.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
        loop {
            far.write_all(b"x").await?;
            sleep(SECOND).await;
        }
        #[expect(unreachable_code, reason = "gives the block its type")]
        Ok::<(), std::io::Error>(())
    };
    let io = Handle::current();
    // Runs until the pipe is closed.
    drop(io.spawn(drip));
    let place = Arc::new(Semaphore::new(1)).acquire_owned().await.expect("a place");
    let request = get("/");
    let (response, connection) = exchange::exchange(near, request, &times, &io, place).await.expect("a head");
    let warnings = stage.hooks.warnings.clone();
    let bounds = Bounds { bytes_max: 1000, times, asked: "GET /".to_owned(), warnings };
    BoundedBody::new(response.into_body(), connection, bounds)
}

#[tokio::test(start_paused = true)]
async fn a_body_that_drips_ends_when_the_exchange_must() {
    let mut stage = Stage::new(&[], &[], BOUNDS);
    let begun = Instant::now();
    let mut body = dripping(&stage, None).await;
    let mut bytes = 0;
    let error = loop {
        match body.frame().await.expect("an error, not an end") {
            Ok(frame) => bytes += frame.into_data().expect("data").len(),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::HttpResponseTimeout), "{error:?}");
    assert_eq!(begun.elapsed().as_secs(), 10);
    assert_eq!(bytes, 10);
    assert_eq!(stage.warning().await, "GET /: ended after 10s, the time limit of an exchange");
    assert!(body.frame().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_body_that_was_cut_does_not_look_like_one_that_has_ended() {
    let stage = Stage::new(&[], &[], BOUNDS);
    let mut body = dripping(&stage, None).await;
    sleep(11 * SECOND).await;
    let error = body.frame().await.expect("an error, not an end").expect_err("no data");
    assert!(matches!(error, Error::HttpResponseTimeout), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_guest_may_wish_for_less_time_but_not_for_more() {
    let stage = Stage::new(&[], &[], BOUNDS);
    let impatient = RequestOptions { between_bytes_timeout: Some(SECOND / 2), ..RequestOptions::default() };
    let mut body = dripping(&stage, Some(impatient)).await;
    body.frame().await.expect("a byte").expect("a byte");
    let error = body.frame().await.expect("an error").expect_err("half a second is not enough");
    assert!(matches!(error, Error::ConnectionReadTimeout), "{error:?}");

    let begun = Instant::now();
    let patient = RequestOptions { between_bytes_timeout: Some(100 * SECOND), ..RequestOptions::default() };
    let body = dripping(&stage, Some(patient)).await;
    body.collect().await.expect_err("it never ends");
    assert_eq!(begun.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_look_up_that_hangs_ends_when_the_exchange_must() {
    let mut stage = Stage::new(&["http://hangs"], &[], within(7 * SECOND));
    let begun = Instant::now();
    assert_eq!(stage.refusal("http://hangs/").await, "DnsTimeout");
    assert_eq!(begun.elapsed().as_secs(), 7);
    assert_eq!(stage.warning().await, "GET http://hangs:80/: ended after 7s, the time limit of an exchange");
    let wish = RequestOptions { connect_timeout: Some(SECOND), ..RequestOptions::default() };
    let begun = Instant::now();
    assert!(matches!(stage.start(get("http://hangs/"), Some(wish)).await, Err(Error::DnsTimeout)));
    assert_eq!(begun.elapsed().as_secs(), 1);
}

#[tokio::test]
async fn a_server_that_never_answers_ends_when_the_exchange_must() {
    let server = Server::start(|mut stream| async move { gone(&mut stream).await }).await;
    let mut stage = Stage::new(&["http://localhost:*"], &[], within(SECOND / 10));
    let refusal = stage.refusal(&format!("http://localhost:{}/", server.port)).await;
    assert_eq!(refusal, "HttpResponseTimeout");
    assert!(stage.warning().await.ends_with("ended after 100ms, the time limit of an exchange"));
}

#[tokio::test]
async fn the_connection_ends_when_the_response_is_dropped_or_no_longer_waited_for() {
    let closed = Arc::new(Notify::new());
    let telling = Arc::clone(&closed);
    let server = Server::start(move |mut stream| {
        let telling = Arc::clone(&telling);
        async move {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhello").await.ok();
            gone(&mut stream).await;
            telling.notify_one();
        }
    })
    .await;
    let mut stage = Stage::new(&["http://localhost:*"], &[], BOUNDS);
    let uri = format!("http://localhost:{}/", server.port);
    let response = stage.get(&uri).await.expect("a head");
    drop(response);
    timeout(PATIENCE, closed.notified()).await.expect("closed with the response");

    let mut waiting: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(stage.start(get(&uri), None));
    // Under way, and then dropped.
    drop(timeout(Duration::ZERO, &mut waiting).await);
    until(|| server.heads().len() == 2).await;
    drop(waiting);
    timeout(PATIENCE, closed.notified()).await.expect("closed with the wait");
}

#[tokio::test]
async fn no_more_connections_than_granted_are_open_and_the_others_wait() {
    let (open, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counted, peak) = (Arc::clone(&open), Arc::clone(&most));
    let server = Server::start(move |mut stream| {
        let (open, peak) = (Arc::clone(&counted), Arc::clone(&peak));
        async move {
            peak.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            // Lets others in, if they are let in.
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            open.fetch_sub(1, Ordering::SeqCst);
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.ok();
            gone(&mut stream).await;
        }
    })
    .await;
    let mut stage = Stage::new(&["http://localhost:*"], &[], connections(2));
    let uri = format!("http://localhost:{}/", server.port);
    let mut requests = JoinSet::new();
    for _ in 0..16 {
        let sent = stage.start(get(&uri), None);
        requests.spawn(async move { text(sent.await.expect("an answer")).await.expect("a body") });
    }
    assert_eq!(requests.join_all().await, vec!["ok"; 16]);
    assert_eq!(most.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_thousand_requests_wait_and_the_next_is_told_so() {
    let server = Server::start(|mut stream| async move { gone(&mut stream).await }).await;
    let mut stage = Stage::new(&["http://localhost:*"], &[], connections(1));
    let uri = format!("http://localhost:{}/", server.port);
    let waiting: Vec<_> = (0..REQUESTS_MAX).map(|_| stage.start(get(&uri), None)).collect();
    assert_eq!(stage.refusal(&uri).await, "ConnectionLimitReached");
    drop(waiting);
    // They have ended, and left their places.
    let place = timeout(PATIENCE, stage.hooks.egress.requests.acquire_many(REQUESTS_MAX as u32)).await;
    place.expect("in time").expect("open").forget();
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_refusals_is_eight_warnings_a_second() {
    let mut stage = Stage::new(&[], &[], BOUNDS);
    for lost in [12, 24] {
        for _ in 0..20 {
            stage.refusal("http://example.com/").await;
        }
        for _ in 0..8 {
            stage.warning().await;
        }
        assert_eq!(stage.sender.lost(), lost);
        sleep(SECOND).await;
    }
}
