//! What a guest imports is what its code uses: no feature of the SDK costs a stage that has no use for it a grant.

use std::fs;

use tests::parts;
use wit_component::DecodedWasm;

/// The interfaces of WASI that a built component imports, without their versions.
fn imports(name: &str) -> Vec<String> {
    let component = fs::read(parts::built(name).expect("it is built")).expect("it can be read");
    let DecodedWasm::Component(resolve, world) = wit_component::decode(&component).expect("it is a component") else {
        panic!("{name} is a package");
    };
    let keys = resolve.worlds[world].imports.keys().map(|key| resolve.name_world_key(key));
    let own = |name: &String| !name.starts_with("sandmill:stage/");
    let mut names: Vec<String> = keys.filter(own).collect();
    names.sort();
    names.iter().map(|name| name.trim_end_matches("@0.2.12").to_owned()).collect()
}

#[test]
fn a_stage_that_uses_nothing_imports_nothing() {
    for name in ["upper", "count-by", "reach-nothing"] {
        assert_eq!(imports(name), [""; 0], "{name}");
    }
}

#[test]
fn a_stage_imports_what_the_functions_it_calls_need() {
    assert_eq!(imports("reach-env"), ["wasi:cli/environment"]);
    assert_eq!(imports("reach-random"), ["wasi:random/random"]);
    assert_eq!(
        imports("reach-clock"),
        ["wasi:clocks/monotonic-clock", "wasi:clocks/wall-clock", "wasi:io/poll"],
        "poll: for a sleep"
    );
    assert_eq!(
        imports("reach-files"),
        ["wasi:filesystem/preopens", "wasi:filesystem/types", "wasi:io/error", "wasi:io/streams"],
        "streams: to append; no clock, though files have times"
    );
    assert_eq!(
        imports("reach-http"),
        ["wasi:http/outgoing-handler", "wasi:http/types", "wasi:io/error", "wasi:io/poll", "wasi:io/streams"]
    );
}
