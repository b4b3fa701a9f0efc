//! JSON: our own scan takes what `serde_json` takes, and finds the fields that it finds.

use sandmill::fuzzing::{fields, is_json};
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

pub(super) fn run(data: &[u8]) {
    let theirs = std::str::from_utf8(data).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok());
    assert_eq!(is_json(data), theirs, "{:?}", String::from_utf8_lossy(data));
    let Some(names) = fields(data) else {
        assert!(!theirs || serde_json::from_slice::<Map<String, Value>>(data).is_err(), "its fields are not found");
        return;
    };
    assert!(theirs, "only JSON has fields");
    // Values that only parse as they are written, such as 1e999 and deep ones, say nothing of the names.
    if let Ok(object) = serde_json::from_slice::<Map<String, Value>>(data) {
        assert!(names.iter().all(|name| object.contains_key(name)));
        assert!(object.keys().all(|name| names.contains(name)));
    }
}
