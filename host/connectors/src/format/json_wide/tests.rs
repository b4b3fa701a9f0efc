//! What it says is what `serde_json` says, wherever a block begins. Without AVX2 it says nothing, and there is nothing to compare.

use proptest::prelude::*;
use serde::de::IgnoredAny;

use super::super::json_scan::is_value_on_a_line;
use super::*;

/// What this says is what the scan says and `serde_json`: but that the scan looks one deeper.
fn is_right_about(text: &[u8]) -> bool {
    let is_json = std::str::from_utf8(text).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok());
    let is_known = is_json && is_value_on_a_line(text);
    match look(text) {
        Look::Value => is_known,
        Look::NotKnown => !is_known,
        Look::NotTaken => true,
    }
}

const PIECES: [&str; 42] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\"a\"",
    "\"a\":",
    "1",
    "0",
    "-",
    ".",
    "e",
    "E+",
    "true",
    "fals",
    "false",
    "null",
    " ",
    "\t",
    "\n",
    "\r",
    "\\",
    "\\u",
    "\\n",
    "00e9",
    "\u{1}",
    "\u{e4}",
    "\\\"",
    "x",
    "\"abcdefghij\"",
    "{\"a\":1}",
    "1.5",
    "-0e5",
    "[]",
    "{}",
    ",\"k\":",
    "\\\\",
    "nul",
    "+",
    "/",
];

const LINES: [&str; 6] = [
    r#"{"time":"2026-11-27T07:09:30Z","ip":"10.0.0.1","path":"/a?q=1","status":200,"bytes":5120,"took":0.0125,"tls":true}"#,
    r#"{"user":{"name":"a b","roles":["x","y"],"geo":{"lat":52.5,"lon":-13.4}},"items":[],"more":[{"n":1},{"n":null}]}"#,
    r#"[0,-0,1.5,-2.25e10,3E-7,4e+2,100000000000000000000,0.001,true,false,null,12,13,14,15,16,17,18,19,20,21]"#,
    r#"{"text":"\"quoted\" \\ \/ \b\f\n\r\t \u00e9\ud83d\ude00 and a rather long tail that fills more than one block"}"#,
    r#"{ "автор" : "日本語テキスト" ,	"größe" : [ 1 , 2.0 , "ü" ] , "x" : { } , "y" : [ ] , "z" : { "a" : [ [ ] ] } }"#,
    r#"[[[[[{"a":[{"b":{"c":[[],{},[{}],{"d":"e"}]}}]}]]]],"ccccccccccccccccccccccccccccccccccccccccccccccccccccc"]"#,
];

/// A line, moved to any place in a block, with some bytes changed.
fn nearly_a_line() -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<prop::sample::Index>(), prop::sample::select(&PIECES[..]), 0_usize..3);
    let changes = prop::collection::vec(change, 0..4);
    (prop::sample::select(&LINES[..]), 0_usize..70, changes).prop_map(|(line, shift, changes)| {
        let mut text = [vec![b' '; shift], line.as_bytes().to_vec()].concat();
        for (place, piece, removed) in changes {
            let at = place.index(text.len());
            let end = (at + removed).min(text.len());
            text.splice(at..end, piece.bytes());
        }
        text
    })
}

fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(&PIECES[..]);
    (0_usize..70, prop::collection::vec(piece, 0..30))
        .prop_map(|(shift, pieces)| [" ".repeat(shift), pieces.concat()].concat().into_bytes())
}

/// Numbers, and what is nearly one.
fn numbers() -> impl Strategy<Value = Vec<u8>> {
    let number =
        prop_oneof![3 => "-?(0|[1-9][0-9]{0,9})(\\.[0-9]{1,9})?([eE][+-]?[0-9]{1,3})?", 1 => "[-+.eE0-9]{1,6}"];
    (0_usize..70, prop::collection::vec(number, 1..20))
        .prop_map(|(shift, numbers)| format!("{}[{}]", " ".repeat(shift), numbers.join(",")).into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn what_it_says_of_a_changed_line_is_what_serde_says(text in nearly_a_line()) {
        prop_assert!(is_right_about(&text), "{}", String::from_utf8_lossy(&text));
    }

    #[test]
    fn what_it_says_of_pieces_of_json_is_what_serde_says(text in pieces()) {
        prop_assert!(is_right_about(&text), "{}", String::from_utf8_lossy(&text));
    }

    #[test]
    fn what_it_says_of_numbers_is_what_serde_says(text in numbers()) {
        prop_assert!(is_right_about(&text), "{}", String::from_utf8_lossy(&text));
    }
}

#[test]
fn a_line_is_known_wherever_its_blocks_begin() {
    for (line, shift) in LINES.iter().flat_map(|line| (0..130).map(move |shift| (line, shift))) {
        let text = [" ".repeat(shift).as_str(), line].concat();
        assert_ne!(look(text.as_bytes()), Look::NotKnown, "{text}");
    }
}

#[test]
fn a_byte_that_is_no_part_of_a_character_is_found_anywhere() {
    let line = LINES[4].as_bytes();
    for (at, byte) in (0..line.len()).flat_map(|at| [0x80, 0xc3, 0xed, 0xff].map(|byte| (at, byte))) {
        let mut text = line.to_vec();
        text[at] = byte;
        assert!(is_right_about(&text), "{at}: {byte:x}");
    }
}

#[test]
fn deep_nesting_is_left_to_others() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert_ne!(look(nested(64).as_bytes()), Look::NotKnown);
    assert_ne!(look(nested(66).as_bytes()), Look::Value);
    assert_ne!(look(nested(1_000_000).as_bytes()), Look::Value);
}
