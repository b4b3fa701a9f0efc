//! The keys of `limits` and `grant`, which stages have and sources that are components.

use crate::settings::Key;

/// `limits`.
pub(in crate::config) const LIMITS: &[Key] = &[
    Key {
        name: "memory",
        value: "size, 64 KiB to 4 GiB",
        default: "`\"64MiB\"`, of a command `\"128MiB\"`",
        meaning: "bounds an instance: all its memories",
    },
    Key {
        name: "table",
        value: "count, 1 to 1,000,000",
        default: "20000",
        meaning: "bounds an instance: the elements of all its tables",
    },
    Key {
        name: "instances",
        value: "count, 1 to 1024",
        default: "64",
        meaning: "bounds an instance: the core instances in it",
    },
    Key {
        name: "cpu",
        value: "time, above 0, up to 24 h",
        default: "`\"100ms\"`",
        meaning: "bounds a record: time inside the guest; each full MiB of the record adds half of the limit (10 MiB: 600 ms)",
    },
    Key {
        name: "wall",
        value: "time, above 0, up to 24 h",
        default: "`\"30s\"`",
        meaning: "bounds a record: all time, host calls and waits included",
    },
    Key {
        name: "fuel",
        value: "count, from 1",
        default: "not counted",
        meaning: "bounds a record: about one unit for each instruction",
    },
    Key {
        name: "output",
        value: "size, from 1 byte",
        default: "`\"16MiB\"`",
        meaning: "bounds a record: the bytes of its outputs",
    },
    Key {
        name: "output_records",
        value: "count, from 1",
        default: "1000000",
        meaning: "bounds a record: the number of its outputs",
    },
    Key {
        name: "log",
        value: "size, from 0",
        default: "`\"64KiB\"`",
        meaning: "bounds an invocation: the bytes of its log lines",
    },
    Key {
        name: "component",
        value: "size, 1 byte to 1 GiB",
        default: "`\"64MiB\"`",
        meaning: "bounds the component's file",
    },
    Key {
        name: "compile",
        value: "time, above 0, up to 24 h",
        default: "`\"60s\"`",
        meaning: "bounds processor time to compile it; a component that `sandmill build` made is compiled already",
    },
    Key { name: "response", value: "size, from 1 byte", default: "`\"16MiB\"`", meaning: "bounds an HTTP response" },
    Key {
        name: "exchange",
        value: "time, above 0, up to 24 h",
        default: "`\"30s\"`",
        meaning: "bounds an HTTP exchange, from looking up the name to the last byte",
    },
];

/// `grant`.
pub(in crate::config) const GRANT: &[Key] = &[
    Key {
        name: "read",
        value: "path, array of paths, or table from the guest's names to paths",
        default: "nothing",
        meaning: "folders to read",
    },
    Key {
        name: "write",
        value: "path, array of paths, or table from the guest's names to paths",
        default: "nothing",
        meaning: "folders to read and write",
    },
    Key {
        name: "env",
        value: "array of names, or table from names to a text, `{ env = \"NAME\" }` or `{ file = \"path\" }`",
        default: "nothing",
        meaning: "environment variables",
    },
    Key {
        name: "secret",
        value: "array of names, or table from names to `{ env = \"NAME\" }` or `{ file = \"path\" }`",
        default: "nothing",
        meaning: "variables whose values are never shown",
    },
    Key {
        name: "http",
        value: "text, or array of texts",
        default: "nothing",
        meaning: "requests: `\"GET https://api.example.com/v1\"`",
    },
    Key {
        name: "clock",
        value: "`\"real\"`, or an instant in UTC",
        default: "nothing",
        meaning: "the time, or a clock that stands still",
    },
    Key { name: "random", value: "`\"real\"`, or a count (the seed)", default: "nothing", meaning: "random numbers" },
];

/// A variable or a secret of `grant` as a table.
pub(in crate::config) const VARIABLE: &[Key] = &[
    Key {
        name: "env",
        value: "text",
        default: "",
        meaning: "the variable of the host whose value it is; either this or `file`",
    },
    Key { name: "file", value: "path", default: "", meaning: "a file with the value, without its last line break" },
];
