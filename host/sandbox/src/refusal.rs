//! Why a component is refused: whose fault it is, and what to do about it.

use std::path::Path;
use std::time::Duration;

use super::cache;
use super::compiler;
use super::limits;
use super::parts;
use sandmill_engine::error::Error;
use sandmill_engine::legible::one_line;
use sandmill_engine::suggest;

/// Messages of the engine and its reader of components about too much of something. They have no errors of their own
/// for these.
const TOO_LARGE: [&str; 7] = [
    "exceeds limit of",
    "exceeds the limit of",
    "too many",
    "too deep",
    "is too large",
    "mplementation limit",
    "does not fit in pooling allocator",
];

/// Their messages about a feature that they know, and that is switched off.
const SWITCHED_OFF: [&str; 4] = ["not enabled", "is disabled", "requires the component model", "must be enabled"];

pub(super) fn slow(path: &Path, limit: Duration) -> Error {
    let limit = humantime::format_duration(limit);
    Error::config(format!(
        "component \"{}\" takes longer to compile than limits.compile, which is {limit}",
        path.display()
    ))
    .hint("raise limits.compile, or build it from fewer parts")
}

pub(super) fn unreadable(path: &Path, error: std::io::Error) -> Error {
    let missing = error.kind() == std::io::ErrorKind::NotFound;
    let refused = Error::config(format!("component \"{}\" cannot be read", path.display())).caused_by(error);
    if !missing {
        return refused;
    }
    let is_meant = |path: &Path| path.is_dir() || path.extension().is_some_and(|ending| ending == "wasm");
    match suggest::beside(path, is_meant) {
        Some(meant) => refused.hint(format!("did you mean \"{}\"?", meant.display())),
        None => refused.hint("is the path right? in a pipeline file, paths begin at the folder of that file"),
    }
}

/// It is not given to the compiler at all.
pub(super) fn uncounted(path: &Path, wasm: &[u8], refused: &parts::Refused) -> Error {
    match refused {
        parts::Refused::Unreadable(why) => no_component(path, wasm, why),
        parts::Refused::TooMany { .. } | parts::Refused::ForeignComponent => too_large(path, &refused.to_string()),
    }
}

/// The compiler does not take it.
pub(super) fn uncompiled(path: &Path, wasm: &[u8], error: &wasmtime::Error) -> Error {
    if let Some(why) = limits::too_many(&text(error)) {
        return too_large(path, &why);
    }
    if let Some(panicked) = error.downcast_ref::<cache::Panicked>() {
        return Error::config(format!("\"{}\" cannot be compiled", path.display()))
            .caused_by(panicked.to_string())
            .hint("this is a bug in the compiler: please report it, with the component");
    }
    if let Some(too_much) = error.downcast_ref::<compiler::TooMuch>() {
        return Error::config(format!("\"{}\" cannot be run: {too_much}", path.display()))
            .hint("build it from fewer or smaller parts");
    }
    no_component(path, wasm, &text(error))
}

fn too_large(path: &Path, why: &str) -> Error {
    Error::config(format!("\"{}\" cannot be run: {why}", path.display())).hint("build it from fewer parts")
}

fn no_component(path: &Path, wasm: &[u8], why: &str) -> Error {
    let says = |words: &[&str]| words.iter().any(|words| why.contains(words));
    let path = path.display();
    if !wasm.starts_with(b"\0asm") {
        return Error::config(format!("\"{path}\" is not a component"))
            .hint("a component is a binary file that begins with \\0asm: name a .wasm file, or a stage's folder");
    }
    if says(&TOO_LARGE) {
        return Error::config(format!("\"{path}\" cannot be run: it is too much for the compiler"))
            .caused_by(one_line(why))
            .hint("build it from fewer or smaller parts");
    }
    if says(&SWITCHED_OFF) {
        return Error::config(format!("\"{path}\" cannot be run: it uses a feature that no stage may use"))
            .caused_by(one_line(why))
            .hint("build it without that feature of WebAssembly");
    }
    Error::config(format!("\"{path}\" is not a component"))
        .caused_by(one_line(why))
        .hint("the file is damaged or incomplete, or it was made for a newer version of sandmill: build it again")
}

pub(super) fn text(error: &wasmtime::Error) -> String {
    format!("{error:#}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(component: &str) -> Error {
        let engine = wasmtime::Engine::default();
        let wasm = wat::parse_str(component).unwrap();
        let error = wasmtime::component::Component::from_binary(&engine, &wasm).unwrap_err();
        uncompiled(Path::new("x.wasm"), &wasm, &error)
    }

    /// Both were "the file is damaged or cut off".
    #[test]
    fn what_is_too_large_or_switched_off_is_not_called_damaged() {
        let many = "(component ".to_owned() + &"(core module)".repeat(1_001) + ")";
        assert!(refused(&many).to_string().contains("it is too much for the compiler"), "{}", refused(&many));
        let async_ = "(component (core func (canon task.cancel)))";
        assert!(
            refused(async_).to_string().contains("it uses a feature that no stage may use"),
            "{:?}",
            refused(async_)
        );
    }
}
