//! The files of the Rust SDK.

use crate::kit::{Kit, files};

/// A test compares the list with the folder.
pub(super) static KIT: Kit = Kit {
    files: files![
        "rust/Cargo.toml",
        "rust/README.md",
        "rust/src/bindings/record_source.rs",
        "rust/src/bindings/stage.rs",
        "rust/src/clock.rs",
        "rust/src/column.rs",
        "rust/src/config.rs",
        "rust/src/env.rs",
        "rust/src/exact.rs",
        "rust/src/failure.rs",
        "rust/src/files/mod.rs",
        "rust/src/files/native.rs",
        "rust/src/files/wasi.rs",
        "rust/src/finite.rs",
        "rust/src/function.rs",
        "rust/src/guest.rs",
        "rust/src/heap.rs",
        "rust/src/http/mod.rs",
        "rust/src/http/url.rs",
        "rust/src/http/wasi.rs",
        "rust/src/input.rs",
        "rust/src/lib.rs",
        "rust/src/log.rs",
        "rust/src/macros.rs",
        "rust/src/output.rs",
        "rust/src/outputs.rs",
        "rust/src/print.rs",
        "rust/src/random.rs",
        "rust/src/record.rs",
        "rust/src/source.rs",
        "rust/src/stage.rs",
        "rust/src/trial.rs",
        "wit/deps/cli.wit",
        "wit/deps/clocks.wit",
        "wit/deps/filesystem.wit",
        "wit/deps/http.wit",
        "wit/deps/io.wit",
        "wit/deps/random.wit",
        "wit/deps/sockets.wit",
        "wit/stage.wit",
    ],
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use sha2::{Digest, Sha256};

    use super::*;

    /// A file that is added to the SDK and not to the list would be missing in every new stage.
    #[test]
    fn every_source_of_the_sdk_travels_in_the_program() {
        let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../guest-sdk");
        let pattern = |below: &str| format!("{}/{below}", sdk.display());
        let globs = ["rust/src/**/*.rs", "rust/Cargo.toml", "rust/README.md", "wit/**/*.wit"];
        let there: BTreeSet<String> = globs
            .iter()
            .flat_map(|below| glob::glob(&pattern(below)).unwrap())
            .map(|file| file.unwrap().strip_prefix(&sdk).unwrap().display().to_string())
            .collect();
        let carried: BTreeSet<String> = KIT.files.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(carried, there);
    }

    /// With others, a stage would speak another interface than its host.
    #[test]
    fn the_bindings_are_those_of_the_interface() {
        let text = |path: &str| KIT.files.iter().find(|(name, _)| *name == path).map(|(_, text)| *text).unwrap();
        let hash: String = Sha256::digest(text("wit/stage.wit")).iter().map(|byte| format!("{byte:02x}")).collect();
        for module in ["stage", "record_source"] {
            let made_of = text(&format!("rust/src/bindings/{module}.rs")).lines().nth(1).unwrap();
            assert_eq!(made_of, format!("// {hash}"), "run scripts/bindings");
        }
    }
}
