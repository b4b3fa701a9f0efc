//! Turns a stage's folder into a component: finds out its language, runs the language's compiler when something has
//! changed, and makes a component of what comes out.
//!
//! The component lies in `target/sandmill/` of the folder, beside a stamp of everything it was made of; while the stamp
//! holds, no process is started. Two builds of one folder at once are safe: tools lock, and files are renamed into
//! place.

mod compile;
mod compiler;
mod driver;
mod encode;
mod files;
mod flatten;
mod folder;
mod kit;
mod language;
mod languages;
mod mistakes;
mod process;
mod scaffold;
mod scripts;
mod settings;
mod stamp;
mod stop;
mod talk;
mod toolchain;
mod tools;

pub use compile::{BuildOptions, Built, State, build, build_until, state};
pub use folder::is_stage;
pub use scaffold::{Made, language_names, new_stage};
pub use scripts::{new_script, script_names, script_runner};
pub use stop::Stop;
pub use talk::{Offer, Talk};
pub use toolchain::{Presence, Status};
pub use tools::{install_tool, remove_tool, tool_languages, tools};
