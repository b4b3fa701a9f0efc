//! The graph of a pipeline: which node feeds which.

/// A source, stage or sink, by its position in the plan's list of that kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Node {
    /// `plan.sources[i]`.
    Source(usize),
    /// `plan.stages[i]`.
    Stage(usize),
    /// `plan.sinks[i]`.
    Sink(usize),
}

/// One output of a node: a source has one, a stage as many as it has ports (at least one).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Feed {
    /// A source or a stage.
    pub node: Node,
    /// The number of the output, from 0.
    pub port: u16,
}

/// Records flow from `from` to `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Wire {
    /// An output of a source or stage.
    pub from: Feed,
    /// A stage or a sink.
    pub to: Node,
}

/// All wires of a pipeline.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    /// The wires, in the order in which they are written.
    pub wires: Vec<Wire>,
}

impl Graph {
    /// The nodes that read from `feed`. If there are several, each gets every record.
    pub fn consumers(&self, feed: Feed) -> impl Iterator<Item = Node> {
        self.wires.iter().filter(move |wire| wire.from == feed).map(|wire| wire.to)
    }

    /// Whether records of `from` may come to `to`, through whatever is between them.
    #[must_use]
    pub fn leads(&self, from: Node, to: Node) -> bool {
        let (mut reached, mut looked_at) = (vec![from], 0);
        while let Some(node) = reached.get(looked_at).copied() {
            looked_at += 1;
            for wire in self.wires.iter().filter(|wire| wire.from.node == node) {
                if !reached.contains(&wire.to) {
                    reached.push(wire.to);
                }
            }
        }
        reached.contains(&to)
    }
}
