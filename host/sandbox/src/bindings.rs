//! Bindings that wasmtime generates from the WIT: the host's side of the two worlds.

/// The world `stage`.
pub(super) mod stage {
    wasmtime::component::bindgen!({
        path: "../../guest-sdk/wit",
        world: "stage",
        imports: { "sandmill:stage/host@0.1.0.panicked": trappable },
        exports: { default: async },
        ownership: Borrowing { duplicate_if_necessary: true },
    });
}

/// The world `record-source`.
pub(super) mod source {
    wasmtime::component::bindgen!({
        path: "../../guest-sdk/wit",
        world: "record-source",
        exports: { default: async },
        with: { "sandmill:stage/host@0.1.0": super::stage::sandmill::stage::host },
    });
}
