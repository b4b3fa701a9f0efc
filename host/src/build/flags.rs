//! What the compiler is told.
//!
//! Cargo compiles every crate again when the flags for all crates change. So those are the same for every stage; what
//! differs from stage to stage is told to the stage's own crate alone.

use std::path::Path;

use super::toolchain::TARGET;

/// A guest that needs a deeper stack than this recurses without a bound. The default, a megabyte, is memory that every
/// instance has and no stage uses.
const STACK_BYTES: u32 = 128 << 10;

/// What an instance's heap begins with: a usual batch, once as input and once as output. Memory that an instance has from
/// the start costs nothing until it is touched; growing by as much costs the host several system calls per instance.
const HEAP_BYTES: u32 = 512 << 10;

/// For every crate, the library's included, as a setting of cargo's: it is added to what the user's configuration says
/// for the target. Vector instructions, and what `$SANDMILL_RUSTFLAGS` says.
///
/// `RUSTFLAGS` is left out: it is written for programs of this machine, and names its processor or its linker.
pub(super) fn shared() -> String {
    setting(&std::env::var("SANDMILL_RUSTFLAGS").unwrap_or_default())
}

fn setting(users: &str) -> String {
    let flags = users.split_ascii_whitespace().chain(["-C", "target-feature=+simd128"]);
    let flags: toml::Value = flags.map(toml::Value::from).collect::<Vec<_>>().into();
    format!("target.{TARGET}.rustflags={flags}")
}

/// For the linker: a stack for records and not for recursion, a heap for a batch.
pub(super) fn link() -> [String; 2] {
    [format!("link-arg=-zstack-size={STACK_BYTES}"), format!("link-arg=--initial-heap={HEAP_BYTES}")]
}

/// For the stage's own crate: what the linker is told, and paths in panics as their author knows them.
pub(super) fn own(folder: &Path, workspace: &Path) -> Vec<String> {
    let mut flags: Vec<String> = link().into_iter().flat_map(|argument| ["-C".to_owned(), argument]).collect();
    // Cargo names the sources of a member by their path in the workspace; those of a lone package need no change.
    let member = folder.strip_prefix(workspace).ok().filter(|member| !member.as_os_str().is_empty());
    flags.extend(member.map(|member| format!("--remap-path-prefix={}=", member.display())));
    flags.push(format!("--remap-path-prefix={}=", folder.display()));
    flags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_for_all_crates_are_an_array_that_cargo_can_read() {
        let setting = setting("-C link-arg=\"x\"").parse::<toml::Table>().unwrap();
        let flags = &setting["target"][TARGET]["rustflags"];
        assert_eq!(flags[1].as_str(), Some("link-arg=\"x\""));
        assert_eq!(flags[3].as_str(), Some("target-feature=+simd128"));
    }

    #[test]
    fn the_sources_of_a_member_are_named_as_its_author_names_them() {
        let flags = own(Path::new("/w/stages/mask"), Path::new("/w"));
        assert!(flags.contains(&"--remap-path-prefix=stages/mask=".to_owned()), "{flags:?}");
        let flags = own(Path::new("/w"), Path::new("/w"));
        assert!(!flags.contains(&"--remap-path-prefix==".to_owned()), "would remap everything: {flags:?}");
    }
}
