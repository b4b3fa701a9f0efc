use proptest::prelude::*;

use super::read;
use crate::settings::Snippet;

const FILE: &str = r#"
name = "p"
state = { path = "p.db", checkpoint = { every = "1s" } }
[[source]]
kind = "file"
path = ["a*.log", "b.log"]
format = "csv"
delimiter = ";"
lenient = true
header = false
columns = ["a", "b"]
record_max = "1MiB"
[[source]]
kind = "generate"
what = "text"
records = 10
[[stage]]
name = "ä-1"
component = "x"
from = ["file", "generate"]
workers = 2
queue = { records = 10, bytes = "1MiB" }
batch.linger = "20ms"
limits = { memory = "1MiB", cpu = "1ms", wall = "1s" }
config = { a = [1.5, 1979-05-27], b = { c = true } }
ports = ["x", "y"]
[[sink]]
kind = "sqlite"
path = "o.db"
table = "t"
columns = { a = "text", b = "real", c = "any" }
extra_columns = "add"
from = "ä-1.x"
[[sink]]
kind = "stdout"
from = "ä-1.y"
"#;

/// Replaces parts of the file by others: pieces of itself, odd bytes, odd values.
fn mutate(edits: &[(usize, usize, String)]) -> String {
    let mut text: Vec<char> = FILE.chars().collect();
    for (at, len, piece) in edits {
        let at = at % (text.len() + 1);
        let end = (at + len).min(text.len());
        text.splice(at..end, piece.chars());
    }
    text.into_iter().collect()
}

fn piece() -> impl Strategy<Value = String> {
    let line = prop::sample::select(FILE.lines().map(|line| format!("{line}\n")).collect::<Vec<_>>());
    let odd = prop::sample::select(
        [
            "",
            "-1",
            "0",
            "nan",
            "1e999",
            "99999999999999999999",
            "[[",
            "]",
            "{",
            "\"",
            "\"\"",
            "\r\n",
            "\u{feff}",
            "\0",
            ".",
        ]
        .map(str::to_owned)
        .to_vec(),
    );
    prop_oneof![line, odd, any::<char>().prop_map(String::from)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_file_makes_the_reader_panic(edits in prop::collection::vec((any::<usize>(), 0..20_usize, piece()), 1..6)) {
        let text = mutate(&edits);
        if let Err(error) = read(&text) {
            let snippet = Snippet::of(&error);
            prop_assert!(snippet.is_some_and(|snippet| snippet.to_string().contains('^')), "{error}");
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>()) {
        let _either = read(&text);
    }
}

#[test]
fn the_file_is_good_before_it_is_mutated() {
    super::good(FILE);
}
