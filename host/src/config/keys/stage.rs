//! The keys of a stage, and of the tables that only stages have.

use crate::settings::Key;

/// A stage.
pub(in crate::config) const STAGE: &[Key] = &[
    Key { name: "name", value: "name", default: "required", meaning: "its name in `from`, reports and dead letters" },
    Key {
        name: "component",
        value: "path, or `\"std:NAME\"`",
        default: "",
        meaning: "a `.wasm` file, a folder that `sandmill build` compiles, or [a component inside the program](inline.md#components-inside-the-program)",
    },
    Key {
        name: "jq",
        value: "text, or table",
        default: "",
        meaning: "a [jq filter](inline.md#jq), or `{ file = \"x.jq\" }`",
    },
    Key {
        name: "script",
        value: "text, or table",
        default: "",
        meaning: "a [function](inline.md#javascript), or a table with `file` or `code`, and `input`: `\"json\"` (default), `\"text\"` or `\"bytes\"`",
    },
    Key {
        name: "language",
        value: "text",
        default: "`\"javascript\"`",
        meaning: "the language of the `script`: `\"javascript\"` or `\"python\"`",
    },
    Key {
        name: "command",
        value: "table",
        default: "[below](#command)",
        meaning: "how a program that reads lines and writes lines is run",
    },
    Key {
        name: "config",
        value: "table",
        default: "`{}`",
        meaning: "what the stage gets as JSON when it opens. Dates become texts; `nan` and infinities are refused",
    },
    Key {
        name: "from",
        value: "text, or array of texts",
        default: "the stage above, or the sources",
        meaning: "whose records it reads: a source, a stage, or a port of a stage (`\"route.errors\"`)",
    },
    Key {
        name: "ports",
        value: "array of names",
        default: "one output without a name",
        meaning: "the names of its outputs, in the order of their numbers: `ports = [\"rows\", \"errors\"]`; at most 256",
    },
    Key {
        name: "workers",
        value: "count, 1 to 1024, or table",
        default: "one for each core",
        meaning: "how many instances work at the same time: a fixed number, or [as many as there is work for](#workers)",
    },
    Key {
        name: "queue",
        value: "table",
        default: "[below](#queue-and-batch)",
        meaning: "what may wait before the stage",
    },
    Key { name: "batch", value: "table", default: "[below](#queue-and-batch)", meaning: "what one call gets" },
    Key {
        name: "order",
        value: "text",
        default: "`\"input\"`",
        meaning: "`\"input\"`: outputs keep the order of the inputs. `\"none\"`: first done, first out. `\"key\"`: [in order by key](#order-by-key)",
    },
    Key {
        name: "key",
        value: "text",
        default: "the record's own",
        meaning: "with `order = \"key\"`: a JSON pointer into the record, `\"/customer/id\"`",
    },
    Key {
        name: "partition",
        value: "table",
        default: "",
        meaning: "instead of `order`: [no two batches at once that share a bucket of ids](#partition)",
    },
    Key {
        name: "reuse",
        value: "text",
        default: "`\"batch\"`",
        meaning: "how long an instance lives: for one `\"record\"`, one `\"batch\"`, or as long as its `\"worker\"`. With `deterministic = true`: `\"record\"`",
    },
    Key {
        name: "recycle",
        value: "table",
        default: "never",
        meaning: "`reuse = \"worker\"` only: the instance is flushed and replaced after `records` (a count from 1), or when its memory has reached `memory` (a size, 64 KiB to 4 GiB), whichever comes first",
    },
    Key {
        name: "partial",
        value: "true or false",
        default: "`false`",
        meaning: "`true`: results of parts of the input, one from each instance, are intended, and nothing warns of them",
    },
    Key {
        name: "warm",
        value: "true or false",
        default: "automatic",
        meaning: "whether instances start from [a snapshot of an opened one](stages.md#open-that-takes-long-warm). `true` is refused with `reuse = \"worker\"`",
    },
    Key {
        name: "deterministic",
        value: "true or false",
        default: "`false`",
        meaning: "[outputs are the same, bit by bit, in every run](grants.md#deterministic--true). Needs `reuse = \"record\"` and `order = \"input\"`; refuses `http`, `write` and whatever is `\"real\"`",
    },
    Key { name: "limits", value: "table", default: "[below](#limits)", meaning: "what it may use up" },
    Key { name: "grant", value: "table", default: "nothing", meaning: "[what it may reach](#grant)" },
    Key {
        name: "on_error",
        value: "text, or table",
        default: "`\"dead-letter\"`",
        meaning: "[what becomes of a record that failed](#on_error)",
    },
    Key {
        name: "breaker",
        value: "table, or `\"off\"`",
        default: "[below](#breaker)",
        meaning: "when failures end the run",
    },
];

/// `jq` as a table.
pub(in crate::config) const JQ: &[Key] =
    &[Key { name: "file", value: "path", default: "required", meaning: "a file with the filter" }];

/// `script` as a table.
pub(in crate::config) const SCRIPT: &[Key] = &[
    Key { name: "file", value: "path", default: "", meaning: "a file with the script; either this or `code`" },
    Key { name: "code", value: "text", default: "", meaning: "the script itself" },
    Key {
        name: "input",
        value: "text",
        default: "`\"json\"`",
        meaning: "what the function gets of each record: `\"json\"`, `\"text\"` or `\"bytes\"`",
    },
];

/// `command`.
pub(in crate::config) const COMMAND: &[Key] = &[
    Key {
        name: "args",
        value: "array of texts",
        default: "none",
        meaning: "its arguments; its own name comes first by itself",
    },
    Key {
        name: "framing",
        value: "text",
        default: "`\"lines\"`",
        meaning: "what ends each record in its input and output: a line feed (`\"lines\"`), a line feed where every output must be JSON (`\"jsonl\"`), or a NUL character (`\"nul\"`)",
    },
    Key {
        name: "each",
        value: "text",
        default: "`\"batch\"`",
        meaning: "what one run of the program gets: one `\"record\"`, or a `\"batch\"`",
    },
];

/// `workers` as a table.
pub(in crate::config) const WORKERS: &[Key] = &[
    Key {
        name: "min",
        value: "count, 1 to 1024",
        default: "1",
        meaning: "how many workers the stage has at the start, and while it is idle",
    },
    Key { name: "max", value: "count, `min` to 1024", default: "required", meaning: "how many workers it has at most" },
];

/// `recycle`.
pub(in crate::config) const RECYCLE: &[Key] = &[
    Key {
        name: "records",
        value: "count, from 1",
        default: "not counted",
        meaning: "replaces the instance after this number of records",
    },
    Key {
        name: "memory",
        value: "size, 64 KiB to 4 GiB",
        default: "not counted",
        meaning: "replaces the instance when its memory has reached this size",
    },
];

/// `on_error` of a stage as a table.
pub(in crate::config) const ON_ERROR: &[Key] = &[
    Key {
        name: "retry",
        value: "count, 0 to 100",
        default: "2, for failures that the stage calls retryable",
        meaning: "attempts beyond the first; if you give a number, also for traps, exceeded limits and broken contracts",
    },
    Key {
        name: "backoff",
        value: "time, up to `\"1h\"`",
        default: "`\"100ms\"`",
        meaning: "the longest wait before the second attempt; it doubles from each attempt to the next",
    },
    Key {
        name: "backoff_max",
        value: "time, up to `\"1h\"`",
        default: "`\"10s\"`, or `backoff` if that is longer",
        meaning: "the longest wait",
    },
    Key {
        name: "then",
        value: "text",
        default: "`\"dead-letter\"`",
        meaning: "what becomes of a record that failed at every attempt",
    },
];

/// `partition`.
pub(in crate::config) const PARTITION: &[Key] = &[
    Key { name: "kind", value: "`\"mix-and-batch\"`", default: "required", meaning: "how records are dealt" },
    Key { name: "left", value: "text", default: "required", meaning: "a JSON pointer to the first id" },
    Key { name: "right", value: "text", default: "required", meaning: "a JSON pointer to the second id" },
    Key {
        name: "buckets",
        value: "count, 2 to 64",
        default: "10, or 4 for each worker, at most 64",
        meaning: "over this many buckets, ids are dealt by their hashes. It must be at least the number of workers, and twice that with `same_nodes`",
    },
    Key {
        name: "same_nodes",
        value: "true or false",
        default: "false",
        meaning: "both ids are of one kind: no two batches at once that have a bucket in common on either side",
    },
];

/// `breaker`.
pub(in crate::config) const BREAKER: &[Key] = &[
    Key {
        name: "crashes",
        value: "count, from 1, or `\"off\"`",
        default: "100",
        meaning: "ends the run when this number of consecutive records ended their instances",
    },
    Key {
        name: "failures",
        value: "count, from 1, or `\"off\"`",
        default: "10000",
        meaning: "ends the run when this number of consecutive records failed",
    },
    Key {
        name: "more_than",
        value: "count, from 0, less than `of`",
        default: "off",
        meaning: "ends the run when more than this many of the last `of` records failed",
    },
    Key {
        name: "of",
        value: "count, 1 to 1,000,000",
        default: "off",
        meaning: "how many records `more_than` looks back at; the two belong together",
    },
];
