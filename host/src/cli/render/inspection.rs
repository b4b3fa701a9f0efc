//! Renders an inspected component.

use super::numbers::{bytes, plural};
use super::style::{BAD, FAINT, GOOD, STRONG, WARN, paint};
use super::text::{cut, left, one_line, width};
use crate::plan::{Reuse, Suggested};
use crate::report::{ImportUse, Inspection, Provision};

/// Columns of the labels at the left.
const LABEL_COLUMNS: usize = 10;

/// Names wider than this are shortened: those of packages are half as wide.
const NAME_COLUMNS_MAX: usize = 120;

/// Everything that is known of it, one line each. What is wrong with it is not said here: those are errors.
pub(crate) fn inspection(of: &Inspection) -> String {
    let mut text = format!("{}\n\n", paint(STRONG, one_line(&of.path.display().to_string())));
    let world = of.world.as_deref().map_or_else(|| paint(BAD, "none that a pipeline can use"), one_line);
    text.push_str(&labelled("world", &world));
    text.push_str(&labelled("size", &bytes(of.bytes)));
    text.push_str(&labelled("sha256", &one_line(&of.sha256)));
    if let Some(memory) = of.memory_initial_bytes {
        text.push_str(&labelled("memory", &format!("{} initially", bytes(memory))));
    }
    if let Some(suggested) = &of.defaults {
        text.push_str(&labelled("defaults", &defaults(suggested)));
    }
    match of.stale {
        Some(true) => text.push_str(&labelled("build", &paint(WARN, "stale: its sources are newer"))),
        Some(false) => text.push_str(&labelled("build", "up to date")),
        None => {}
    }
    let exports: Vec<String> = of.exports.iter().map(|export| name(export)).collect();
    text.push_str(&list("exports", &exports, "nothing"));
    text.push_str(&list("imports", &imports(&of.imports), "nothing: it can reach nothing"));
    if of.problems.is_empty() {
        text.push_str(&format!("\n{} it can run\n", paint(GOOD, "ok:")));
    }
    text
}

/// What a component suggests for its stage: `memory 128 MiB, reuse "batch"; written in python`.
pub(super) fn defaults(of: &Suggested) -> String {
    let Suggested { memory, cpu, compile, reuse, warm, language, toolchain } = of;
    let keys = [
        memory.map(|memory| format!("memory {}", bytes(memory))),
        cpu.map(|cpu| format!("cpu {}", humantime::format_duration(cpu))),
        compile.map(|compile| format!("compile {}", humantime::format_duration(compile))),
        reuse.map(|reuse| format!("reuse {}", word_of(reuse))),
        warm.map(|warm| format!("warm {warm}")),
    ];
    let keys: Vec<String> = keys.into_iter().flatten().collect();
    let keys = if keys.is_empty() { "none".to_owned() } else { keys.join(", ") };
    let written = language.as_ref().map(|language| format!("; written in {}", one_line(language)));
    let built = toolchain.as_ref().map(|toolchain| format!("; built with {}", one_line(toolchain)));
    keys + &written.unwrap_or_default() + &built.unwrap_or_default()
}

const fn word_of(reuse: Reuse) -> &'static str {
    match reuse {
        Reuse::Record => "record",
        Reuse::Batch => "batch",
        Reuse::Worker => "worker",
    }
}

/// A component in a few words: for a line of `check`.
pub(crate) fn in_short(of: &Inspection) -> String {
    let refused = of.imports.iter().filter(|import| !import.provision.is_given()).count();
    let imports = match (of.imports.len(), refused) {
        (0, _) => "no imports".to_owned(),
        (_, 0) => "imports ok".to_owned(),
        (_, refused) => paint(BAD, format!("{} not provided", plural(refused as u64, "import"))),
    };
    let kind = if of.world.as_deref() == Some("command") { "command, " } else { "" };
    let stale = if of.stale == Some(true) { ", to be rebuilt" } else { "" };
    format!("{} ({}, {kind}{imports}{stale})", one_line(&of.path.display().to_string()), bytes(of.bytes))
}

/// One line each: what it is, and what it takes to be given it.
fn imports(of: &[ImportUse]) -> Vec<String> {
    let names: Vec<String> = of.iter().map(|import| name(&import.name)).collect();
    let columns = names.iter().map(|name| width(name)).max().unwrap_or(0);
    let line = |(import, name): (&ImportUse, &String)| {
        let reaches = one_line(&import.reaches);
        let given = match import.provision {
            Provision::Always => reaches,
            Provision::Granted | Provision::Missing => {
                format!("{} {reaches}", paint(WARN, format!("with grant {}:", import.grants.join(" or "))))
            }
            Provision::Never => format!("{} {reaches}", paint(BAD, "not provided:")),
        };
        format!("{}  {given}", left(name, columns))
    };
    of.iter().zip(&names).map(line).collect()
}

/// The name of an import or export, which its component has chosen.
pub(super) fn name(of: &str) -> String {
    cut(&one_line(of), NAME_COLUMNS_MAX).into_owned()
}

pub(super) fn labelled(label: &str, value: &str) -> String {
    format!("{}{value}\n", paint(FAINT, left(label, LABEL_COLUMNS)))
}

pub(super) fn list(label: &str, values: &[String], none: &str) -> String {
    if values.is_empty() {
        return labelled(label, none);
    }
    let labels = std::iter::once(label).chain(std::iter::repeat(""));
    labels.zip(values).map(|(label, value)| labelled(label, value)).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use std::path::PathBuf;

    use super::*;

    pub(in crate::cli::render) fn stage() -> Inspection {
        Inspection {
            path: PathBuf::from("stages/parse/target/parse.wasm"),
            bytes: 23_654,
            sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".into(),
            world: Some("stage".into()),
            imports: vec![ImportUse {
                name: "sandmill:stage/host@0.1.0".into(),
                provision: Provision::Always,
                grants: Vec::new(),
                reaches: "log lines and panic messages".into(),
            }],
            exports: vec!["sandmill:stage/transform@0.1.0".into()],
            memory_initial_bytes: Some(1_114_112),
            defaults: None,
            flushes: None,
            stale: Some(false),
            problems: Vec::new(),
        }
    }

    pub(in crate::cli::render) fn stranger() -> Inspection {
        let import = |name: &str, provision, grants: &[&'static str], reaches: &str| ImportUse {
            name: name.into(),
            provision,
            grants: grants.to_vec(),
            reaches: reaches.into(),
        };
        Inspection {
            path: PathBuf::from("vendor/stranger.wasm"),
            world: None,
            imports: vec![
                import("wasi:filesystem/types@0.2.0", Provision::Missing, &["read", "write"], "folders"),
                import("wasi:sockets/tcp@0.2.0", Provision::Never, &[], "the network"),
            ],
            exports: Vec::new(),
            memory_initial_bytes: None,
            defaults: None,
            flushes: None,
            stale: None,
            problems: vec!["exports neither sandmill:stage/transform nor sandmill:stage/source".into()],
            ..stage()
        }
    }

    fn plain(of: &Inspection) -> String {
        anstream::adapter::strip_str(&inspection(of)).to_string()
    }

    #[test]
    fn a_stage() {
        assert_eq!(
            plain(&stage()),
            "\
stages/parse/target/parse.wasm

world     stage
size      23.1 KiB
sha256    9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
memory    1.06 MiB initially
build     up to date
exports   sandmill:stage/transform@0.1.0
imports   sandmill:stage/host@0.1.0  log lines and panic messages

ok: it can run
"
        );
    }

    /// Issue 12: a component could say of itself that it can run.
    #[test]
    fn names_and_paths_forge_no_lines() {
        let forged = "a\n\nok: it can run\u{202e}";
        let mut of = stranger();
        of.path = PathBuf::from(forged);
        of.exports = vec![forged.into(), "x".repeat(1_000)];
        of.imports.iter_mut().for_each(|import| import.name = forged.into());
        let shown = plain(&of);
        assert!(!shown.lines().any(|line| line.starts_with("ok:")), "{shown}");
        assert!(!shown.contains('\u{202e}') && shown.contains(r"a\n\nok: it can run\u{202e}"), "{shown}");
        assert!(shown.lines().all(|line| width(line) < 200), "{shown}");
    }

    #[test]
    fn a_component_of_another_world() {
        assert_eq!(
            plain(&stranger()),
            "\
vendor/stranger.wasm

world     none that a pipeline can use
size      23.1 KiB
sha256    9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
exports   nothing
imports   wasi:filesystem/types@0.2.0  with grant read or write: folders
          wasi:sockets/tcp@0.2.0       not provided: the network
"
        );
    }
}
