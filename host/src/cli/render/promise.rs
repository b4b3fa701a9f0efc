//! What a pipeline promises, in words.

use super::closing::name;
use crate::edge::Delivery;
use crate::report::{Promise, Role};

/// What one node promises: the same about all records, or about those of (or for) each node at the other end.
pub(super) fn of_node(role: Role, node: &str, promises: &[Promise]) -> Option<String> {
    let ends = |Promise { source, sink, delivery }: &Promise| match role {
        Role::Source if source == node => Some((*delivery, format!("{delivery} to \"{}\"", name(sink)))),
        Role::Sink if sink == node => Some((*delivery, format!("{delivery} from \"{}\"", name(source)))),
        Role::Source | Role::Stage | Role::Sink => None,
    };
    let (deliveries, said): (Vec<Delivery>, Vec<String>) = promises.iter().filter_map(ends).unzip();
    let first = deliveries.first()?;
    let is_same = deliveries.iter().all(|delivery| delivery == first);
    Some(if is_same { first.to_string() } else { said.join(", ") })
}

/// What a run promises, in a line; empty where there is nothing to promise.
pub(super) fn of_run(promises: &[Promise]) -> String {
    let Some(first) = promises.first() else { return String::new() };
    if promises.iter().all(|promise| promise.delivery == first.delivery) {
        return format!("delivery: {}\n", first.delivery);
    }
    let each = promises
        .iter()
        .map(|Promise { source, sink, delivery }| format!("\"{}\" to \"{}\" {delivery}", name(source), name(sink)));
    format!("delivery: {}\n", each.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn promise(source: &str, sink: &str, delivery: Delivery) -> Promise {
        Promise { source: source.to_owned(), sink: sink.to_owned(), delivery }
    }

    #[test]
    fn what_is_the_same_for_all_is_said_once() {
        let promises = [promise("log", "table", Delivery::ExactlyOnce), promise("log", "copy", Delivery::ExactlyOnce)];
        assert_eq!(of_node(Role::Source, "log", &promises).as_deref(), Some("exactly once"));
        assert_eq!(of_node(Role::Stage, "log", &promises), None);
        assert_eq!(of_run(&promises), "delivery: exactly once\n");
        assert_eq!(of_run(&[]), "");
    }

    #[test]
    fn what_differs_is_said_of_each() {
        let promises = [
            promise("log", "table", Delivery::ExactlyOnce),
            promise("log", "stdout", Delivery::AtLeastOnce),
            promise("stdin", "table", Delivery::AtMostOnce),
        ];
        let said = [(Role::Source, "log"), (Role::Sink, "table"), (Role::Sink, "stdout"), (Role::Source, "stdin")]
            .map(|(role, node)| of_node(role, node, &promises).expect("an edge"));
        let expected = [
            "exactly once to \"table\", at least once to \"stdout\"",
            "exactly once from \"log\", at most once from \"stdin\"",
            "at least once",
            "at most once",
        ];
        assert_eq!(said, expected);
        let run = "delivery: \"log\" to \"table\" exactly once, \"log\" to \"stdout\" at least once, \"stdin\" to \"table\" at most once\n";
        assert_eq!(of_run(&promises), run);
    }
}
