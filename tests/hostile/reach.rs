//! Guests that were granted something, or were not, and want more: files, time, random numbers, the end of it all.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Mode, mkfifoat};
use sandmill::ErrorKind::Config;
use sandmill::StageBuilder;
use sandmill::plan::Reuse::{Batch, Worker};
use sandmill::plan::{Breaker, Clock, FolderGrant, Grants, Randomness};
use tests::guest::Guest;

use super::harness::Expected::{Delivered, MarkedFail, Refused};
use super::harness::{Row, Wasm, limits, marked, on_marked};
use super::process;

const TIMER: &str = r#"(import "wasi:clocks/monotonic-clock@0.2.12" "subscribe-duration"
        (func $timer (param i64) (result i32)))
    (import "wasi:io/poll@0.2.12" "[method]pollable.block" (func $block (param i32)))
    (import "wasi:io/poll@0.2.12" "poll" (func $poll (param i32 i32 i32)))
    (memory (export "memory") 40)"#;
const RANDOM: &str = r#"(import "wasi:random/random@0.2.12" "get-random-bytes" (func $random (param i64 i32)))
    (memory (export "memory") 2)"#;
const STDOUT: &str = r#"(import "wasi:cli/stdout@0.2.12" "get-stdout" (func $stdout (result i32)))
    (import "wasi:io/streams@0.2.12" "[method]output-stream.blocking-write-and-flush"
        (func $print (param i32 i32 i32 i32)))
    (memory (export "memory") 2)"#;
const EXIT: &str = r#"(import "wasi:cli/exit@0.2.12" "exit" (func $exit (param i32))) (memory (export "memory") 2)"#;
/// Traps unless the answer at 2048 is an error, `access-denied`.
const SOCKETS: &str = r#"(import "wasi:sockets/tcp-create-socket@0.2.12" "create-tcp-socket" (func $tcp (param i32 i32)))
    (import "wasi:sockets/tcp@0.2.12" "[method]tcp-socket.is-listening" (func $is_listening (param i32) (result i32)))
    (import "wasi:sockets/udp-create-socket@0.2.12" "create-udp-socket" (func $udp (param i32 i32)))
    (import "wasi:sockets/instance-network@0.2.12" "instance-network" (func $network (result i32)))
    (import "wasi:sockets/ip-name-lookup@0.2.12" "resolve-addresses" (func $look_up (param i32 i32 i32 i32)))
    (memory (export "memory") 2) (data (i32.const 1024) "localhost")
    (func $expect_denied (if (i32.or
        (i32.ne (i32.load8_u (i32.const 2048)) (i32.const 1)) (i32.ne (i32.load8_u (i32.const 2052)) (i32.const 1)))
        (then unreachable)) (i32.store (i32.const 2048) (i32.const 0)))"#;

table! {
    what_was_not_granted_is_refused: Row {
        guest: random("(call $random (i64.const 1) (i32.const 2048))"),
        expected: Refused(Config, &["stage \"guest\"", "wasi:random/random@0.2.12", "random"]),
        ..Row::default()
    };

    /// CPython's C library imports them all. Whatever else there is to call of these interfaces wants a socket.
    sockets_and_names_are_denied_without_a_trap: Row {
        guest: reaching(
            "import wasi:sockets/tcp@0.2.12; import wasi:sockets/tcp-create-socket@0.2.12;
             import wasi:sockets/udp@0.2.12; import wasi:sockets/udp-create-socket@0.2.12;
             import wasi:sockets/instance-network@0.2.12; import wasi:sockets/ip-name-lookup@0.2.12;",
            SOCKETS,
            "(call $tcp (i32.const 0) (i32.const 2048)) (call $expect_denied)
             (call $tcp (i32.const 1) (i32.const 2048)) (call $expect_denied)
             (call $udp (i32.const 0) (i32.const 2048)) (call $expect_denied)
             (call $look_up (call $network) (i32.const 1024) (i32.const 9) (i32.const 2048)) (call $expect_denied)"
        ),
        reuse: &[Batch, Worker],
        expected: Delivered(marked),
        ..Row::default()
    };

    a_socket_that_was_never_made_cannot_be_used: Row {
        guest: reaching(
            "import wasi:sockets/tcp@0.2.12; import wasi:sockets/tcp-create-socket@0.2.12;
             import wasi:sockets/udp@0.2.12; import wasi:sockets/udp-create-socket@0.2.12;
             import wasi:sockets/instance-network@0.2.12; import wasi:sockets/ip-name-lookup@0.2.12;",
            SOCKETS,
            "(drop (call $is_listening (call $network)))"
        ),
        expected: MarkedFail("contract", &["handle index 1 used with the wrong type"]),
        ..Row::default()
    };

    /// There is nothing to end but the guest itself.
    a_guest_that_exits_ends_only_itself: Row {
        guest: reaching("import wasi:cli/exit@0.2.12;", EXIT, "(call $exit (i32.const 0))"),
        expected: MarkedFail("trap", &["exit was called, with status 0"]),
        ..Row::default()
    };

    /// The reason is what it did, not what it was refused before.
    a_guest_that_exits_after_it_was_refused_memory_has_exited: Row {
        guest: reaching("import wasi:cli/exit@0.2.12;", EXIT, "(drop (memory.grow (i32.const 65534)))
            (call $exit (i32.const 1))"),
        expected: MarkedFail("trap", &["exit was called, with status 1"]),
        ..Row::default()
    };

    sleeping_in_a_host_call_is_cut_off: Row {
        guest: timer("(call $block (call $timer (i64.const 3600000000000)))"),
        limits: limits(|limits| limits.wall = Duration::from_millis(100)),
        batch: 5,
        stage: with_a_clock,
        expected: MarkedFail("wall-limit", &["limits.wall allows 100ms", "took "]),
        ..Row::default()
    };

    /// One record in fifty sleeps, and the limits of all of them together are fifty seconds: it would be met after those,
    /// and half of the batch after half of those, were only the time inside the guest suspected.
    a_sleeper_in_a_full_batch_costs_a_few_times_its_own_limit: Row {
        guest: timer("(call $block (call $timer (i64.const 3600000000000)))"),
        limits: limits(|limits| limits.wall = Duration::from_secs(1)),
        reuse: &[Batch, Worker],
        records: 50,
        batch: 50,
        stage: with_a_clock,
        expected: MarkedFail("wall-limit", &["limits.wall allows 1s"]),
        // The whole, and its halves down to the record itself.
        also: |after| {
            let (stage, elapsed) = (&after.report.stats.stages[1], after.report.stats.elapsed);
            assert!(stage.failed_invocations <= 7, "{} attempts failed", stage.failed_invocations);
            assert!(elapsed < Duration::from_secs(20), "{elapsed:?}");
        },
        slow: true,
        ..Row::default()
    };

    /// A tenth of a second, with a fiftieth to work in.
    sleeping_is_no_work: Row {
        guest: timer("(call $block (call $timer (i64.const 100000000)))"),
        stage: with_a_clock,
        expected: Delivered(marked),
        ..Row::default()
    };

    timers_without_number_end_their_instance: Row {
        guest: timer("(loop $more (drop (call $timer (i64.const 1))) (br $more))"),
        limits: limits(|limits| limits.cpu = Duration::from_secs(5)),
        stage: with_a_clock,
        expected: MarkedFail("trap", &["more than 1024 files, streams and timers"]),
        growth_mib: Some(64),
        ..Row::default()
    };

    /// Half a million times the same one.
    waiting_for_very_much_at_once_is_stopped: Row {
        guest: timer("(global.set $heap (call $timer (i64.const 3600000000000))) (local.set $i (i32.const 500000))
            (loop $more
                (i32.store (i32.add (i32.const 131068) (i32.shl (local.get $i) (i32.const 2))) (global.get $heap))
                (local.set $i (i32.sub (local.get $i) (i32.const 1))) (br_if $more (local.get $i)))
            (call $poll (i32.const 131072) (i32.const 500000) (i32.const 2048))"),
        stage: with_a_clock,
        expected: MarkedFail("contract", &["store handle limit exceeded"]),
        growth_mib: Some(128),
        ..Row::default()
    };

    /// A tebibyte at once.
    random_numbers_without_number_are_refused: Row {
        guest: random("(call $random (i64.const 0x10000000000) (i32.const 2048))"),
        stage: with_chance,
        expected: MarkedFail("contract", &["requested len 1099511627776 exceeds limit 1048576"]),
        growth_mib: Some(128),
        ..Row::default()
    };

    a_storm_of_granted_calls_is_stopped: Row {
        guest: random("(loop $more (call $random (i64.const 1) (i32.const 2048)) (global.set $heap (i32.const 8192))
            (br $more))"),
        stage: with_chance,
        expected: MarkedFail("cpu-limit", &["limits.cpu allows 20ms"]),
        ..Row::default()
    };

    /// Ten thousand lines of a kilobyte each, of which 64 KiB are kept.
    a_flood_of_printed_lines_is_bounded: Row {
        guest: reaching("import wasi:cli/stdout@0.2.12;", STDOUT, "(local.set $i (i32.const 10000))
            (i64.store (i32.const 1024) (i64.const 0x0a6f6f6f6f6f6f6f))
            (loop $more (call $print (call $stdout) (i32.const 1024) (i32.const 8) (i32.const 2048))
                (local.set $i (i32.sub (local.get $i) (i32.const 1))) (br_if $more (local.get $i)))"),
        limits: limits(|limits| limits.cpu = Duration::from_secs(5)),
        expected: MarkedFail("trap", &["more than 1024 files, streams and timers"]),
        ..Row::default()
    };

    a_granted_file_can_be_opened: Row {
        guest: opening("inside"),
        stage: with_a_folder,
        expected: MarkedFail("trap", &["unreachable"]),
        ..Row::default()
    };

    /// Six hundred times, which is more than the threads that a runtime has for work that blocks. Were it opened, each
    /// would hold one of them, and the dead letters of the marked records would find none.
    a_named_pipe_is_not_opened: Row {
        guest: opening_always("pipe"),
        // Far more than an innocent record takes beside all other tests.
        limits: limits(|limits| limits.wall = Duration::from_secs(1)),
        records: 600,
        batch: 1,
        stage: |stage, folder| with_a_folder(stage.breaker(Breaker { crashes: None, failures: None, ..Breaker::OFF }), folder),
        expected: MarkedFail("trap", &["unreachable"]),
        also: |_| assert!(process::threads("sandmill-guest") < 200, "{}", process::threads("sandmill-guest")),
        growth_mib: Some(128),
        ..Row::default()
    };

    /// Setting the times of a file opens it, too.
    a_named_pipe_is_not_opened_for_its_times: Row {
        guest: touching("pipe"),
        limits: limits(|limits| limits.wall = Duration::from_secs(5)),
        stage: with_a_folder,
        expected: Delivered(marked),
        ..Row::default()
    };

    a_granted_file_can_be_given_other_times: Row {
        guest: touching("inside"),
        stage: with_a_folder,
        expected: MarkedFail("trap", &["unreachable"]),
        ..Row::default()
    };

    /// A hundred streams, each at the beginning of a folder with 10,000 long names: 300 MB, were they all read ahead.
    listings_of_a_huge_folder_are_not_held_in_memory: Row {
        guest: listing(100),
        limits: limits(|limits| limits.cpu = Duration::from_secs(5)),
        records: 20,
        stage: with_a_crowded_folder,
        expected: Delivered(marked),
        growth_mib: Some(96),
        ..Row::default()
    };

    a_link_out_of_a_granted_folder_leads_nowhere: escaping("link");
    a_link_to_a_folder_outside_leads_nowhere: escaping("folder-link/secret");
    a_link_by_an_absolute_path_leads_nowhere: escaping("absolute-link");
    the_folder_above_a_granted_one_is_not_there: escaping("../secret");
    the_folder_above_is_not_there_by_a_detour_either: escaping("below/../../secret");
    an_absolute_path_is_not_there: escaping("/etc/passwd");
}

/// The guest traps when it can open the path: none of its records may.
fn escaping(path: &str) -> Row {
    Row { guest: opening(path), stage: with_a_folder, expected: Delivered(marked), ..Row::default() }
}

/// A guest that does this with a marked record.
fn reaching(world: &'static str, declarations: &'static str, then: &str) -> Wasm {
    Wasm::Guest(Guest { world, declarations, ..Guest::processing(on_marked(then)) })
}

fn timer(then: &str) -> Wasm {
    reaching("import wasi:clocks/monotonic-clock@0.2.12; import wasi:io/poll@0.2.12;", TIMER, then)
}

fn random(then: &str) -> Wasm {
    reaching("import wasi:random/random@0.2.12;", RANDOM, then)
}

const FILES: &str = r#"(import "wasi:filesystem/preopens@0.2.12" "get-directories" (func $folders (param i32)))
    (import "wasi:filesystem/types@0.2.12" "[method]descriptor.open-at"
        (func $open (param i32 i32 i32 i32 i32 i32 i32)))
    (import "wasi:filesystem/types@0.2.12" "[method]descriptor.set-times-at"
        (func $times (param i32 i32 i32 i32 i32 i64 i32 i32 i64 i32 i32)))
    (import "wasi:filesystem/types@0.2.12" "[method]descriptor.read-directory" (func $list (param i32 i32)))
    (import "wasi:filesystem/types@0.2.12" "[method]directory-entry-stream.read-directory-entry"
        (func $next (param i32 i32)))"#;

/// A guest that is granted a folder and does this with it, at 2048 a list of folders and at 2056 room for a result.
fn filing(path: &str, process: &str) -> Wasm {
    let declarations = format!("{FILES} (memory (export \"memory\") 2) (data (i32.const 1024) \"{path}\")");
    Wasm::Guest(Guest {
        world: "import wasi:filesystem/preopens@0.2.12; import wasi:filesystem/types@0.2.12;",
        declarations: declarations.leak(),
        ..Guest::processing(process.to_owned().leak())
    })
}

/// Opens this, links followed, in its first folder, and traps when that succeeds.
fn open(path: &str) -> String {
    format!(
        "(call $folders (i32.const 2048))
        (call $open (i32.load (i32.load (i32.const 2048))) (i32.const 1) (i32.const 1024) (i32.const {})
            (i32.const 0) (i32.const 1) (i32.const 2056))
        (if (i32.eqz (i32.load8_u (i32.const 2056))) (then unreachable))",
        path.len()
    )
}

fn opening(path: &str) -> Wasm {
    filing(path, on_marked(&open(path)))
}

/// The same for every record; with a marked one the guest traps all the same.
fn opening_always(path: &str) -> Wasm {
    filing(path, &format!("{} {}", open(path), on_marked("unreachable")))
}

/// A guest that sets the times of this to the present, and traps when that succeeds.
fn touching(path: &str) -> Wasm {
    let touch = format!(
        "(call $folders (i32.const 2048))
        (call $times (i32.load (i32.load (i32.const 2048))) (i32.const 1) (i32.const 1024) (i32.const {})
            (i32.const 1) (i64.const 0) (i32.const 0) (i32.const 1) (i64.const 0) (i32.const 0) (i32.const 2056))
        (if (i32.eqz (i32.load8_u (i32.const 2056))) (then unreachable))",
        path.len()
    );
    filing(path, on_marked(&touch))
}

/// A guest that begins to list its first folder so many times, and traps when there is nothing in it.
fn listing(times: u32) -> Wasm {
    let list = format!(
        "(call $folders (i32.const 2048)) (local.set $i (i32.const {times}))
        (loop $more
            (call $list (i32.load (i32.load (i32.const 2048))) (i32.const 2056))
            (if (i32.load8_u (i32.const 2056)) (then unreachable))
            (call $next (i32.load (i32.const 2060)) (i32.const 2064))
            (if (i32.load8_u (i32.const 2064)) (then unreachable))
            (if (i32.eqz (i32.load8_u (i32.const 2068))) (then unreachable))
            (global.set $heap (i32.const 8192))
            (local.set $i (i32.sub (local.get $i) (i32.const 1))) (br_if $more (local.get $i)))"
    );
    filing("", on_marked(&list))
}

fn with_a_clock(stage: StageBuilder, _: &Path) -> StageBuilder {
    stage.grants(Grants { clock: Some(Clock::Real), ..Grants::default() })
}

fn with_chance(stage: StageBuilder, _: &Path) -> StageBuilder {
    stage.grants(Grants { random: Some(Randomness::Real), ..Grants::default() })
}

/// A folder with a file, a folder, and links to what lies beside it.
fn with_a_folder(stage: StageBuilder, folder: &Path) -> StageBuilder {
    let granted = folder.join("granted");
    fs::create_dir_all(granted.join("below")).expect("a folder of our own");
    fs::write(folder.join("secret"), "beside").expect("a folder of our own");
    fs::write(granted.join("inside"), "below").expect("a folder of our own");
    for (to, from) in [("../secret", "link"), ("..", "folder-link"), ("/etc/passwd", "absolute-link")] {
        symlink(to, granted.join(from)).expect("a folder of our own");
    }
    mkfifoat(fs::File::open(&granted).expect("a folder of our own"), "pipe", Mode::RUSR | Mode::WUSR)
        .expect("a folder of our own");
    grant(stage, granted)
}

fn with_a_crowded_folder(stage: StageBuilder, folder: &Path) -> StageBuilder {
    let granted = folder.join("granted");
    fs::create_dir(&granted).expect("a folder of our own");
    for number in 0..10_000 {
        fs::File::create(granted.join(format!("{number:0>250}"))).expect("a folder of our own");
    }
    grant(stage, granted)
}

fn grant(stage: StageBuilder, granted: PathBuf) -> StageBuilder {
    let folder = FolderGrant { host: granted, guest: "granted".to_owned(), write: true };
    stage.grants(Grants { folders: Some(vec![folder]), ..Grants::default() })
}
