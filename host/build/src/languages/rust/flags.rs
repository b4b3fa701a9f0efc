//! Flags for the compiler.
//!
//! Cargo compiles every crate again when the flags for all crates change. So those are the same for every stage; what
//! differs from stage to stage is passed to the stage's own crate alone.

use std::path::Path;

use super::toolchain::TARGET;

/// A guest that needs a deeper stack than this recurses without a bound. The default, a megabyte, is memory that every
/// instance has and no stage uses.
const STACK_BYTES: u32 = 128 << 10;

/// What an instance's heap begins with: the largest batch by default, once as input and once as output, and as much
/// again. Memory that an instance has from the start costs nothing until it is touched; growing by as much costs the
/// host several system calls per instance.
const HEAP_BYTES: u32 = 3 << 20;

/// How much code the compiler may copy into its callers: four times its default. A call costs a guest more than a
/// native program, since every function asks at its beginning whether it has to stop. JSON is parsed in 0.8 of the
/// time, and a component is half as large again; more than this only makes it larger.
const INLINE_THRESHOLD: u32 = 1000;

/// A loop over vectors asks as well, once for each round of it: so it does the work of two in one, and the rest by
/// vectors, too. ASCII letters of 100 bytes are made upper case in 0.85 of the time.
const UNROLLING: [&str; 2] = ["-force-vector-interleave=2", "-epilogue-vectorization-force-VF=16"];

/// For every crate, the library's included, as a setting of cargo's: it is added to what the user's configuration says
/// for the target. Vector instructions, larger functions, and what `$SANDMILL_RUSTFLAGS` says, which comes last and
/// wins.
///
/// `RUSTFLAGS` is left out: it is written for programs of this machine, and names its processor or its linker.
pub(super) fn shared() -> String {
    setting(&std::env::var("SANDMILL_RUSTFLAGS").unwrap_or_default())
}

fn setting(users: &str) -> String {
    let llvm = format!("llvm-args=-inline-threshold={INLINE_THRESHOLD} {}", UNROLLING.join(" "));
    let ours = ["-C", "target-feature=+simd128", "-C", &llvm];
    let flags = ours.into_iter().chain(users.split_ascii_whitespace());
    let flags: toml::Value = flags.map(toml::Value::from).collect::<Vec<_>>().into();
    format!("target.{TARGET}.rustflags={flags}")
}

/// For the linker: a stack for records and not for recursion, a heap for a batch.
pub(super) fn link() -> [String; 2] {
    [format!("link-arg=-zstack-size={STACK_BYTES}"), format!("link-arg=--initial-heap={HEAP_BYTES}")]
}

/// Flags for the stage's own crate: for the linker, and so that panics show paths as their author knows them.
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
        assert_eq!(flags[1].as_str(), Some("target-feature=+simd128"));
        assert_eq!(flags[5].as_str(), Some("link-arg=\"x\""), "the user's come last");
    }

    #[test]
    fn the_sources_of_a_member_are_named_as_its_author_names_them() {
        let flags = own(Path::new("/w/stages/mask"), Path::new("/w"));
        assert!(flags.contains(&"--remap-path-prefix=stages/mask=".to_owned()), "{flags:?}");
        let flags = own(Path::new("/w"), Path::new("/w"));
        assert!(!flags.contains(&"--remap-path-prefix==".to_owned()), "would remap everything: {flags:?}");
    }
}
