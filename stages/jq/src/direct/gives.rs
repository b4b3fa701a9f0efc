//! What the parts of a filter give, as far as that is known before they run.

use jaq_core::path::Opt;

use super::plan::{Kind, Node, Quick, Step};

/// What a part gives, whatever comes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Gives {
    /// Exactly one value, or an error.
    One,
    /// Its input or nothing, or an error.
    InputOrNothing,
    Any,
}

impl Kind {
    pub(super) fn gives(&self) -> Gives {
        match self {
            Self::Select(condition) if condition.is_single() => Gives::InputOrNothing,
            Self::Pipe(first, second) if first.is_test() && second.is_test() => Gives::InputOrNothing,
            kind if kind.is_single() => Gives::One,
            _ => Gives::Any,
        }
    }

    fn is_single(&self) -> bool {
        match self {
            Self::Id | Self::Constant(_) | Self::Variable(_) | Self::Argument(_) | Self::Key => true,
            Self::Not | Self::ToText | Self::Array(_) => true,
            Self::Empty | Self::Comma(..) | Self::Select(_) | Self::Sent(_) | Self::Try(_, None) => false,
            Self::Call(quick, _) => !matches!(quick, Quick::Nothing),
            Self::Negative(node) | Self::Error(node) => node.is_single(),
            Self::Path(node, steps) => {
                let is_single =
                    |(step, opt): &(Step, Opt)| !matches!(step, Step::Each) && matches!(opt, Opt::Essential);
                node.is_single() && steps.iter().all(is_single)
            }
            Self::Math(sides, _) | Self::Compare(sides, _) => sides.iter().all(Node::is_single),
            Self::Object(_, nodes) | Self::Text(nodes) => nodes.iter().all(Node::is_single),
            Self::Pipe(first, second)
            | Self::Bind(first, second)
            | Self::Alternative(first, second)
            | Self::Logic(first, _, second)
            | Self::Try(first, Some(second)) => first.is_single() && second.is_single(),
            Self::If(condition, then, otherwise) => condition.is_single() && then.is_single() && otherwise.is_single(),
        }
    }
}
