//! Renders a pipeline's imports and grants: what every component imports, and what it may reach.

use super::inspection::{defaults, labelled, list, name};
use super::numbers::bytes;
use super::style::{BAD, FAINT, GOOD, STRONG, WARN, paint};
use super::text::{left, one_line, width};
use crate::report::{CheckReport, CheckedNode, GrantUse, ImportUse, Provision};

/// Every node that runs a component: each import with the grant that provides it, each grant with what it reaches. What
/// is wrong with it is not said here: those are errors.
pub(crate) fn reach(of: &CheckReport) -> String {
    let mut text = format!("{} {}\n", paint(FAINT, "pipeline"), paint(STRONG, one_line(&of.pipeline)));
    let nodes: Vec<String> = of.nodes.iter().filter_map(node).collect();
    if nodes.is_empty() && of.problems.is_empty() {
        text.push_str("\nit runs no component, so there is nothing to grant\n");
    }
    text.extend(nodes);
    if !of.problems.is_empty() {
        // What is wrong follows, and stands apart.
        text.push('\n');
    }
    text
}

fn node(of: &CheckedNode) -> Option<String> {
    let component = of.component.as_ref()?;
    let mut text = format!("\n{} {}\n", paint(FAINT, of.role.word()), paint(STRONG, one_line(&of.name)));
    let path = one_line(&component.path.display().to_string());
    text.push_str(&labelled("runs", &format!("{path} ({})", bytes(component.bytes))));
    if let Some(suggested) = &component.defaults {
        text.push_str(&labelled("defaults", &defaults(suggested)));
    }
    text.push_str(&list("imports", &imports(&component.imports, &of.grants), "nothing: it can reach nothing"));
    text.push_str(&list("grants", &grants(&of.grants), "none"));
    Some(text)
}

fn imports(of: &[ImportUse], grants: &[GrantUse]) -> Vec<String> {
    let gives: Vec<(String, String)> = of.iter().map(|import| gives(import, grants)).collect();
    let names: Vec<String> = of.iter().map(|import| name(&import.name)).collect();
    let columns = names.iter().map(|name| width(name)).max().unwrap_or(0);
    let words = gives.iter().map(|(_, word)| width(word)).max().unwrap_or(0);
    let line = |((import, name), (painted, word)): ((&ImportUse, &String), &(String, String))| {
        let blanks = " ".repeat(words - width(word));
        format!("{}  {painted}{blanks}  {}", left(name, columns), one_line(&import.reaches))
    };
    of.iter().zip(&names).zip(&gives).map(line).collect()
}

/// What provides an import, with colours and without.
fn gives(import: &ImportUse, grants: &[GrantUse]) -> (String, String) {
    let written = || grants.iter().map(|grant| grant.key).filter(|key| import.grants.contains(key));
    let (style, word) = match import.provision {
        Provision::Always => (FAINT, "always".to_owned()),
        Provision::Granted => (GOOD, format!("by {}", written().collect::<Vec<_>>().join(", "))),
        Provision::Missing => (BAD, format!("refused without {}", import.grants.join(" or "))),
        Provision::Never => (BAD, "never".to_owned()),
    };
    (paint(style, &word), word)
}

fn grants(of: &[GrantUse]) -> Vec<String> {
    let columns = of.iter().map(|grant| width(grant.key)).max().unwrap_or(0);
    let line = |grant: &GrantUse| {
        let reaches: Vec<String> = grant.reaches.iter().map(|what| one_line(what)).collect();
        let reaches = if reaches.is_empty() { "nothing".to_owned() } else { reaches.join(", ") };
        let note = if grant.used_by.is_empty() { paint(WARN, "  (no import uses it)") } else { String::new() };
        format!("{}  {reaches}{note}", left(grant.key, columns))
    };
    of.iter().map(line).collect()
}
