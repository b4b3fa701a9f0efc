//! Renders a checked pipeline: its nodes, and whether it can run.

use super::inspection::in_short;
use super::numbers::plural;
use super::promise::of_node;
use super::style::{FAINT, GOOD, STRONG, paint};
use super::text::{folded, hung, left, one_line, width};
use crate::program::Warmth;
use crate::report::{CheckReport, CheckedNode, GrantUse, Role};

/// Columns of the word at the left.
const ROLE_COLUMNS: usize = 8;

/// Names wider than this are shortened.
const NAME_COLUMNS_MAX: usize = 24;

/// Less room beside the names, and what is said there stands below them.
const ROOM_MIN: usize = 24;

/// The nodes, a line each, with what they run and may reach below it; problems are not among it, those are errors. On a
/// terminal of `room` columns, lines are broken between words.
pub(crate) fn check(of: &CheckReport, room: Option<usize>) -> String {
    let mut text = String::new();
    if !of.nodes.is_empty() {
        text.push_str(&format!("{} {}\n\n", paint(FAINT, "pipeline"), paint(STRONG, one_line(&of.pipeline))));
    }
    let columns = of.nodes.iter().map(|node| width(&node.name)).max().unwrap_or(0).min(NAME_COLUMNS_MAX);
    let mut before: Option<&CheckedNode> = None;
    for node in &of.nodes {
        let promise = of_node(node.role, &node.name, &of.promises);
        let described = line(node, promise.as_deref(), before, columns);
        text.push_str(&room.map_or_else(|| described.clone(), |room| fitted(&described, columns, room)));
        before = Some(node);
    }
    if !of.problems.is_empty() && !of.nodes.is_empty() {
        // What is wrong follows, and stands apart.
        text.push('\n');
    }
    if of.problems.is_empty() {
        let verdict = format!("{} {} it can run\n", paint(GOOD, "ok:"), counted(of));
        text.push_str(&format!("\n{}", room.map_or_else(|| verdict.clone(), |room| folded(&verdict, room))));
    }
    text
}

/// The lines of a node, broken between words; what follows stands below what is said of it, where there is room for
/// that.
fn fitted(lines: &str, columns: usize, room: usize) -> String {
    let indent = ROLE_COLUMNS + columns + 2;
    if indent + ROOM_MIN <= room {
        return hung(lines, room, indent);
    }
    let blanks = format!("\n{}", " ".repeat(indent));
    folded(&lines.replace(&blanks, "\n    "), room)
}

/// A node with what it promises, and below it what it runs. Who feeds it is said where that is not simply the node
/// above.
fn line(node: &CheckedNode, promise: Option<&str>, before: Option<&CheckedNode>, columns: usize) -> String {
    let role = paint(FAINT, left(node.role.word(), ROLE_COLUMNS));
    let linear = match node.fed_by.as_slice() {
        [] => true,
        [feeder] => before.is_some_and(|before| before.name == *feeder),
        _ => false,
    };
    let feeders: Vec<String> = node.fed_by.iter().map(|name| one_line(name)).collect();
    let fed_by = if linear { String::new() } else { format!("  ← {}", feeders.join(", ")) };
    let name = one_line(&node.name);
    let promise = promise.map(|promise| format!(", {promise}")).unwrap_or_default();
    let mut text = format!("{role}{}  {}{promise}{fed_by}\n", left(&name, columns), one_line(&node.detail));
    if let Some(component) = &node.component {
        text.push_str(&format!("{}{}\n", " ".repeat(ROLE_COLUMNS + columns + 2), in_short(component)));
    }
    if !node.grants.is_empty() {
        let granted: Vec<String> = node.grants.iter().map(granted).collect();
        text.push_str(&format!("{}may reach {}\n", " ".repeat(ROLE_COLUMNS + columns + 2), granted.join(", ")));
    }
    if let Some(warmth) = node.warmth.as_ref().and_then(begins) {
        text.push_str(&format!("{}{}\n", " ".repeat(ROLE_COLUMNS + columns + 2), one_line(&warmth)));
    }
    text
}

/// How the instances of a stage begin. Nothing is said where there is nothing to gain.
pub(crate) fn begins(warmth: &Warmth) -> Option<String> {
    match warmth {
        Warmth::Warm | Warmth::Warmed { .. } => Some("opened once: every instance starts from that image".to_owned()),
        Warmth::Pending | Warmth::Unneeded => None,
        Warmth::Cold(why) => Some(format!("opened for every instance: {why}")),
    }
}

/// `read geo`, `env TZ + 3 more`.
fn granted(of: &GrantUse) -> String {
    match of.reaches.as_slice() {
        [] => format!("{}: nothing", of.key),
        [one] => format!("{}: {}", of.key, one_line(one)),
        [first, more @ ..] => format!("{}: {} and {} more", of.key, one_line(first), more.len()),
    }
}

fn counted(of: &CheckReport) -> String {
    let count = |role: Role| of.nodes.iter().filter(|node| node.role == role).count() as u64;
    let roles = [Role::Source, Role::Stage, Role::Sink].map(|role| plural(count(role), role.word()));
    format!("{}:", roles.join(", "))
}

#[cfg(test)]
mod tests {
    use super::super::inspection::tests::{stage, stranger};
    use super::*;
    use crate::edge::Delivery;
    use crate::error::Error;
    use crate::report::{Inspection, Problem, Promise};

    fn node(role: Role, name: &str, detail: &str, fed_by: &[&str]) -> CheckedNode {
        let fed_by = fed_by.iter().map(ToString::to_string).collect();
        CheckedNode {
            name: name.into(),
            role,
            detail: detail.into(),
            fed_by,
            component: None,
            grants: Vec::new(),
            warmth: None,
        }
    }

    fn running(of: Inspection, node: CheckedNode) -> CheckedNode {
        CheckedNode { component: Some(of), ..node }
    }

    fn grant(key: &'static str, reaches: &[&str]) -> GrantUse {
        GrantUse { key, reaches: reaches.iter().map(ToString::to_string).collect(), used_by: Vec::new() }
    }

    fn plain(of: &CheckReport) -> String {
        anstream::adapter::strip_str(&check(of, None)).to_string()
    }

    #[test]
    fn a_pipeline_that_can_run() {
        let of = CheckReport {
            pipeline: "access-log".into(),
            nodes: vec![
                node(Role::Source, "log", "file access.log, lines", &[]),
                CheckedNode {
                    grants: vec![
                        grant("read", &["data/geo as geo"]),
                        grant("env", &["TZ", "LANG of the host", "X"]),
                        grant("http", &[]),
                    ],
                    ..running(stage(), node(Role::Stage, "parse", "4 workers, order input", &["log"]))
                },
                node(Role::Sink, "visits", "sqlite out.db, table visits", &["parse"]),
                node(Role::Sink, "copy", "file all.jsonl", &["parse"]),
            ],
            promises: [("visits", Delivery::ExactlyOnce), ("copy", Delivery::AtLeastOnce)]
                .map(|(sink, delivery)| Promise { source: "log".into(), sink: sink.into(), delivery })
                .into(),
            warnings: Vec::new(),
            problems: Vec::new(),
        };
        assert_eq!(
            plain(&of),
            "\
pipeline access-log

source  log     file access.log, lines, exactly once to \"visits\", at least once to \"copy\"
stage   parse   4 workers, order input
                stages/parse/target/parse.wasm (23.1 KiB, imports ok)
                may reach read: data/geo as geo, env: TZ and 2 more, http: nothing
sink    visits  sqlite out.db, table visits, exactly once
sink    copy    file all.jsonl, at least once  ← parse

ok: 1 source, 1 stage, 2 sinks: it can run
"
        );
    }

    #[test]
    fn a_component_that_cannot_run_is_marked() {
        let of = CheckReport {
            pipeline: "odd".into(),
            nodes: vec![running(stranger(), node(Role::Stage, "odd", "1 worker", &["log"]))],
            promises: Vec::new(),
            warnings: Vec::new(),
            problems: vec![Problem::from(&Error::config("stage \"odd\" cannot run"))],
        };
        assert_eq!(
            plain(&of),
            "\
pipeline odd

stage   odd  1 worker  ← log
             vendor/stranger.wasm (23.1 KiB, 2 imports not provided)

"
        );
    }
}
