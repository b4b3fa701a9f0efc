//! Every key of the pipeline file, with what its page says of it: the readers take the names from here, and the tables of
//! `docs/pipeline-file.md` are written from it. The keys of sources and sinks are with their kinds, in `connector`.

mod bounds;
mod stage;

pub(super) use self::bounds::{GRANT, LIMITS, VARIABLE};
pub(super) use self::stage::{BREAKER, COMMAND, JQ, ON_ERROR, PARTITION, RECYCLE, SCRIPT, STAGE, WORKERS};
use crate::settings::Key;

/// The whole file.
pub(super) const FILE: &[Key] = &[
    Key {
        name: "name",
        value: "name",
        default: "required",
        meaning: "the pipeline's name, in reports and in the name of the state file",
    },
    Key {
        name: "source",
        value: "table, or array of tables",
        default: "required",
        meaning: "`[source]`, or several `[[source]]`",
    },
    Key {
        name: "stage",
        value: "array of tables",
        default: "none",
        meaning: "any number of `[[stage]]`, in the order in which records pass them, unless `from` says otherwise",
    },
    Key {
        name: "sink",
        value: "table, or array of tables",
        default: "required",
        meaning: "`[sink]`, or several `[[sink]]`",
    },
    Key {
        name: "state",
        value: "table",
        default: "[below](#state)",
        meaning: "`[state]`: checkpoints and dead letters",
    },
];

/// Every source.
pub(super) const SOURCE: &[Key] = &[
    Key {
        name: "kind",
        value: "text",
        default: "required",
        meaning: "`\"file\"`, `\"stdin\"`, `\"generate\"` or `\"component\"`",
    },
    Key { name: "name", value: "name", default: "its kind", meaning: "its name in `from`, reports and dead letters" },
    Key {
        name: "on_error",
        value: "text",
        default: "`\"dead-letter\"`",
        meaning: "what becomes of input that cannot be read as a record: `\"dead-letter\"`, `\"drop\"`, or `\"fail\"`, which ends the run",
    },
    Key {
        name: "retry",
        value: "count, or table",
        default: "3",
        meaning: "how often reading is retried after an error that may pass: see [`retry`](#retry)",
    },
];

/// A source of kind `component`.
pub(super) const COMPONENT: &[Key] = &[
    Key {
        name: "component",
        value: "path",
        default: "required",
        meaning: "a `.wasm` file, or a folder that `sandmill build` compiles",
    },
    Key { name: "config", value: "table", default: "`{}`", meaning: "what the source gets as JSON when it opens" },
    Key { name: "limits", value: "table", default: "[below](#limits)", meaning: "what it may use up" },
    Key { name: "grant", value: "table", default: "nothing", meaning: "[what it may reach](#grant)" },
];

/// `queue`.
pub(super) const QUEUE: &[Key] = &[
    Key {
        name: "records",
        value: "count, 1 to 1,000,000,000",
        default: "16384; before a sink 8192",
        meaning: "how many records may wait",
    },
    Key { name: "bytes", value: "size, 1 byte to 2 GiB", default: "`\"16MiB\"`", meaning: "how many bytes may wait" },
];

/// `batch`.
pub(super) const BATCH: &[Key] = &[
    Key { name: "records", value: "count, 1 to 1,000,000", default: "4096", meaning: "the most records in one call" },
    Key {
        name: "bytes",
        value: "size, 1 byte to 1 GiB",
        default: "`\"1MiB\"`",
        meaning: "the most bytes in one call; a larger record makes a batch of its own",
    },
    Key {
        name: "linger",
        value: "time, up to `\"1h\"`",
        default: "`\"0ms\"`",
        meaning: "how long a call waits for a full batch",
    },
];

/// Every sink.
pub(super) const SINK: &[Key] = &[
    Key {
        name: "kind",
        value: "text",
        default: "required",
        meaning: "`\"file\"`, `\"folder\"`, `\"stdout\"`, `\"sqlite\"` or `\"null\"`",
    },
    Key { name: "name", value: "name", default: "its kind", meaning: "its name in `from`, reports and dead letters" },
    Key {
        name: "from",
        value: "text, or array of texts",
        default: "the last stage, or the sources",
        meaning: "whose records it writes: a source, a stage, or a port of a stage (`\"route.errors\"`)",
    },
    Key {
        name: "writers",
        value: "count",
        default: "1",
        meaning: "how many writes may be under way at the same time, 1 to 256: [where the kind allows several](#several-writers)",
    },
    Key {
        name: "order",
        value: "text",
        default: "as they come; with several writers, `\"none\"`",
        meaning: "`\"input\"`: in the order in which records come to the sink, with one writer. `\"none\"`: in any order. `\"key\"`: [in order by key](#several-writers)",
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
        meaning: "instead of `order`: [no two writes at once that share a bucket of ids](#partition)",
    },
    Key { name: "queue", value: "table", default: "[8192 records](#queue)", meaning: "what may wait before the sink" },
    Key { name: "batch", value: "table", default: "[below](#batch)", meaning: "what one write gets" },
    Key {
        name: "on_error",
        value: "text",
        default: "`\"dead-letter\"`",
        meaning: "what becomes of a record that the sink refuses: `\"dead-letter\"`, `\"drop\"` or `\"fail\"`",
    },
    Key {
        name: "retry",
        value: "count, or table",
        default: "3",
        meaning: "how often writing is retried after an error that may pass: see [`retry`](#retry)",
    },
];

/// `retry` of a source or a sink as a table.
pub(super) const RETRY: &[Key] = &[
    Key { name: "times", value: "count, 0 to 100", default: "3", meaning: "attempts beyond the first" },
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
];

/// `[state]`.
pub(super) const STATE: &[Key] = &[
    Key {
        name: "path",
        value: "path",
        default: "`<name>.state.db` beside the pipeline file",
        meaning: "[the state file](checkpoints.md#the-state-file): the last checkpoint, and the dead letters",
    },
    Key {
        name: "checkpoint",
        value: "table, or `\"off\"`",
        default: "`{ every = \"1s\" }`",
        meaning: "when to take a checkpoint: [below](#checkpoint)",
    },
];

/// `checkpoint` as a table.
pub(super) const CHECKPOINT: &[Key] = &[
    Key {
        name: "every",
        value: "time, 10 ms to 24 h",
        default: "`\"1s\"`",
        meaning: "how long after the last checkpoint the next one is taken",
    },
    Key {
        name: "records",
        value: "count, from 1",
        default: "not counted",
        meaning: "after how many records read a checkpoint is taken, if that comes first",
    },
];
