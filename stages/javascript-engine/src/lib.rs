//! What stages and sources written in JavaScript and TypeScript run on: QuickJS, and the way between it and the host.
//!
//! It is not a stage by itself. `sandmill build` writes a stage's bundle into a new instance, has it evaluated, and keeps the
//! memory as what the stage's instances begin with (`host/build`, `languages/javascript`). The bundle finds what it needs
//! of the host and of the engine in the global object `sandmill`, and exports `transform` or `source`.
//!
//! | export | |
//! |---|---|
//! | `sandmill_javascript_room(bytes)` | where the bundle is to be written |
//! | `sandmill_javascript_evaluate(at, bytes)` | evaluates it. Gives the address of two words: where a message is, and its bytes: 0, if all is well |
//! | those of the worlds `stage` and `record-source` | the build keeps the ones of the stage's own world |
//!
//! It imports a clock and random numbers of WASI preview 1, which the build takes out unless the stage reaches them.

mod bundle;
mod column;
#[cfg(target_arch = "wasm32")]
mod exports;
mod host;
mod json;
mod natives;
mod texts;
