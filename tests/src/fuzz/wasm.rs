//! The file of a component: whatever its bytes are, it is refused, or looked at without believing it.

use std::io::Write;

use arbitrary::Unstructured;
use sandmill::ErrorKind;
use sandmill::check::inspect;
use sandmill::report::Provision;
use wasm_smith::{Component, Config};

/// Bytes that begin like Wasm are taken as they are; of others a component is made that is valid, whatever it imports.
pub(super) fn run(data: &[u8]) {
    if data.starts_with(b"\0asm") {
        return look_at(data);
    }
    let config = Config { max_type_size: 100, ..Config::default() };
    if let Ok(component) = Component::new(config, &mut Unstructured::new(data)) {
        look_at(&component.to_bytes());
    }
}

fn look_at(wasm: &[u8]) {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(wasm).expect("a disk that is not full");
    match inspect(file.path()) {
        Ok(inspection) => {
            assert_eq!((inspection.bytes, inspection.sha256.len()), (wasm.len() as u64, 64));
            let usable = inspection.problems.is_empty();
            assert!(!usable || inspection.world.is_some(), "a part of no pipeline: {inspection:?}");
            assert!(
                !usable || inspection.imports.iter().all(|import| import.provision != Provision::Never),
                "{inspection:?}"
            );
            serde_json::to_string(&inspection).expect("an inspection is JSON");
        }
        Err(refusal) => assert_eq!(refusal.kind(), ErrorKind::Config, "{refusal:?}"),
    }
}
