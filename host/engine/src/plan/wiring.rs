//! Wires a pipeline: inputs by name become wires, and the wires a graph that lets every record through.
//!
//! Every stage and sink reads something, every output is read, and there is no cycle. From these three it follows that
//! everything is reached from a source and leads to a sink.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::assemble::word;
use super::{Feed, Flaw, Graph, Inputs, Node, Part, Parts, Wire};
use crate::suggest;

/// Most names that a message lists.
const NAMES_MAX: usize = 10;

/// Wires the parts. Their names must have been checked.
pub(super) fn connect(parts: &Parts) -> Result<Graph, Flaw> {
    let mut wiring = Wiring::of(parts);
    for (index, (_, inputs)) in parts.stages.iter().enumerate() {
        wiring.feed(Node::Stage(index), inputs)?;
    }
    for (index, (_, inputs)) in parts.sinks.iter().enumerate() {
        wiring.feed(Node::Sink(index), inputs)?;
    }
    let graph = wiring.graph;
    refuse_cycle(parts, &graph)?;
    refuse_unread(parts, &graph)?;
    Ok(graph)
}

struct Wiring<'a> {
    parts: &'a Parts,
    nodes: HashMap<&'a str, Node>,
    laid: HashSet<Wire>,
    graph: Graph,
}

impl<'a> Wiring<'a> {
    fn of(parts: &'a Parts) -> Self {
        let nodes = parts.nodes().map(|(node, name)| (&**name, node)).collect();
        Self { parts, nodes, laid: HashSet::new(), graph: Graph::default() }
    }

    /// Lays the wires to one stage or sink.
    fn feed(&mut self, to: Node, inputs: &Inputs) -> Result<(), Flaw> {
        let names = match inputs {
            Inputs::Before => {
                for before in self.before(to) {
                    let from = self.only_output(before, Part::Node(to))?;
                    self.lay(Wire { from, to }, Part::Node(to))?;
                }
                return Ok(());
            }
            Inputs::Named(names) => names,
        };
        if names.is_empty() {
            let message = format!("{} {:?} reads nothing", word(to), self.name(to));
            return Err(Flaw::new(Part::Input(to, 0), message).hint("name at least one source or stage that it reads"));
        }
        for (index, name) in names.iter().enumerate() {
            let part = Part::Input(to, index);
            let from = self.output(name, part)?;
            if from.node == to {
                return Err(Flaw::new(part, format!("stage {:?} reads from itself", self.name(to))));
            }
            self.lay(Wire { from, to }, part)?;
        }
        Ok(())
    }

    /// The inputs of a stage or sink that names none.
    fn before(&self, to: Node) -> Vec<Node> {
        let last = match to {
            Node::Stage(index) => index.checked_sub(1),
            Node::Source(_) | Node::Sink(_) => self.parts.stages.len().checked_sub(1),
        };
        last.map_or_else(|| (0..self.parts.sources.len()).map(Node::Source).collect(), |last| vec![Node::Stage(last)])
    }

    /// The output that `node` or `node.port` names.
    fn output(&self, name: &str, part: Part) -> Result<Feed, Flaw> {
        let (node_name, port) = match name.split_once('.') {
            Some((node, port)) => (node, Some(port)),
            None => (name, None),
        };
        let Some(&node) = self.nodes.get(node_name) else {
            return Err(self.unknown(name, node_name, part));
        };
        match (node, port) {
            (Node::Sink(_), _) => {
                let message = format!("sink {node_name:?} cannot be read: records end there");
                Err(Flaw::new(part, message).hint("name a source or a stage"))
            }
            (Node::Source(_) | Node::Stage(_), None) => self.only_output(node, part),
            (Node::Source(_), Some(_)) => {
                Err(Flaw::new(part, format!("source {node_name:?} has no ports")).hint(format!("write {node_name:?}")))
            }
            (Node::Stage(_), Some(port)) => self.port(node, port, part),
        }
    }

    fn port(&self, node: Node, port: &str, part: Part) -> Result<Feed, Flaw> {
        let ports = self.ports(node);
        if let Some(index) = ports.iter().position(|&name| name == port) {
            return Ok(Feed { node, port: u16::try_from(index).expect("names were checked, and the number of ports") });
        }
        let flaw = Flaw::new(part, format!("stage {:?} has no port {port:?}", self.name(node)));
        Err(match suggest::nearest(port, ports.iter().copied()) {
            Some(near) => flaw.hint(format!("did you mean \"{}.{near}\"?", self.name(node))),
            None if ports.is_empty() => flaw.hint("it has no ports: name the stage alone, or give it \"ports\""),
            None => flaw.hint(format!("its ports: {}", ports.join(", "))),
        })
    }

    /// The output of a node that has but one.
    fn only_output(&self, node: Node, part: Part) -> Result<Feed, Flaw> {
        let ports = self.ports(node);
        if let [first, _, ..] = *ports {
            let name = self.name(node);
            let message = format!("stage {name:?} has {} ports, so the one to read must be named", ports.len());
            return Err(Flaw::new(part, message).hint(format!("name the port: \"{name}.{first}\"")));
        }
        Ok(Feed { node, port: 0 })
    }

    fn lay(&mut self, wire: Wire, part: Part) -> Result<(), Flaw> {
        if !self.laid.insert(wire) {
            let (to, from) = (self.name(wire.to), self.name(wire.from.node));
            let message = format!("{} {to:?} reads {} {from:?} twice", word(wire.to), word(wire.from.node));
            return Err(Flaw::new(part, message).hint("it would get every record twice; name it once"));
        }
        self.graph.wires.push(wire);
        Ok(())
    }

    fn unknown(&self, name: &str, node_name: &str, part: Part) -> Flaw {
        let flaw = Flaw::new(part, format!("there is no source or stage {node_name:?}"));
        let reader = if let Part::Input(reader, _) = part { Some(reader) } else { None };
        let outputs = || self.parts.nodes().filter(|&(node, _)| !matches!(node, Node::Sink(_)) && Some(node) != reader);
        if let Some(near) = suggest::nearest(node_name, outputs().map(|(_, name)| &**name)) {
            let port = name.strip_prefix(node_name).unwrap_or_default();
            return flaw.hint(format!("did you mean \"{near}{port}\"?"));
        }
        // A port named without its stage.
        let owner = outputs().find(|&(node, _)| self.ports(node).contains(&node_name));
        match owner {
            Some((_, stage)) => flaw.hint(format!("did you mean \"{stage}.{node_name}\"?")),
            None => flaw.hint(format!("sources and stages: {}", listed(outputs().map(|(_, name)| &**name)))),
        }
    }

    fn ports(&self, node: Node) -> Vec<&'a str> {
        match node {
            Node::Stage(index) => self
                .parts
                .stages
                .get(index)
                .into_iter()
                .flat_map(|(stage, _)| &stage.ports)
                .map(|port| &**port)
                .collect(),
            Node::Source(_) | Node::Sink(_) => Vec::new(),
        }
    }

    fn name(&self, node: Node) -> &'a str {
        name(self.parts, node)
    }
}

/// Some names, with commas.
fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut names: Vec<_> = names.take(NAMES_MAX + 1).collect();
    if names.len() > NAMES_MAX {
        names.pop();
        names.push("…");
    }
    names.join(", ")
}

fn name(parts: &Parts, node: Node) -> &str {
    match node {
        Node::Source(index) => parts.sources.get(index).map(|source| &*source.name),
        Node::Stage(index) => parts.stages.get(index).map(|(stage, _)| &*stage.name),
        Node::Sink(index) => parts.sinks.get(index).map(|(sink, _)| &*sink.name),
    }
    .unwrap_or_default()
}

/// Takes away, again and again, the stages that read no other stage; what cannot be taken away holds a cycle.
fn refuse_cycle(parts: &Parts, graph: &Graph) -> Result<(), Flaw> {
    let mut feeders: BTreeMap<usize, BTreeSet<usize>> =
        (0..parts.stages.len()).map(|stage| (stage, BTreeSet::new())).collect();
    let mut readers: HashMap<usize, Vec<usize>> = HashMap::new();
    for wire in &graph.wires {
        if let (Node::Stage(from), Node::Stage(to)) = (wire.from.node, wire.to) {
            feeders.entry(to).or_default().insert(from);
            readers.entry(from).or_default().push(to);
        }
    }
    let mut free: Vec<usize> = feeders.iter().filter(|(_, from)| from.is_empty()).map(|(&stage, _)| stage).collect();
    while let Some(stage) = free.pop() {
        feeders.remove(&stage);
        for reader in readers.get(&stage).into_iter().flatten() {
            if let Some(from) = feeders.get_mut(reader)
                && from.remove(&stage)
                && from.is_empty()
            {
                free.push(*reader);
            }
        }
    }
    match feeders.keys().next() {
        None => Ok(()),
        Some(&first) => Err(cycle(parts, &feeders, first)),
    }
}

/// Walks upstream from a stage whose feeders are all in or after a cycle, until a stage comes back.
fn cycle(parts: &Parts, feeders: &BTreeMap<usize, BTreeSet<usize>>, first: usize) -> Flaw {
    let mut walked = vec![first];
    let mut start = 0;
    while let Some(&before) = walked.last().and_then(|stage| feeders.get(stage)).and_then(BTreeSet::first) {
        if let Some(position) = walked.iter().position(|&stage| stage == before) {
            start = position;
            break;
        }
        walked.push(before);
    }
    let mut ring: Vec<usize> = walked.split_off(start);
    ring.reverse();
    // Begins with the stage that is written first.
    let earliest = ring.iter().enumerate().min_by_key(|&(_, stage)| *stage).map_or(0, |(position, _)| position);
    ring.rotate_left(earliest);
    let stage = ring.first().copied().unwrap_or(first);
    let quoted = |stage: &usize| format!("{:?}", name(parts, Node::Stage(*stage)));
    let mut names: Vec<String> = ring.iter().take(NAMES_MAX).map(quoted).collect();
    if ring.len() > NAMES_MAX {
        names.push("…".to_owned());
    }
    names.extend(ring.first().map(quoted));
    let names = names.join(" -> ");
    Flaw::new(Part::Node(Node::Stage(stage)), format!("stages feed each other in a circle: {names}"))
        .hint("records must flow from a source to a sink; take one of these out of \"from\"")
}

fn refuse_unread(parts: &Parts, graph: &Graph) -> Result<(), Flaw> {
    let read: HashSet<Feed> = graph.wires.iter().map(|wire| wire.from).collect();
    for (index, source) in parts.sources.iter().enumerate() {
        let node = Node::Source(index);
        if !read.contains(&Feed { node, port: 0 }) {
            return Err(unread(Part::Node(node), &format!("source {:?}", source.name), &source.name));
        }
    }
    for (index, (stage, _)) in parts.stages.iter().enumerate() {
        let node = Node::Stage(index);
        if stage.ports.is_empty() && !read.contains(&Feed { node, port: 0 }) {
            return Err(unread(Part::Node(node), &format!("stage {:?}", stage.name), &stage.name));
        }
        for (position, (port, name)) in (0..).zip(&stage.ports).enumerate() {
            if !read.contains(&Feed { node, port }) {
                let what = format!("port {name:?} of stage {:?}", stage.name);
                return Err(unread(Part::Port(index, position), &what, &format!("{}.{name}", stage.name)));
            }
        }
    }
    Ok(())
}

fn unread(part: Part, what: &str, name: &str) -> Flaw {
    Flaw::new(part, format!("nothing reads {what}"))
        .hint(format!("add {name:?} to the \"from\" of a stage or sink, or remove it"))
}
