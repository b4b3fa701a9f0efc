//! From a stage's folder to a component: finds a toolchain, runs cargo when something has changed, wraps the module.
//!
//! The component lies in `target/sandmill/` of the folder, beside a stamp of everything it was made of; while the stamp
//! holds, no process is started. Two builds of one folder at once are safe: cargo locks, and files are renamed into place.

mod cargo;
mod compile;
mod encode;
mod flags;
mod folder;
mod scaffold;
mod sdk;
mod shared;
mod stamp;
mod stop;
mod toolchain;

pub use compile::{BuildOptions, Built, State, build, build_until, state};
pub use scaffold::new_stage;
pub use stop::Stop;
pub use toolchain::Toolchain;
