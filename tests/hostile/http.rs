//! Guests that may send requests, and servers that mean no good: slow, endless, or pointing to where nobody may go.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::num::NonZeroU64;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use sandmill::StageBuilder;
use sandmill::plan::{Grants, HttpRule};
use tests::guest::Guest;

use super::harness::Expected::{Delivered, MarkedFail};
use super::harness::{Row, Wasm, limits, marked, on_marked};

const READ_ALL: &str = "(if (call $ask) (then (call $read)))";
const TRAP_WHEN_ANSWERED: &str = "(if (call $ask) (then unreachable))";

table! {
    /// The control for those below: the same guest is answered where it may ask.
    a_granted_server_is_reached: Row {
        guest: asking("localhost", serve(|server| answer(server, "200 OK", "content-length: 0")), TRAP_WHEN_ANSWERED),
        stage: to_localhost,
        expected: MarkedFail("trap", &["unreachable"]),
        ..Row::default()
    };

    a_name_that_points_inside_is_not_asked: Row {
        guest: asking("localhost", serve(|_| panic!("it was asked")), TRAP_WHEN_ANSWERED),
        stage: to_anywhere,
        expected: Delivered(marked),
        ..Row::default()
    };

    an_address_inside_is_not_asked: Row {
        guest: asking("127.0.0.1", serve(|_| panic!("it was asked")), TRAP_WHEN_ANSWERED),
        stage: to_anywhere,
        expected: Delivered(marked),
        ..Row::default()
    };

    /// Where cloud machines keep their keys.
    a_metadata_address_is_not_asked: Row {
        guest: asking("169.254.169.254", 80, TRAP_WHEN_ANSWERED),
        stage: to_anywhere,
        expected: Delivered(marked),
        ..Row::default()
    };

    /// A hundred requests with methods of four megabytes, none of which is ever sent: all that the host would have to keep.
    methods_of_any_length_are_refused: Row {
        guest: asking("localhost", 1, &naming("(call $method (global.get $response) (i32.const 9)", 'A', 4 << 20)),
        limits: limits(|limits| limits.cpu = Duration::from_secs(5)),
        stage: to_localhost,
        expected: Delivered(marked),
        growth_mib: Some(64),
        ..Row::default()
    };

    paths_of_any_length_are_refused: Row {
        guest: asking("localhost", 1, &naming("(call $path (global.get $response) (i32.const 1)", '/', 20_000)),
        limits: limits(|limits| limits.cpu = Duration::from_secs(5)),
        stage: to_localhost,
        expected: Delivered(marked),
        ..Row::default()
    };

    /// The redirect is the guest's to see: the host goes nowhere on its own.
    a_redirect_inward_is_not_followed: Row {
        guest: asking(
            "localhost",
            serve(|server| {
                let inside = serve(|_| FOLLOWED.store(true, Relaxed));
                answer(server, "302 Found", &format!("location: http://localhost:{inside}/\r\ncontent-length: 0"));
            }),
            "(if (i32.eqz (call $ask)) (then unreachable))
            (if (i32.ne (call $status (global.get $response)) (i32.const 302)) (then unreachable))",
        ),
        stage: to_localhost,
        expected: Delivered(marked),
        also: |_| assert!(!FOLLOWED.load(Relaxed)),
        ..Row::default()
    };

    a_slow_drip_is_cut_off_at_the_wall_limit: Row {
        guest: asking("localhost", serve(drip), READ_ALL),
        limits: limits(|limits| limits.wall = Duration::from_millis(200)),
        batch: 5,
        stage: to_localhost,
        expected: MarkedFail("wall-limit", &["limits.wall allows 200ms", "took "]),
        ..Row::default()
    };

    a_slow_drip_ends_with_its_exchange: Row {
        guest: asking("localhost", serve(drip), READ_ALL),
        limits: limits(|limits| limits.exchange = Duration::from_millis(200)),
        stage: to_localhost,
        expected: Delivered(marked),
        ..Row::default()
    };

    a_server_that_never_answers_ends_with_its_exchange: Row {
        guest: asking("localhost", serve(|_| thread::park()), TRAP_WHEN_ANSWERED),
        limits: limits(|limits| limits.exchange = Duration::from_millis(200)),
        stage: to_localhost,
        expected: Delivered(marked),
        ..Row::default()
    };

    an_endless_response_ends_at_its_bound: Row {
        guest: asking("localhost", serve(pour), READ_ALL),
        limits: limits(|limits| {
            limits.cpu = Duration::from_secs(5);
            limits.response = NonZeroU64::new(1 << 20).expect("positive");
        }),
        stage: to_localhost,
        expected: Delivered(marked),
        growth_mib: Some(64),
        ..Row::default()
    };

    an_endless_head_of_a_response_ends_at_its_bound: Row {
        guest: asking("localhost", serve(pour_head), TRAP_WHEN_ANSWERED),
        stage: to_localhost,
        expected: Delivered(marked),
        growth_mib: Some(64),
        ..Row::default()
    };
}

/// Makes a hundred requests and gives each a name of so many bytes by this call, beginning with this; traps when that succeeds.
fn naming(call: &str, first: char, bytes: u32) -> String {
    let first = u32::from(first);
    format!(
        "(drop (memory.grow (i32.const 66))) (memory.fill (i32.const 131072) (i32.const 65) (i32.const {bytes}))
        (i32.store8 (i32.const 131072) (i32.const {first}))
        (local.set $i (i32.const 100))
        (loop $more
            (global.set $response (call $new_request (call $new_fields)))
            (if (i32.eqz {call} (i32.const 131072) (i32.const {bytes}))) (then unreachable))
            (local.set $i (i32.sub (local.get $i) (i32.const 1))) (br_if $more (local.get $i)))"
    )
}

static FOLLOWED: AtomicBool = AtomicBool::new(false);

fn to_localhost(stage: StageBuilder, _: &Path) -> StageBuilder {
    with_rule(stage, "http://localhost:*")
}

fn to_anywhere(stage: StageBuilder, _: &Path) -> StageBuilder {
    with_rule(stage, "http://*:*")
}

fn with_rule(stage: StageBuilder, rule: &str) -> StageBuilder {
    let rule = HttpRule::parse(rule).expect("a rule");
    stage.grants(Grants { http: Some(vec![rule]), ..Grants::default() })
}

/// A server on this machine that treats every connection so. It ends with the process.
fn serve(treat: fn(&mut TcpStream)) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || treat(&mut stream.expect("a connection")));
        }
    });
    port
}

/// Answers without a body. Who has gone needs no answer.
fn answer(server: &mut TcpStream, status: &str, head: &str) {
    drop(server.read(&mut [0; 4096]));
    drop(write!(server, "HTTP/1.1 {status}\r\n{head}\r\n\r\n"));
}

/// A byte of a large body every now and then.
fn drip(server: &mut TcpStream) {
    answer(server, "200 OK", "content-length: 1000000");
    while server.write_all(b"x").is_ok() {
        thread::park_timeout(Duration::from_millis(20));
    }
}

fn pour(server: &mut TcpStream) {
    answer(server, "200 OK", "content-length: 1000000000000");
    while server.write_all(&[b'x'; 65536]).is_ok() {}
}

fn pour_head(server: &mut TcpStream) {
    drop(server.read(&mut [0; 4096]));
    drop(server.write_all(b"HTTP/1.1 200 OK\r\n"));
    while server.write_all(&b"name: value\r\n".repeat(1_000)).is_ok() {}
}

/// A guest that asks this server over and over whatever it is told to do with a marked record.
///
/// `$ask` sends a request and says whether a response came; `$read` reads its body until there is no more, or it fails.
fn asking(host: &str, port: u16, then: &str) -> Wasm {
    let authority = format!("{host}:{port}");
    let length = authority.len();
    let declarations = format!(
        r#"{IMPORTS}
        (memory (export "memory") 2) (data (i32.const 1024) "{authority}") (data (i32.const 1536) "/")
        (global $response (mut i32) (i32.const 0))
        (func $ask (result i32) (local $request i32) (local $future i32)
            (local.set $request (call $new_request (call $new_fields)))
            (drop (call $scheme (local.get $request) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)))
            (drop (call $authority (local.get $request) (i32.const 1) (i32.const 1024) (i32.const {length})))
            (drop (call $path (local.get $request) (i32.const 1) (i32.const 1536) (i32.const 1)))
            (call $handle (local.get $request) (i32.const 0) (i32.const 0) (i32.const 2048))
            (if (i32.load8_u (i32.const 2048)) (then (return (i32.const 0))))
            (local.set $future (i32.load (i32.const 2056)))
            (call $block (call $subscribe (local.get $future)))
            (call $get (local.get $future) (i32.const 2048))
            (if (i32.load8_u (i32.const 2064)) (then (return (i32.const 0))))
            (global.set $response (i32.load (i32.const 2072)))
            (i32.const 1))
        (func $read (local $stream i32)
            (call $consume (global.get $response) (i32.const 2048))
            (call $stream (i32.load (i32.const 2052)) (i32.const 2048))
            (local.set $stream (i32.load (i32.const 2052)))
            (loop $more
                (global.set $heap (i32.const 8192))
                (call $read_some (local.get $stream) (i64.const 65536) (i32.const 2048))
                (br_if $more (i32.eqz (i32.load8_u (i32.const 2048))))))"#
    );
    Wasm::Guest(Guest {
        world: "import wasi:http/outgoing-handler@0.2.12;",
        declarations: declarations.leak(),
        ..Guest::processing(on_marked(then))
    })
}

const IMPORTS: &str = r#"
    (import "wasi:http/types@0.2.12" "[constructor]fields" (func $new_fields (result i32)))
    (import "wasi:http/types@0.2.12" "[constructor]outgoing-request" (func $new_request (param i32) (result i32)))
    (import "wasi:http/types@0.2.12" "[method]outgoing-request.set-method"
        (func $method (param i32 i32 i32 i32) (result i32)))
    (import "wasi:http/types@0.2.12" "[method]outgoing-request.set-scheme"
        (func $scheme (param i32 i32 i32 i32 i32) (result i32)))
    (import "wasi:http/types@0.2.12" "[method]outgoing-request.set-authority"
        (func $authority (param i32 i32 i32 i32) (result i32)))
    (import "wasi:http/types@0.2.12" "[method]outgoing-request.set-path-with-query"
        (func $path (param i32 i32 i32 i32) (result i32)))
    (import "wasi:http/outgoing-handler@0.2.12" "handle" (func $handle (param i32 i32 i32 i32)))
    (import "wasi:http/types@0.2.12" "[method]future-incoming-response.subscribe"
        (func $subscribe (param i32) (result i32)))
    (import "wasi:http/types@0.2.12" "[method]future-incoming-response.get" (func $get (param i32 i32)))
    (import "wasi:http/types@0.2.12" "[method]incoming-response.status" (func $status (param i32) (result i32)))
    (import "wasi:http/types@0.2.12" "[method]incoming-response.consume" (func $consume (param i32 i32)))
    (import "wasi:http/types@0.2.12" "[method]incoming-body.stream" (func $stream (param i32 i32)))
    (import "wasi:io/streams@0.2.12" "[method]input-stream.blocking-read" (func $read_some (param i32 i64 i32)))
    (import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))"#;
