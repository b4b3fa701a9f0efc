use super::refusal;

/// A good file around some keys of its only stage, whose first line is the fifth.
fn stage(keys: &str) -> String {
    format!("name = 'p'\nsource = {{ kind = 'stdin' }}\nsink = {{ kind = 'null' }}\n[[stage]]\n{keys}\n")
}

/// The same with a name and a component; the keys begin on line 7.
fn keys(keys: &str) -> String {
    stage(&format!("name = 's'\ncomponent = 'x'\n{keys}"))
}

/// A good file around some keys of its only source, whose first line is the fourth.
fn source(keys: &str) -> String {
    format!("name = 'p'\nsink = {{ kind = 'null' }}\n[source]\n{keys}\n")
}

/// A good file around some keys of its only sink, whose first line is the fourth.
fn sink(keys: &str) -> String {
    format!("name = 'p'\nsource = {{ kind = 'stdin' }}\n[sink]\n{keys}\n")
}

/// Each file with what is said about it: `line:column: message`, then the hints.
fn check(cases: &[(String, &str)]) {
    for (text, expected) in cases {
        assert_eq!(refusal(text), *expected, "{text}");
    }
}

#[test]
fn keys_that_are_not_known_are_refused_at_every_level() {
    check(&[
        ("nmae = 'p'\n".into(), r#"1:1: unknown key "nmae" in the pipeline file | did you mean "name"?"#),
        (
            format!("{}[[stages]]\n", keys("")),
            r#"8:3: unknown key "stages" in the pipeline file | did you mean "stage"?"#,
        ),
        (keys("writers = 2"), r#"7:1: unknown key "writers" in stage "s" | did you mean "workers"?"#),
        (keys("workrs = 2"), r#"7:1: unknown key "workrs" in stage "s" | did you mean "workers"?"#),
        (
            keys("colour = 2"),
            r#"7:1: unknown key "colour" in stage "s" | known: name, component, jq, script, language, command, config, from, ports, workers, queue, batch, order, key, partition, reuse, recycle, partial, warm, deterministic, limits, grant, on_error, breaker"#,
        ),
        (
            keys("queue = { record = 2 }"),
            r#"7:11: unknown key "record" in "queue" of stage "s" | did you mean "records"?"#,
        ),
        (keys("batch.lingr = '1ms'"), r#"7:7: unknown key "lingr" in "batch" of stage "s" | did you mean "linger"?"#),
        (
            keys("[stage.limits]\nmem = '1MiB'"),
            r#"8:1: unknown key "mem" in "limits" of stage "s" | did you mean "memory"?"#,
        ),
        (source("kidn = 'stdin'"), r#"4:1: unknown key "kidn" in the source | did you mean "kind"?"#),
        (
            source("kind = 'stdin'\npath = 'x'"),
            r#"5:1: unknown key "path" in the source of kind "stdin" | known: kind, name, on_error, retry, format, record_max, delimiter, header, columns, lenient"#,
        ),
        (
            sink("kind = 'file'\npth = 'x'"),
            r#"5:1: unknown key "pth" in the sink of kind "file" | did you mean "path"?"#,
        ),
        (
            format!("state = {{ pat = 'x' }}\n{}", keys("")),
            r#"1:11: unknown key "pat" in "state" of the pipeline file | did you mean "path"?"#,
        ),
    ]);
}

#[test]
fn what_must_be_there_is_missed() {
    check(&[
        (
            " \n".into(),
            "1:1: the file is empty | a pipeline has a name, a source and a sink: `sandmill new NAME` creates a stage with such a pipeline",
        ),
        ("[source]\nkind = 'stdin'\n[sink]\nkind = 'null'\n".into(), r#"1:1: missing key "name" in the pipeline file"#),
        (
            "name = 'p'\n[sink]\nkind = 'null'\n".into(),
            "1:1: the pipeline has no source | a pipeline has at least one source and one sink",
        ),
        (
            "name = 'p'\n[source]\nkind = 'stdin'\n".into(),
            "1:1: the pipeline has no sink | a pipeline has at least one source and one sink",
        ),
        (
            "name = 'p'\nsource = []\n[sink]\nkind = 'null'\n".into(),
            "1:1: the pipeline has no source | a pipeline has at least one source and one sink",
        ),
        (stage("component = 'x'"), r#"4:1: missing key "name" in the stage"#),
        (stage("name = 's'"), r#"4:1: missing key "component" in stage "s""#),
        (
            source("on_error = 'drop'"),
            r#"3:1: missing key "kind" in the source | kinds: file, stdin, generate, component"#,
        ),
        (source("kind = 'file'"), r#"3:1: missing key "path" in the source"#),
        (
            source("kind = 'file'\npath = []"),
            r#"5:8: "path" of the source: must not be empty | name at least one file or pattern"#,
        ),
        (source("kind = 'generate'\nwhat = 'numbers'"), r#"3:1: missing key "records" in the source"#),
        (sink("name = 'out'\nkind = 'sqlite'\npath = 'x'"), r#"3:1: missing key "table" in sink "out""#),
        (
            format!("state.checkpoint = '5s'\n{}", keys("")),
            r#"1:20: "checkpoint" of "state" of the pipeline file: expected "off" or a table, found "5s" | checkpoint = { every = "5s" }"#,
        ),
        (
            format!("state.checkpoint = 5\n{}", keys("")),
            r#"1:20: "checkpoint" of "state" of the pipeline file: expected a table, found 5 | checkpoint = { every = "1s" }"#,
        ),
        (
            format!("state.checkpoint.every = '1ms'\n{}", keys("")),
            r#"1:26: "every" of "checkpoint" of "state" of the pipeline file: expected a time from "10ms" to "1day", found "1ms""#,
        ),
        (
            format!("state.checkpoint = 'of'\n{}", keys("")),
            r#"1:20: "checkpoint" of "state" of the pipeline file: expected "off" or a table, found "of" | did you mean "off"?"#,
        ),
    ]);
}

#[test]
fn numbers_keep_their_bounds() {
    check(&[
        (keys("workers = 0"), r#"7:11: "workers" of stage "s": expected a whole number from 1 to 1024, found 0"#),
        (keys("workers = -2"), r#"7:11: "workers" of stage "s": expected a whole number from 1 to 1024, found -2"#),
        (keys("workers = 1025"), r#"7:11: "workers" of stage "s": expected a whole number from 1 to 1024, found 1025"#),
        (
            keys("workers = 'two'"),
            r#"7:11: "workers" of stage "s": expected a whole number from 1 to 1024, or a table such as { min = 1, max = 8 }, found a string"#,
        ),
        (
            keys("workers = 99999999999999999999"),
            r#"7:11: "workers" of stage "s": expected a whole number from 1 to 1024, found 99999999999999999999"#,
        ),
        (
            keys("workers = 1.5"),
            r#"7:11: "workers" of stage "s": expected a whole number from 1 to 1024, or a table such as { min = 1, max = 8 }, found 1.5"#,
        ),
        (keys("workers = { min = 1 }"), r#"7:11: missing key "max" in "workers" of stage "s""#),
        (
            keys("workers = { min = 4, max = 2 }"),
            r#"7:28: "max" of "workers" of stage "s": must not be less than "min", which is 4"#,
        ),
        (
            keys("workers = { min = 0, max = 2 }"),
            r#"7:19: "min" of "workers" of stage "s": expected a whole number from 1 to 1024, found 0"#,
        ),
        (
            keys("workers = { max = 1025 }"),
            r#"7:19: "max" of "workers" of stage "s": expected a whole number from 1 to 1024, found 1025"#,
        ),
        (
            keys("workers = { min = 1, maximum = 8 }"),
            r#"7:22: unknown key "maximum" in "workers" of stage "s" | did you mean "max"?"#,
        ),
        (
            keys("queue.records = 0"),
            r#"7:17: "records" of "queue" of stage "s": expected a whole number from 1 to 1000000000, found 0"#,
        ),
    ]);
}

#[test]
fn breakers_and_retries_are_what_they_may_be() {
    check(&[
        (
            keys("breaker = { crashes = 0 }"),
            r#"7:23: "crashes" of "breaker" of stage "s": expected a whole number from 1 to 9223372036854775807, found 0"#,
        ),
        (
            keys("breaker = { more_than = 5 }"),
            r#"7:25: "more_than" of "breaker" of stage "s": "more_than" and "of" belong together | breaker = { more_than = 50, of = 1000 }"#,
        ),
        (
            keys("breaker = { more_than = 5, of = 5 }"),
            r#"7:25: "more_than" of "breaker" of stage "s": expected a whole number from 0 to 4, found 5"#,
        ),
        (
            source("kind = 'stdin'\nretry = 'often'"),
            r#"5:9: "retry" of the source: expected a whole number from 0 to 100, found a string | or a table: retry = { times = 3, backoff = "1s" }"#,
        ),
        (
            source("kind = 'stdin'\nretry = { time = 3 }"),
            r#"5:11: unknown key "time" in "retry" of the source | did you mean "times"?"#,
        ),
        (
            keys("breaker = 'of'"),
            r#"7:11: "breaker" of stage "s": expected "off" or a table, found "of" | did you mean "off"?"#,
        ),
    ]);
}

#[test]
fn sizes_keep_their_bounds() {
    check(&[
        (
            keys("queue.bytes = '0'"),
            r#"7:15: "bytes" of "queue" of stage "s": expected a size from 1 byte to 2GiB, such as "8MiB", found "0""#,
        ),
        (
            keys("queue.bytes = -1"),
            r#"7:15: "bytes" of "queue" of stage "s": expected a size from 1 byte to 2GiB, such as "8MiB", found -1"#,
        ),
        (
            keys("batch.records = 1_000_001"),
            r#"7:17: "records" of "batch" of stage "s": expected a whole number from 1 to 1000000, found 1000001"#,
        ),
        (
            keys("batch.bytes = '2GiB'"),
            r#"7:15: "bytes" of "batch" of stage "s": expected a size from 1 byte to 1GiB, such as "8MiB", found "2GiB""#,
        ),
        (
            keys("batch.bytes = '1 gigglebyte'"),
            r#"7:15: "bytes" of "batch" of stage "s": expected a size from 1 byte to 1GiB, such as "8MiB", found "1 gigglebyte""#,
        ),
        (
            keys("batch.bytes = true"),
            r#"7:15: "bytes" of "batch" of stage "s": expected a size from 1 byte to 1GiB, such as "8MiB", found true"#,
        ),
        (
            keys("limits.memory = '63KiB'"),
            r#"7:17: "memory" of "limits" of stage "s": expected a size from 64KiB to 4GiB, such as "8MiB", found "63KiB""#,
        ),
        (
            keys("limits.memory = '5GiB'"),
            r#"7:17: "memory" of "limits" of stage "s": expected a size from 64KiB to 4GiB, such as "8MiB", found "5GiB""#,
        ),
        (
            keys("limits.fuel = 0"),
            r#"7:15: "fuel" of "limits" of stage "s": expected a whole number from 1 to 9223372036854775807, found 0"#,
        ),
        (
            keys("reuse = 'worker'\nwarm = true"),
            r#"8:8: "warm" of stage "s" needs reuse = "record" or "batch" | an instance that lives as long as its worker is opened once anyway: leave it out"#,
        ),
        (keys("warm = 'yes'"), r#"7:8: "warm" of stage "s": expected true or false, found a string"#),
        (
            keys("recycle = { records = 5 }"),
            r#"7:11: "recycle" of stage "s" needs reuse = "worker" | an instance that lives for one record or one batch is fresh anyway: leave it out"#,
        ),
        (
            source("kind = 'stdin'\nrecord_max = 0"),
            r#"5:14: "record_max" of the source: expected a size from 1 byte to 1GiB, such as "8MiB", found 0"#,
        ),
        (
            source("kind = 'generate'\nwhat = 'numbers'\nrecords = -1"),
            r#"6:11: "records" of the source: expected a whole number from 0 to 9223372036854775807, found -1"#,
        ),
        (
            source("kind = 'generate'\nwhat = 'text'\nrecords = 1\nrecord_bytes = 0"),
            r#"7:16: "record_bytes" of the source: expected a size from 1 byte to 1GiB, such as "8MiB", found 0"#,
        ),
    ]);
}

#[test]
fn times_keep_their_bounds() {
    check(&[
        (
            keys("batch.linger = '-1ms'"),
            r#"7:16: "linger" of "batch" of stage "s": expected a time from "0ms" to "1h", such as "20ms", found "-1ms""#,
        ),
        (
            keys("batch.linger = 20"),
            r#"7:16: "linger" of "batch" of stage "s": expected a time from "0ms" to "1h", such as "20ms", found 20"#,
        ),
        (
            keys("limits.cpu = '0ms'"),
            r#"7:14: "cpu" of "limits" of stage "s": expected a time above zero and up to "1day", such as "20ms", found "0ms""#,
        ),
        (
            keys("limits.wall = '2 fortnights'"),
            r#"7:15: "wall" of "limits" of stage "s": expected a time above zero and up to "1day", such as "20ms", found "2 fortnights""#,
        ),
        (
            keys("limits.wall = '2days'"),
            r#"7:15: "wall" of "limits" of stage "s": expected a time above zero and up to "1day", such as "20ms", found "2days""#,
        ),
    ]);
}

#[test]
fn a_partition_names_two_ids_and_takes_the_place_of_the_order() {
    check(&[
        (
            keys("partition = { kind = 'mix', left = '/a', right = '/b' }"),
            r#"7:22: "kind" of "partition" of stage "s": expected "mix-and-batch", found "mix" | did you mean "mix-and-batch"?"#,
        ),
        (
            keys("partition = { left = '/a', right = '/b' }"),
            r#"7:13: missing key "kind" in "partition" of stage "s" | write kind = "mix-and-batch""#,
        ),
        (
            keys("partition = { kind = 'mix-and-batch', left = '/a' }"),
            r#"7:13: missing key "right" in "partition" of stage "s""#,
        ),
        (
            keys("partition = { kind = 'mix-and-batch', left = 'a.b', right = '/b' }"),
            r#"7:46: "left" of "partition" of stage "s": a JSON pointer begins with "/" | write left = "/a/b""#,
        ),
        (
            keys("partition = { kind = 'mix-and-batch', left = '/a', right = '/b', buckets = 1 }"),
            r#"7:76: "buckets" of "partition" of stage "s": expected a whole number from 2 to 64, found 1"#,
        ),
        (
            keys(
                "workers = 3\npartition = { kind = 'mix-and-batch', left = '/a', right = '/b', buckets = 4, same_nodes = true }",
            ),
            r#"8:13: "partition" of stage "s": with 4 buckets, at most 2 batches are worked on at once (with same_nodes, each takes two), and 3 may be | buckets = 12, or more"#,
        ),
        (
            keys("workers = 65\npartition = { kind = 'mix-and-batch', left = '/a', right = '/b' }"),
            r#"8:13: "partition" of stage "s": with 64 buckets, at most 64 batches are worked on at once, and 65 may be | let at most 64 be at it, with buckets = 64"#,
        ),
        (
            keys("order = 'input'\npartition = { kind = 'mix-and-batch', left = '/a', right = '/b' }"),
            r#"7:9: "order" of stage "s": cannot be combined with "partition" | a partition keeps the order of the records of each pair of ids, and no other"#,
        ),
    ]);
}

#[test]
fn words_come_from_their_lists() {
    check(&[
        (
            source("kind = 'fil'"),
            r#"4:8: "kind" of the source: expected "file", "stdin", "generate" or "component", found "fil" | did you mean "file"?"#,
        ),
        (
            source("kind = 'kafka'"),
            r#"4:8: "kind" of the source: expected "file", "stdin", "generate" or "component", found "kafka""#,
        ),
        (
            source("kind = 7"),
            r#"4:8: "kind" of the source: expected "file", "stdin", "generate" or "component", found 7"#,
        ),
        (
            sink("kind = 'sqllite'"),
            r#"4:8: "kind" of the sink: expected "file", "folder", "stdout", "null" or "sqlite", found "sqllite" | did you mean "sqlite"?"#,
        ),
        (
            keys("order = 'inptu'"),
            r#"7:9: "order" of stage "s": expected "none", "input" or "key", found "inptu" | did you mean "input"?"#,
        ),
        (
            keys("key = '/id'"),
            r#"7:7: "key" of stage "s": is used only with order = "key" | write order = "key", or leave "key" out"#,
        ),
        (
            keys("order = 'key'\nkey = 'customer.id'"),
            r#"8:7: "key" of stage "s": a JSON pointer begins with "/" | write key = "/customer/id", or leave it out for the record's own key"#,
        ),
        (
            keys("order = 'key'\nkey = '/a~b'"),
            r#"8:7: "key" of stage "s": in a JSON pointer, "~" is written "~0", and "/" in a name "~1""#,
        ),
        (keys("order = 'key'\nkey = ''"), r#"8:7: "key" of stage "s": must not be empty"#),
        (
            keys("reuse = 'workers'"),
            r#"7:9: "reuse" of stage "s": expected "record", "batch" or "worker", found "workers" | did you mean "worker"?"#,
        ),
        (
            keys("on_error = 'deadletter'"),
            r#"7:12: "on_error" of stage "s": expected "fail", "drop", "dead-letter" or a table, found "deadletter" | did you mean "dead-letter"?"#,
        ),
        (
            source("kind = 'stdin'\non_error = { retry = 3 }"),
            r#"5:12: "on_error" of the source: expected "fail", "drop" or "dead-letter", found a table | only a stage retries records; to retry the source or sink itself, write retry = 3"#,
        ),
        (
            sink("kind = 'null'\non_error.then = 'drop'"),
            r#"5:1: "on_error" of the sink: expected "fail", "drop" or "dead-letter", found a table | only a stage retries records; to retry the source or sink itself, write retry = 3"#,
        ),
    ]);
}

#[test]
fn retries_have_bounds_and_words_of_their_own() {
    check(&[
        (
            keys("on_error = 3"),
            r#"7:12: "on_error" of stage "s": expected "fail", "drop", "dead-letter" or a table, found 3 | to set retries, write a table: on_error = { retry = 3, then = "dead-letter" }"#,
        ),
        (
            keys("on_error = { retries = 3 }"),
            r#"7:14: unknown key "retries" in "on_error" of stage "s" | did you mean "retry"?"#,
        ),
        (
            keys("on_error = { retry = 101 }"),
            r#"7:22: "retry" of "on_error" of stage "s": expected a whole number from 0 to 100, found 101"#,
        ),
        (
            keys("on_error = { retry = -1 }"),
            r#"7:22: "retry" of "on_error" of stage "s": expected a whole number from 0 to 100, found -1"#,
        ),
        (
            keys("on_error = { retry = 3, then = 'retry' }"),
            r#"7:32: "then" of "on_error" of stage "s": expected "fail", "drop" or "dead-letter", found "retry""#,
        ),
        (
            keys("[stage.on_error]\nbackoff = 100"),
            r#"8:11: "backoff" of "on_error" of stage "s": expected a time from "0ms" to "1h", such as "20ms", found 100"#,
        ),
        (
            keys("on_error = { backoff_max = '2h' }"),
            r#"7:28: "backoff_max" of "on_error" of stage "s": expected a time from "0ms" to "1h", such as "20ms", found "2h""#,
        ),
        (
            keys("on_error = { backoff = '2s', backoff_max = '1s' }"),
            r#"7:44: "backoff_max" of "on_error" of stage "s": must not be shorter than "backoff", which is 2s"#,
        ),
        (
            keys("on_error = { backoff_max = '1ms' }"),
            r#"7:28: "backoff_max" of "on_error" of stage "s": must not be shorter than "backoff", which is 100ms"#,
        ),
    ]);
}

#[test]
fn details_belong_to_their_kinds() {
    check(&[
        (
            source("kind = 'stdin'\nformat = 'bytes'"),
            r#"5:10: "format" of the source: expected "lines", "jsonl" or "csv", found "bytes""#,
        ),
        (
            source("kind = 'file'\npath = 'x'\nformat = 'json'"),
            r#"6:10: "format" of the source: expected "lines", "jsonl", "csv" or "bytes", found "json" | did you mean "jsonl"?"#,
        ),
        (source("kind = 'stdin'\ndelimiter = ';'"), r#"5:13: "delimiter" of the source: only format = "csv" has it"#),
        (source("kind = 'stdin'\nlenient = true"), r#"5:11: "lenient" of the source: only format = "csv" has it"#),
        (
            source("kind = 'stdin'\nformat = 'csv'\nheader = false"),
            r#"6:10: "header" of the source: without a header, the columns have no names | name them: columns = ["id", "name"]"#,
        ),
        (
            source("kind = 'stdin'\nformat = 'csv'\ncolumns = ['a', 'b', 'a']"),
            r#"6:22: "columns" of the source: two columns have this name | give each column a name of its own"#,
        ),
        (
            source("kind = 'stdin'\nformat = 'csv'\ncolumns = []"),
            r#"6:11: "columns" of the source: must not be empty | leave it out to take the names from the header"#,
        ),
        (
            sink("kind = 'stdout'\nformat = 'csv'\ndelimiter = ';;'"),
            r#"6:13: "delimiter" of the sink: expected a string of one ASCII character, no quote and no line feed, found a string | such as ";" or "\t""#,
        ),
        (
            sink("kind = 'stdout'\nformat = 'csv'\ndelimiter = '\"'"),
            r#"6:13: "delimiter" of the sink: expected a string of one ASCII character, no quote and no line feed, found a string | such as ";" or "\t""#,
        ),
        (
            sink("kind = 'file'\npath = 'x'\nif_exists = 'overwrite'"),
            r#"6:13: "if_exists" of the sink: expected "replace", "append" or "fail", found "overwrite""#,
        ),
        (
            source("kind = 'generate'\nwhat = 'numbers'\nrecords = 1\nrecord_bytes = 8"),
            r#"7:16: "record_bytes" of the source: only what = "text" has one"#,
        ),
        (
            sink("kind = 'sqlite'\npath = 'x'\ntable = 't'\ncolumns = { a = 'int' }"),
            r#"7:17: column "a" of the sink: expected "integer", "real", "text" or "any", found "int" | did you mean "integer"?"#,
        ),
        (
            sink("kind = 'sqlite'\npath = 'x'\ntable = 't'\ncolumns = {}"),
            r#"7:11: "columns" of the sink: a table has at least one column | leave it out to take them from the records"#,
        ),
        (
            sink("kind = 'sqlite'\npath = 'x'\ntable = 't'\ncolumns = { a = 'text', A = 'text' }"),
            r#"7:25: columns "a" and "A" have the same name to SQLite"#,
        ),
        (
            sink("kind = 'sqlite'\npath = 'x'\ntable = 't'\nextra_columns = 'ad'"),
            r#"7:17: "extra_columns" of the sink: expected "add" or "refuse", found "ad" | did you mean "add"?"#,
        ),
        (
            sink("kind = 'sqlite'\npath = 'x'\ntable = 'sqlite_t'"),
            r#"6:9: "table" of the sink: SQLite reserves names that begin with "sqlite_""#,
        ),
    ]);
}

#[test]
fn values_have_their_types() {
    check(&[
        (keys("queue = 7"), r#"7:9: "queue" of stage "s": expected a table, found 7"#),
        (keys("from = 7"), r#"7:8: "from" of stage "s": expected a string or an array of strings, found 7"#),
        (keys("from = ['stdin', 7]"), r#"7:18: "from" of stage "s": expected a string, found 7"#),
        (keys("ports = 'a'"), r#"7:9: "ports" of stage "s": expected an array of strings, found a string"#),
        (
            keys("ports = []"),
            r#"7:9: "ports" of stage "s": must not be empty | leave it out for one output without a name"#,
        ),
        (keys("config = 'x'"), r#"7:10: "config" of stage "s": expected a table, found a string"#),
        (
            keys("config = { a = [1, nan] }"),
            r#"7:20: "config" of stage "s": nan cannot be given to a stage | JSON has no infinity and no nan"#,
        ),
        (
            keys("config.a = -inf"),
            r#"7:12: "config" of stage "s": -inf cannot be given to a stage | JSON has no infinity and no nan"#,
        ),
        (
            keys("config.a = 1e999"),
            r#"7:12: "config" of stage "s": 1e999 cannot be given to a stage | JSON has no infinity and no nan"#,
        ),
        (
            keys("config.a = 99999999999999999999"),
            r#"7:12: "config" of stage "s": a whole number must fit into 64 bits"#,
        ),
        (stage("name = 7\ncomponent = 'x'"), r#"5:8: "name" of the stage: expected a string, found 7"#),
        (stage("name = 's'\ncomponent = ''"), r#"6:13: "component" of stage "s": must not be empty"#),
        (
            stage("name = 's'\ncomponent = \"a\\u0000\""),
            r#"6:13: "component" of stage "s": a path cannot contain a NUL character"#,
        ),
        (
            source("kind = 'file'\npath = 'a[1.log'"),
            r#"5:8: "path" of the source: this pattern cannot be read: invalid range pattern | "*", "?" and "[" have a meaning here; "[[]" stands for a bracket"#,
        ),
        (source("kind = 'file'\npath = ['a', 7]"), r#"5:14: "path" of the source: expected a string, found 7"#),
        (
            "name = 'p'\nstage = 7\n".into(),
            r#"2:9: "stage" of the pipeline file: expected [stage] or [[stage]], found 7"#,
        ),
        (
            "name = 'p'\nstage = [7]\n".into(),
            r#"2:10: "stage" of the pipeline file: expected a table, as [[stage]] makes it, found 7"#,
        ),
    ]);
}

#[test]
fn text_that_is_no_toml_is_shown_where_it_breaks() {
    check(&[
        (
            "name = access-log\n".into(),
            r#"1:8: this is not TOML: string values must be quoted, expected literal string | write "access-log" in quotes"#,
        ),
        ("name = 'p\n".into(), "1:10: this is not TOML: invalid literal string, expected `'`"),
        ("name = 'p'\r\n[[stage]\r\n".into(), "2:9: this is not TOML: unclosed array table, expected `]`"),
        ("name = 'p'\nname = 'q'\n".into(), r#"2:1: "name" appears twice"#),
        (
            "name = 'p'\n[source]\nkind = 'stdin'\n[source]\nkind = 'stdin'\n".into(),
            r#"4:2: "source" appears twice | to write several, begin each with [[source]]"#,
        ),
        (format!("a = {}", "[".repeat(100)), "1:85: this is not TOML: cannot recurse further; max recursion depth met"),
        ("\u{feff}\tname ? 1\n".into(), "1:7: this is not TOML: key with no value, expected `=`"),
    ]);
}

#[test]
fn names_are_there_once() {
    let named = |name: &str| format!("[[stage]]\nname = '{name}'\ncomponent = 'x'\n");
    check(&[
        (stage("name = ''\ncomponent = 'x'"), "5:8: the name of a stage is empty"),
        (
            stage("name = 'a.b'\ncomponent = 'x'"),
            r#"5:8: the name of a stage has the character '.': only letters, digits, "-" and "_" are allowed"#,
        ),
        (
            keys(&named("s")),
            r#"8:8: the name "s" of this stage is already the name of a stage | no two of a pipeline's sources, stages and sinks may have the same name"#,
        ),
        (
            "name = 'a/b'\n[source]\nkind = 'stdin'\n[sink]\nkind = 'null'\n".into(),
            r#"1:8: the pipeline's name has the character '/': only letters, digits, "-" and "_" are allowed"#,
        ),
        (
            source("kind = 'stdin'")
                .replace("[source]", "[[source]]\nname = 'x'\nkind = 'stdin'\n[[source]]\nname = 'x'"),
            r#"7:8: the name "x" of this source is already the name of a source | no two of a pipeline's sources, stages and sinks may have the same name"#,
        ),
        (
            sink("name = 'stdin'\nkind = 'null'").replace("{ kind = 'stdin' }", "{ name = 'stdin', kind = 'stdin' }"),
            r#"4:8: the name "stdin" of this sink is already the name of a source | no two of a pipeline's sources, stages and sinks may have the same name"#,
        ),
        (keys("ports = ['a', 'a']"), r#"7:15: stage "s" has two ports with the name "a""#),
        (keys("ports = ['a', '']"), r#"7:15: the name of a port of stage "s" is empty"#),
    ]);
}

#[test]
fn the_graph_leads_from_sources_to_sinks() {
    let named = |name: &str, from: &str| format!("[[stage]]\nname = '{name}'\ncomponent = 'x'\nfrom = {from}\n");
    check(&[
        (keys("from = 's'"), r#"7:8: stage "s" reads from itself"#),
        (keys("from = 'stdn'"), r#"7:8: there is no source or stage "stdn" | did you mean "stdin"?"#),
        (keys("from = 'elsewhere'"), r#"7:8: there is no source or stage "elsewhere" | sources and stages: stdin"#),
        (keys("from = 'null'"), r#"7:8: sink "null" cannot be read: records end there | name a source or a stage"#),
        (keys("from = []"), r#"7:8: stage "s" reads nothing | name at least one source or stage that it reads"#),
        (
            keys("from = ['stdin', 'stdin']"),
            r#"7:18: stage "s" reads source "stdin" twice | it would get every record twice; name it once"#,
        ),
        (keys("from = 'stdin.out'"), r#"7:8: source "stdin" has no ports | write "stdin""#),
        (
            keys(&named("t", "'s.out'")),
            r#"10:8: stage "s" has no port "out" | it has no ports: name the stage alone, or give it "ports""#,
        ),
        (
            keys(&format!("from = 'c'\n{}{}", named("b", "'s'"), named("c", "['stdin', 'b']"))),
            r#"4:1: stages feed each other in a circle: "s" -> "b" -> "c" -> "s" | records must flow from a source to a sink; take one of these out of "from""#,
        ),
        (
            keys(&named("t", "'stdin'")),
            r#"4:1: nothing reads stage "s" | add "s" to the "from" of a stage or sink, or remove it"#,
        ),
        (
            keys("ports = ['good', 'bad']"),
            r#"3:8: stage "s" has 2 ports, so the one to read must be named | name the port: "s.good""#,
        ),
        (
            keys("ports = ['good', 'bad']").replace("'null' }", "'null', from = 's.good' }"),
            r#"7:18: nothing reads port "bad" of stage "s" | add "s.bad" to the "from" of a stage or sink, or remove it"#,
        ),
        (
            keys("ports = ['good', 'bad']").replace("'null' }", "'null', from = 's.god' }"),
            r#"3:32: stage "s" has no port "god" | did you mean "s.good"?"#,
        ),
        (
            keys("ports = ['good', 'bad']").replace("'null' }", "'null', from = 'good' }"),
            r#"3:32: there is no source or stage "good" | did you mean "s.good"?"#,
        ),
        (
            keys("").replace("'null' }", "'null', from = 'stdin' }"),
            r#"4:1: nothing reads stage "s" | add "s" to the "from" of a stage or sink, or remove it"#,
        ),
        (
            source("kind = 'stdin'").replace("[source]", "[[source]]\nkind = 'stdin'\n[[source]]"),
            r#"5:1: sources "stdin" and "stdin-2" both read standard input | one source can feed several stages"#,
        ),
    ]);
}

#[test]
fn no_file_has_two_uses() {
    let file = |path: &str| format!("[[sink]]\nkind = 'file'\npath = '{path}'\n");
    let head = "name = 'p'\n[source]\nkind = 'file'\npath = ['in.log', 'more/*.log']\n";
    check(&[
        (
            format!("{head}{}{}", file("out"), file("./out")),
            r#"10:8: sink "file-2" and sink "file-3" write to the same file | give each a path of its own; one sink can read several stages"#,
        ),
        (
            format!("{head}{}", file("in.log")),
            r#"7:8: sink "file-2" shares a file with source "file", which reads it | write somewhere else"#,
        ),
        (
            format!("{head}{}", file("more/out.log")),
            r#"7:8: sink "file-2" shares a file with source "file", which reads it | write somewhere else"#,
        ),
        (
            format!("state.path = 'out'\n{head}{}", file("out")),
            r#"1:14: sink "file-2" and the state file write to the same file | give each a path of its own; one sink can read several stages"#,
        ),
        (
            format!("{head}{}[[sink]]\nkind = 'sqlite'\npath = 'out'\ntable = 't'\n", file("out")),
            r#"10:8: sink "file-2" and sink "sqlite" write to the same file | give each a path of its own; one sink can read several stages"#,
        ),
    ]);
}

/// They passed, and one of each pair never came true (issue 12).
#[test]
fn keys_that_contradict_each_other_are_refused_where_they_stand() {
    let batch = "a batch is taken from the queue before the stage or sink: make the queue larger, or the batch smaller";
    let cpu = "time inside the guest is part of \"wall\": make that longer, or this shorter";
    let memory = "raise limits.memory, or lower this";
    let cases = [
        (keys("limits = { cpu = '2s', wall = '1s' }"), format!(r#"7:18: "cpu" of "limits" of stage "s": must not be more than "wall", which is 1s | {cpu}"#)),
        (keys("limits = { exchange = '2s', wall = '1s' }"), r#"7:23: "exchange" of "limits" of stage "s": must not be more than "wall", which is 1s | an exchange over HTTP is part of "wall": make that longer, or this shorter"#.into()),
        (keys("limits = { output = '2MiB', memory = '1MiB' }"), r#"7:21: "output" of "limits" of stage "s": must not be more than "memory", which is 1.0 MiB | outputs are made in the instance's memory: raise that, or lower this"#.into()),
        (keys("batch.bytes = '65MiB'"), format!(r#"7:15: "bytes" of "batch" of stage "s": must not be more than "memory" of "limits", which is 64.0 MiB | a batch is passed in the instance's memory: {memory}"#)),
        (keys("reuse = 'worker'\nrecycle = { memory = '65MiB' }"), format!(r#"8:22: "memory" of "recycle" of stage "s": must not be more than "memory" of "limits", which is 64.0 MiB | an instance never grows that large: {memory}"#)),
        (keys("batch.records = 9\nqueue.records = 8"), format!(r#"7:17: "records" of "batch" of stage "s": must not be more than "records" of "queue", which is 8 | {batch}"#)),
        (sink("kind = 'null'\nbatch.bytes = 9\nqueue.bytes = 8"), format!(r#"5:15: "bytes" of "batch" of the sink: must not be more than "bytes" of "queue", which is 8 | {batch}"#)),
        (keys("on_error = { retry = 0, backoff = '1s' }"), r#"7:35: "backoff" of "on_error" of stage "s": there is nothing to wait for, because nothing is retried | leave it out, or allow at least 1 retry"#.into()),
        (format!("{}[state]\ncheckpoint = {{ every = '1s' }}\n", keys("batch.linger = '2s'")), r#"7:16: "linger" of "batch" of stage "s": must not be more than "every" of "checkpoint", which is 1s | a checkpoint waits until all batches are done: make that longer, or this shorter"#.into()),
    ];
    for (text, expected) in cases {
        assert_eq!(refusal(&text), expected, "{text}");
    }
}

/// Made a folder called "~" (12).
#[test]
fn a_home_folder_is_not_made_in_the_working_folder() {
    let hint = r#"write the path in full; a folder that is really called "~" is "./~""#;
    let home = |place: &str, what: &str| format!("{place}: {what}: \"~\" is not expanded here | {hint}");
    check(&[
        (sink("kind = 'file'\npath = '~/out'"), home("5:8", "\"path\" of the sink").as_str()),
        (sink("kind = 'folder'\npath = '~'"), home("5:8", "\"path\" of the sink").as_str()),
        (sink("kind = 'sqlite'\ntable = 't'\npath = '~/a.db'"), home("6:8", "\"path\" of the sink").as_str()),
        (source("kind = 'file'\npath = ['a', '~/*.log']"), home("5:14", "\"path\" of the source").as_str()),
        (stage("name = 's'\ncomponent = '~/s'"), home("6:13", "\"component\" of stage \"s\"").as_str()),
        (
            format!("state.path = '~/p'\n{}", keys("")),
            home("1:14", "\"path\" of \"state\" of the pipeline file").as_str(),
        ),
    ]);
}

#[test]
fn a_command_ends_so_it_cannot_be_asked_to_stay() {
    check(&[
        (
            keys("command = { arg = ['x'] }"),
            r#"7:13: unknown key "arg" in "command" of stage "s" | did you mean "args"?"#,
        ),
        (
            keys("command = {}\nreuse = 'worker'"),
            r#"8:9: "reuse" of stage "s": a command ends with its input, so no instance of it lives longer | leave out "reuse": each = "record" or "batch" of the command says how much one run is given"#,
        ),
        (
            keys("command = { each = 'record' }\nreuse = 'batch'"),
            r#"8:9: "reuse" of stage "s": contradicts each = "record" of the command | leave out "reuse": each = "record" or "batch" of the command says how much one run is given"#,
        ),
        (
            keys("command = { framing = 'line' }"),
            r#"7:23: "framing" of "command" of stage "s": expected "lines", "jsonl" or "nul", found "line" | did you mean "lines"?"#,
        ),
        (
            keys("command = { args = ['a', \"b\\u0000\"] }"),
            r#"7:26: "args" of "command" of stage "s": an argument cannot contain a NUL character"#,
        ),
    ]);
}
