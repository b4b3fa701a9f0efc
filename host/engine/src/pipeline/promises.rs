//! What a run promises about the records of each source at each sink, should it be killed and resumed.

use super::opening::ReadySink;
use super::prepare::ReadySource;
use crate::edge::{Delivery, Settlement};
use crate::plan::{Graph, Node};
use crate::report::Promise;

/// For each sink that the records of a source may come to; `is_kept` says whether the run keeps checkpoints.
pub(super) fn promises(sources: &[ReadySource], sinks: &[ReadySink], graph: &Graph, is_kept: bool) -> Vec<Promise> {
    let mut promises = Vec::new();
    for (source, from) in sources.iter().enumerate() {
        for (sink, to) in sinks.iter().enumerate() {
            if graph.leads(Node::Source(source), Node::Sink(sink)) {
                let delivery = delivery(from.settlement, is_kept && goes_back(to));
                promises.push(Promise { source: from.name.to_string(), sink: to.plan.name.to_string(), delivery });
            }
        }
    }
    promises
}

/// Whether what the sink holds after a resume is exactly what came before the checkpoint. What a source that acknowledges
/// feeds is not taken back so far, and what several writers have written, in this run or in the one that it resumes, has no
/// end to go back to.
fn goes_back(sink: &ReadySink) -> bool {
    let is_by_one = sink.others.is_empty() && !sink.was_by_several;
    !sink.answers && is_by_one && (sink.holds || sink.sink.delivery() == Delivery::ExactlyOnce)
}

fn delivery(settlement: Settlement, goes_back: bool) -> Delivery {
    match settlement {
        Settlement::Cursor if goes_back => Delivery::ExactlyOnce,
        Settlement::Cursor | Settlement::Receipt(_) => Delivery::AtLeastOnce,
        Settlement::Never => Delivery::AtMostOnce,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Per;

    #[test]
    fn a_source_promises_no_more_than_it_can_keep() {
        use Delivery::{AtLeastOnce, AtMostOnce, ExactlyOnce};
        let of = |settlement| [true, false].map(|goes_back| delivery(settlement, goes_back));
        assert_eq!(of(Settlement::Cursor), [ExactlyOnce, AtLeastOnce]);
        assert_eq!(of(Settlement::Receipt(Per::Record)), [AtLeastOnce; 2]);
        assert_eq!(of(Settlement::Never), [AtMostOnce; 2]);
    }
}
