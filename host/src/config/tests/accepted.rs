use std::num::{NonZeroU16, NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{component_source, good, sink, source};
use crate::connector::{
    ColumnType, CsvDialect, CsvFormat, ExtraColumns, FileSink, FileSource, FolderSink, Generate, Generated, IfExists,
    LineFormat, SourceFormat, SqliteSink, StdinSource, StdoutSink,
};
use crate::plan::{
    Breaker, Checkpoints, Code, CommandPlan, Each, Feed, Framing, Limits, Node, OnError, Order, Plan, Recycle, Retry,
    Reuse, Share, Suggested, Warm, Wire, Workers,
};
use crate::record::{Pairing, RecordKey};

const LEAST: &str =
    "name = 'p'\n[source]\nkind = 'stdin'\n[[stage]]\nname = 's'\ncomponent = 'x'\n[sink]\nkind = 'null'\n";

/// `a -> b` for every wire, with port numbers above 0.
fn wires(plan: &Plan) -> Vec<String> {
    let name = |node| match node {
        Node::Source(i) => plan.sources[i].name.to_string(),
        Node::Stage(i) => plan.stages[i].name.to_string(),
        Node::Sink(i) => plan.sinks[i].name.to_string(),
    };
    let port = |port| if port == 0 { String::new() } else { format!(".{port}") };
    plan.graph
        .wires
        .iter()
        .map(|Wire { from: Feed { node, port: number }, to }| {
            format!("{}{} -> {}", name(*node), port(*number), name(*to))
        })
        .collect()
}

#[test]
fn every_default_is_as_documented() {
    let plan = good(LEAST);
    assert_eq!(plan.name, "p");
    assert_eq!(plan.state.path, Path::new("jobs/p.state.db"));
    assert_eq!(plan.state.checkpoints, Some(Checkpoints::default()));
    assert_eq!(wires(&plan), ["stdin -> s", "s -> null"]);

    let source = &plan.sources[0];
    assert_eq!((&*source.name, source.on_error), ("stdin", OnError::DeadLetter));
    let stdin: &StdinSource = super::source(&plan, 0);
    assert_eq!((&stdin.format, stdin.record_bytes_max.get()), (&SourceFormat::Lines, 16 << 20));

    let stage = &plan.stages[0];
    assert!(matches!(&stage.code, Code::Component(path) if path == Path::new("jobs/x")));
    assert_eq!(stage.config, "{}");
    assert_eq!(stage.workers, Workers::fixed(NonZeroUsize::new(3).unwrap()));
    assert_eq!((stage.queue.records.get(), stage.queue.bytes.get()), (16_384, 16 << 20));
    assert_eq!((stage.batch.records.get(), stage.batch.bytes.get()), (4096, 1 << 20));
    assert_eq!(stage.batch.linger, Duration::ZERO);
    assert_eq!((stage.order, stage.reuse), (Order::Input, Reuse::Batch));
    assert_eq!(stage.limits, Limits::default());
    assert_eq!(stage.on_error, OnError::DeadLetter);
    assert!(stage.ports.is_empty());

    let sink = &plan.sinks[0];
    assert_eq!((&*sink.name, sink.on_error), ("null", OnError::DeadLetter));
    assert_eq!((sink.queue.records.get(), sink.queue.bytes.get()), (8192, 16 << 20));
    assert_eq!(sink.batch, stage.batch);
}

#[test]
fn every_key_of_a_stage_is_read() {
    let plan = good(
        r#"
        name = "p"
        source = { kind = "stdin" }
        [[stage]]
        name = "s"
        component = "/abs/x.wasm"
        from = "stdin"
        workers = 1024
        queue = { records = 2_000_000, bytes = "2GiB" }
        batch = { records = 1_000_000, bytes = 0x40000000, linger = "1h" }
        order = "none"
        reuse = "worker"
        limits = { memory = "1GiB", cpu = "1ns", wall = "1m 30s" }
        on_error = "fail"
        ports = ["good", "bad"]
        [[sink]]
        kind = "null"
        from = ["s.bad", "s.good"]
        "#,
    );
    let stage = &plan.stages[0];
    assert!(matches!(&stage.code, Code::Component(path) if path == Path::new("/abs/x.wasm")));
    assert_eq!(stage.workers, Workers::fixed(NonZeroUsize::new(1024).unwrap()));
    assert_eq!((stage.queue.records.get(), stage.queue.bytes.get()), (2_000_000, 2 << 30));
    assert_eq!((stage.batch.records.get(), stage.batch.bytes.get()), (1_000_000, 1 << 30));
    assert_eq!(stage.batch.linger, Duration::from_secs(3600));
    assert_eq!((stage.order, stage.reuse, stage.on_error), (Order::None, Reuse::Worker, OnError::Fail));
    assert_eq!((stage.limits.memory.get(), stage.limits.cpu), (1 << 30, Duration::from_nanos(1)));
    assert_eq!(stage.limits.wall, Duration::from_secs(90));
    assert_eq!(stage.ports.iter().map(|port| &**port).collect::<Vec<_>>(), ["good", "bad"]);
    assert_eq!(wires(&plan), ["stdin -> s", "s.1 -> null", "s -> null"]);
}

#[test]
fn a_stage_keeps_order_by_the_records_own_key_or_by_a_part_of_its_value() {
    let stage = |keys: &str| {
        let file = format!(
            "name = 'p'\nsource = {{ kind = 'stdin' }}\nsink = {{ kind = 'null' }}\n[[stage]]\nname = 's'\ncomponent = 'x.wasm'\n{keys}"
        );
        good(&file).stages.remove(0)
    };
    let own = stage("order = 'key'");
    assert_eq!((own.order, own.key), (Order::Key, RecordKey::Own));
    let part = stage("order = 'key'\nkey = '/customer/id'");
    assert_eq!((part.order, part.key), (Order::Key, RecordKey::Json("/customer/id".parse().unwrap())));
}

#[test]
fn a_partition_takes_the_place_of_the_order() {
    let stage = |keys: &str| good(&LEAST.replace("[sink]", &format!("{keys}\n[sink]"))).stages.remove(0);
    let pairing = |buckets, same_nodes| {
        let [left, right] = ["/from", "/to/id"].map(|id| id.parse().unwrap());
        RecordKey::Pair(Pairing { left, right, buckets: NonZeroU16::new(buckets).unwrap(), same_nodes })
    };
    let least = "partition = { kind = 'mix-and-batch', left = '/from', right = '/to/id' }";
    for (workers, buckets) in [(1, 10), (2, 10), (5, 20), (60, 64)] {
        let least = stage(&format!("workers = {workers}\n{least}"));
        assert_eq!((least.order, least.key), (Order::Key, pairing(buckets, false)));
    }
    let most = "workers = 2\npartition = { kind = 'mix-and-batch', left = '/from', right = '/to/id', buckets = 64, same_nodes = true }";
    assert_eq!(stage(most).key, pairing(64, true));
}

/// A word on one side of a pair that belongs together: the default on the other side gives way (issue 12).
#[test]
fn a_default_gives_way_to_what_is_written() {
    let stage = |keys: &str| good(&LEAST.replace("[sink]", &format!("{keys}\n[sink]"))).stages.remove(0);
    assert_eq!(stage("limits.cpu = '1h'").limits.wall, Duration::from_secs(3_600));
    assert_eq!(stage("limits.exchange = '1h'").limits.wall, Duration::from_secs(3_600));
    assert_eq!(stage("limits.wall = '1ms'").limits.wall, Duration::from_millis(1), "and cuts the rest short");
    assert_eq!(stage("batch.records = 100_000").queue.records.get(), 100_000);
    let wide = stage("batch.bytes = '32MiB'");
    assert_eq!((wide.queue.bytes.get(), wide.batch.bytes.get()), (32 << 20, 32 << 20));
    assert_eq!(stage("queue.records = 8").batch, crate::plan::bounds::BATCH_DEFAULT, "the queue holds no more anyway");
    good(&format!("{LEAST}batch.linger = '1m'\n"));
}

#[test]
fn retries_are_read_with_what_is_left_out() {
    let read = |on_error: &str| {
        let plan = good(&format!(
            "name = 'p'\nsource.kind = 'stdin'\nsink.kind = 'null'\n[[stage]]\nname = 's'\ncomponent = 'x'\n{on_error}"
        ));
        (plan.stages[0].on_error, plan.stages[0].retry)
    };
    let (millis, seconds) = (Duration::from_millis, Duration::from_secs);
    for (text, then, expected) in [
        ("", OnError::DeadLetter, Retry::default()),
        ("on_error = 'drop'", OnError::Drop, Retry::default()),
        ("on_error = {}", OnError::DeadLetter, Retry::default()),
        ("on_error = { retry = 0 }", OnError::DeadLetter, Retry::times(0)),
        ("on_error = { retry = 100, then = 'fail' }", OnError::Fail, Retry::times(100)),
        ("on_error.backoff = '5ms'", OnError::DeadLetter, Retry { backoff: millis(5), ..Retry::default() }),
        (
            "on_error = { retry = 3, backoff = '30s' }",
            OnError::DeadLetter,
            Retry { backoff: seconds(30), backoff_max: seconds(30), ..Retry::times(3) },
        ),
        (
            "[stage.on_error]\nretry = 3\nbackoff = '0ms'\nbackoff_max = '1h'\nthen = 'drop'",
            OnError::Drop,
            Retry { times: 3, backoff: Duration::ZERO, backoff_max: seconds(3600), crashes: true },
        ),
    ] {
        assert_eq!(read(text), (then, expected), "{text}");
    }
    // By default only what the stage calls retryable: most guests trap again on what they trapped on.
    assert_eq!(read("").1, Retry { times: 2, backoff: millis(100), backoff_max: seconds(10), crashes: false });
}

#[test]
fn a_config_becomes_json_in_the_order_of_the_file() {
    let config = "[stage.config]\nz = 1\na = [true, 1.5, -0x0, 'ä']\nday = 2024-05-06\n\
                  at = 1979-05-27T07:32:00Z\nsub.b = {}\nsub.a = 'x'\n[stage.config.last]\nk = 9223372036854775807\n[sink]";
    let plan = good(&LEAST.replace("[sink]", config).replace("-0x0", "-7"));
    assert_eq!(
        plan.stages[0].config,
        r#"{"z":1,"a":[true,1.5,-7,"ä"],"day":"2024-05-06","at":"1979-05-27T07:32:00Z","sub":{"b":{},"a":"x"},"last":{"k":9223372036854775807}}"#
    );
}

#[test]
fn paths_begin_at_the_folder_of_the_file() {
    let plan = good(
        r#"
        name = "p"
        state = { path = "out/p.db", checkpoint = { every = "5s", records = 7 } }
        [[source]]
        kind = "file"
        path = ["in/*.csv", "/abs/[ab].gz"]
        format = "csv"
        delimiter = "\t"
        record_max = "1KiB"
        [[source]]
        kind = "file"
        path = "images/*"
        format = "bytes"
        on_error = "drop"
        [[sink]]
        kind = "file"
        path = "out/x.csv"
        format = "csv"
        delimiter = ";"
        if_exists = "append"
        [[sink]]
        kind = "folder"
        path = "out"
        "#,
    );
    assert_eq!(plan.state.path, Path::new("jobs/out/p.db"));
    let checkpoints = Checkpoints { every: Duration::from_secs(5), records: NonZeroU64::new(7) };
    assert_eq!(plan.state.checkpoints, Some(checkpoints));
    assert_eq!((&*plan.sources[0].name, &*plan.sources[1].name), ("file", "file-2"));
    assert_eq!((&*plan.sinks[0].name, &*plan.sinks[1].name), ("file-3", "folder"));
    assert_eq!(plan.sources[1].on_error, OnError::Drop);
    let first: &FileSource = source(&plan, 0);
    let second: &FileSource = source(&plan, 1);
    let patterns = vec!["jobs/in/*.csv".to_owned(), "/abs/[ab].gz".to_owned()];
    let format = SourceFormat::Csv(CsvDialect { delimiter: b'\t', ..CsvDialect::default() });
    assert_eq!(*first, FileSource { patterns, format, record_bytes_max: 1024.try_into().expect("not zero") });
    assert_eq!(second.format, SourceFormat::Files);
    let file: &FileSink = sink(&plan, 0);
    let format = LineFormat::Csv(CsvFormat { delimiter: b';' });
    assert_eq!(*file, FileSink { path: "jobs/out/x.csv".into(), format, if_exists: IfExists::Append });
    let folder: &FolderSink = sink(&plan, 1);
    assert_eq!(*folder, FolderSink { path: PathBuf::from("jobs/out") });
    assert_eq!(wires(&plan), ["file -> file-3", "file-2 -> file-3", "file -> folder", "file-2 -> folder"]);
}

#[test]
fn how_csv_is_read() {
    let dialect = |rest: &str| {
        let plan =
            good(&format!("name = 'p'\n[source]\nkind = 'stdin'\nformat = 'csv'\n{rest}\n[sink]\nkind = 'null'\n"));
        let stdin: &StdinSource = source(&plan, 0);
        let SourceFormat::Csv(dialect) = stdin.format.clone() else { panic!() };
        dialect
    };
    assert_eq!(dialect(""), CsvDialect::default());
    assert!(dialect("lenient = true").lenient);
    let columns = vec!["a".to_owned(), "b".to_owned()];
    let named = CsvDialect { header: false, columns, ..CsvDialect::default() };
    assert_eq!(dialect("header = false\ncolumns = ['a', 'b']"), named);
    assert_eq!(dialect("columns = ['a', 'b']"), CsvDialect { header: true, ..named });
}

#[test]
fn the_folder_of_the_file_is_no_pattern() {
    let text = "name = 'p'\n[source]\nkind = 'file'\npath = '*.log'\n[sink]\nkind = 'null'\n";
    let plan = super::parse(text, Path::new("a[1]/p.toml"), NonZeroUsize::MIN).expect("good");
    let file: &FileSource = source(&plan, 0);
    assert_eq!(file.patterns, ["a[[]1[]]/*.log"]);
}

#[test]
fn sources_that_make_records_up() {
    let generated = |rest: &str| {
        let text = format!("name = 'p'\n[source]\nkind = 'generate'\nrecords = 0\n{rest}\n[sink]\nkind = 'null'\n");
        source::<Generate>(&good(&text), 0).clone()
    };
    let numbers = generated("what = 'numbers'");
    assert_eq!((numbers.what, numbers.records, numbers.seed), (Generated::Numbers, 0, 1));
    let text = generated("what = 'text'\nseed = 0");
    assert_eq!((text.what, text.seed), (Generated::Text { bytes: 100.try_into().expect("not zero") }, 0));
    let long = generated("what = 'text'\nrecord_bytes = '1KiB'");
    assert_eq!(long.what, Generated::Text { bytes: 1024.try_into().expect("not zero") });
    assert_eq!(generated("what = 'access-log'").what, Generated::AccessLog);
}

#[test]
fn a_component_can_be_a_source() {
    let plan = good(
        "name = 'p'\n[source]\nkind = 'component'\nname = 'c'\ncomponent = 'c'\nconfig = { n = 1 }\n\
         limits = { cpu = '1s' }\n[sink]\nkind = 'stdout'\nformat = 'jsonl'\n",
    );
    let source = component_source(&plan);
    assert_eq!((source.component.as_path(), source.config.as_str()), (Path::new("jobs/c"), "{\"n\":1}"));
    assert_eq!(source.limits, Limits { cpu: Duration::from_secs(1), ..Limits::default() });
    assert_eq!(sink::<StdoutSink>(&plan, 0).format, LineFormat::JsonLines);
}

#[test]
fn the_columns_of_a_table_keep_their_order() {
    let text = "name = 'p'\n[source]\nkind = 'stdin'\n[sink]\nkind = 'sqlite'\npath = 'o.db'\ntable = 't'\n";
    let plan = good(text);
    let plain: &SqliteSink = sink(&plan, 0);
    assert_eq!((plain.if_exists, plain.columns.len(), plain.extra_columns), (IfExists::Append, 0, None));
    let columns = "columns = { z = 'text', a = 'integer', m = 'real', b = 'any' }\nextra_columns = 'add'\n";
    let plan = good(&format!("{text}{columns}if_exists = 'replace'\n"));
    let sqlite: &SqliteSink = sink(&plan, 0);
    let columns: Vec<_> = sqlite.columns.iter().map(|column| (&*column.name, column.kind)).collect();
    let expected =
        [("z", ColumnType::Text), ("a", ColumnType::Integer), ("m", ColumnType::Real), ("b", ColumnType::Any)];
    assert_eq!(columns, expected);
    assert_eq!((sqlite.table.as_str(), sqlite.if_exists), ("t", IfExists::Replace));
    assert_eq!(sqlite.extra_columns, Some(ExtraColumns::Add));
    assert_eq!(sqlite.path, Path::new("jobs/o.db"));
}

#[test]
fn a_diamond_and_stages_in_any_order_are_wired() {
    let stage = |name: &str, from: &str| format!("[[stage]]\nname = '{name}'\ncomponent = 'x'\nfrom = {from}\n");
    let text = format!(
        "name = 'p'\n[[source]]\nkind = 'stdin'\n{}{}{}{}[[sink]]\nkind = 'null'\nfrom = 'join'\n",
        stage("join", "['left', 'right']"),
        stage("left", "'split'"),
        stage("right", "'split'"),
        stage("split", "'stdin'"),
    );
    let expected =
        ["left -> join", "right -> join", "split -> left", "split -> right", "stdin -> split", "join -> null"];
    assert_eq!(wires(&good(&text)), expected);
}

#[test]
fn a_default_name_leaves_given_names_alone() {
    let text = LEAST.replace("name = 's'", "name = 'stdin'");
    let plan = good(&text);
    assert_eq!((&*plan.sources[0].name, &*plan.stages[0].name), ("stdin-2", "stdin"));
}

#[test]
fn two_tables_of_one_database_are_two_places() {
    let sink = |table| format!("[[sink]]\nkind = 'sqlite'\npath = 'o.db'\ntable = '{table}'\n");
    let text = format!("name = 'p'\n[source]\nkind = 'stdin'\n{}{}{}", sink("a"), sink("b"), sink("c"));
    assert_eq!(good(&text).sinks.len(), 3);
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_are_read() {
    good(&format!("\u{feff}{}", LEAST.replace('\n', "\r\n")));
}

#[test]
fn every_limit_is_read() {
    let limits = "{ memory = '1MiB', table = 5, instances = 6, cpu = '7ms', wall = '18s', fuel = 9, output = '10KiB', \
                  output_records = 11, log = 0, component = '12MiB', compile = '13s', response = '14MiB', exchange = '15s' }";
    let plan = good(&LEAST.replace("component = 'x'", &format!("component = 'x'\nlimits = {limits}")));
    let nonzero = |number| NonZeroU64::new(number).unwrap();
    let expected = Limits {
        memory: nonzero(1 << 20),
        table: nonzero(5),
        instances: NonZeroUsize::new(6).unwrap(),
        cpu: Duration::from_millis(7),
        wall: Duration::from_secs(18),
        fuel: Some(nonzero(9)),
        output: nonzero(10 << 10),
        output_records: nonzero(11),
        log: 0,
        component: nonzero(12 << 20),
        compile: Duration::from_secs(13),
        response: nonzero(14 << 20),
        exchange: Duration::from_secs(15),
    };
    assert_eq!(plan.stages[0].limits, expected);
}

#[test]
fn sources_and_sinks_are_tried_again_as_their_sections_say() {
    let plan = good(
        "name = 'p'\n[source]\nkind = 'stdin'\nretry = 7\n[sink]\nkind = 'null'\n\
         retry = { times = 9, backoff = '1s', backoff_max = '1m' }\n",
    );
    assert_eq!(plan.sources[0].retry, Retry { times: 7, ..Retry::OF_EDGES });
    let (second, minute) = (Duration::from_secs(1), Duration::from_secs(60));
    assert_eq!(plan.sinks[0].retry, Retry { times: 9, backoff: second, backoff_max: minute, ..Retry::OF_EDGES });
    assert_eq!(good(LEAST).sources[0].retry, Retry::OF_EDGES);
}

#[test]
fn what_a_component_suggests_counts_where_the_file_says_nothing_and_within_its_bounds() {
    let suggested = Suggested {
        memory: Some(1 << 60),
        cpu: Some(Duration::from_secs(3600)),
        compile: Some(Duration::from_secs(3600)),
        reuse: Some(Reuse::Worker),
        warm: Some(true),
        ..Suggested::default()
    };
    let of = |keys: &str, suggested: &Suggested| {
        let mut plan = good(&LEAST.replace("component = 'x'", &format!("component = 'x'\n{keys}")));
        plan.stages[0].suggest(suggested);
        let stage = &plan.stages[0];
        (stage.limits.memory.get(), stage.limits.cpu, stage.reuse, stage.warm)
    };
    let (gib4, gib1, second) = (4 << 30, 1 << 30, Duration::from_secs(1));
    assert_eq!(of("", &suggested), (gib4, Duration::from_secs(30), Reuse::Worker, Warm::Auto));
    let said = "limits = { memory = '1GiB', cpu = '1s' }\nreuse = 'batch'\nwarm = false";
    assert_eq!(of(said, &suggested), (gib1, second, Reuse::Batch, Warm::Never));
    let kept = of("limits = { memory = '1GiB', cpu = '1s' }\nwarm = true", &suggested);
    assert_eq!(kept, (gib1, second, Reuse::Batch, Warm::Always), "no image of an instance that lives on");
    let compile = |keys: &str| {
        let mut plan = good(&LEAST.replace("component = 'x'", &format!("component = 'x'\n{keys}")));
        plan.stages[0].suggest(&suggested);
        plan.stages[0].limits.compile.as_secs()
    };
    assert_eq!((compile(""), compile("limits = { compile = '10s' }")), (300, 10), "not as long as it likes");
    assert_eq!(of("deterministic = true", &suggested).2, Reuse::Record);
    let little = Suggested { memory: Some(1), reuse: None, ..suggested };
    let least = of("", &little);
    assert_eq!((least.0, least.3), (16 << 20, Warm::Preferred), "room for what limits.output allows");
}

#[test]
fn whether_a_stage_is_warm_is_read() {
    let warm = |keys: &str| good(&LEAST.replace("component = 'x'", &format!("component = 'x'\n{keys}"))).stages[0].warm;
    let read = ["", "warm = true", "warm = false", "warm = false\nreuse = 'worker'"].map(warm);
    assert_eq!(read, [Warm::Auto, Warm::Always, Warm::Never, Warm::Never]);
}

#[test]
fn recycling_and_breakers_are_read() {
    let stage = |keys: &str| {
        let plan = good(&LEAST.replace("component = 'x'", &format!("component = 'x'\nreuse = 'worker'\n{keys}")));
        (plan.stages[0].recycle, plan.stages[0].breaker)
    };
    assert_eq!(stage(""), (Recycle::default(), Breaker::default()));
    let (recycle, breaker) = stage("recycle = { records = 10, memory = '1MiB' }\nbreaker = 'off'");
    assert_eq!(recycle, Recycle { records: NonZeroUsize::new(10), memory: NonZeroU64::new(1 << 20) });
    assert_eq!(breaker, Breaker::OFF);
    let (_, breaker) = stage("breaker = { crashes = 'off', failures = 3 }");
    assert_eq!(breaker, Breaker { crashes: None, failures: NonZeroU64::new(3), share: None });
    let (_, breaker) = stage("breaker = { more_than = 5, of = 100 }");
    assert_eq!(breaker.share, Some(Share { more_than: 5, of: NonZeroU64::new(100).unwrap() }));
}

#[test]
fn how_a_command_is_run_is_read() {
    let command = |keys: &str| {
        good(&LEAST.replace("component = 'x'", &format!("component = 'x'\n{keys}"))).stages[0].command.clone()
    };
    assert_eq!(command(""), None);
    assert_eq!(command("command = {}"), Some(CommandPlan::default()));
    let told = command("command = { args = ['-c', ''], framing = 'nul', each = 'record' }\nreuse = 'record'");
    let args = vec!["-c".to_owned(), String::new()];
    assert_eq!(told, Some(CommandPlan { args, framing: Framing::Nul, each: Each::Record }));
}
