//! From a core module to a component: the module carries the description of its interface, put there by the SDK.

use std::path::Path;

use wit_component::ComponentEncoder;

use crate::error::{Error, Result};

/// Wraps the module that cargo made of `folder`.
pub(super) fn component(module: &[u8], folder: &Path) -> Result<Vec<u8>> {
    let described = wasmparser::Parser::new(0).parse_all(module).filter_map(Result::ok).any(
        |payload| matches!(payload, wasmparser::Payload::CustomSection(s) if s.name().starts_with("component-type")),
    );
    if !described {
        return Err(Error::config(format!("\"{}\" is no stage: it does not export one", folder.display()))
            .hint("call `sandmill_stage::stage!(your_function);` in src/lib.rs"));
    }
    let encode = || ComponentEncoder::default().validate(true).module(module)?.encode();
    encode().map_err(|error: anyhow::Error| {
        Error::config(format!("\"{}\" cannot be made a component", folder.display()))
            .caused_by(format!("{error:#}"))
            .hint("a crate that needs JavaScript or an operating system cannot be part of a pure stage")
    })
}
