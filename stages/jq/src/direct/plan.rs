//! From a filter's text to what is run, as far as that is simple.

use std::borrow::Cow;

use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Pattern, Term};
use jaq_core::ops::{Cmp, Math};
use jaq_core::path::{Opt, Part};
use jaq_core::{ValT as _, load};
use jaq_json::Val;
use serde_json::{Map, Value as Argument};

use super::value::{Name, Text, Value};
use crate::filter::{self, KEY};

/// A filter with more nodes is left to the interpreter: what it makes would be nested too deep.
const NODES_MAX: usize = 300;

/// A part of a filter.
pub(super) struct Node {
    pub(super) kind: Kind,
    /// It gives exactly one value, or fails, whatever comes.
    pub(super) is_single: bool,
}

pub(super) enum Kind {
    Id,
    Constant(Value<'static>),
    /// Counted from the innermost.
    Variable(usize),
    Argument(usize),
    Key,
    Path(Box<Node>, Vec<(Step, Opt)>),
    Pipe(Box<Node>, Box<Node>),
    Bind(Box<Node>, Box<Node>),
    Comma(Box<Node>, Box<Node>),
    Alternative(Box<Node>, Box<Node>),
    Logic(Box<Node>, bool, Box<Node>),
    Math(Box<[Node; 2]>, Math),
    Compare(Box<[Node; 2]>, Cmp),
    Negative(Box<Node>),
    If(Box<Node>, Box<Node>, Box<Node>),
    Try(Box<Node>, Option<Box<Node>>),
    Object(Vec<Name>, Vec<Node>),
    Array(Option<Box<Node>>),
    Text(Vec<Node>),
    Empty,
    Error(Box<Node>),
    Not,
    Select(Box<Node>),
    ToText,
    /// A function of the interpreter, and how it is done where that is quick.
    Call(Quick, jaq_core::Filter<filter::Jq>),
}

pub(super) enum Step {
    Member(Name),
    At(Val),
    Each,
}

/// What is done without the interpreter where a function's input is plain.
pub(super) enum Quick {
    Nothing,
    Upper,
    Lower,
    Length,
    Begins(Vec<u8>),
    Ends(Vec<u8>),
    Has(Name),
}

/// Gives nothing where the filter says more than is planned here. It has been compiled by the interpreter, and is right.
pub(super) fn filter(code: &str, arguments: &Map<String, Argument>) -> Option<Node> {
    let term = load::parse(code, |parser| parser.term())?;
    let mut plan = Plan { arguments: arguments.keys().map(String::as_str).collect(), variables: Vec::new(), nodes: 0 };
    plan.node(&term)
}

struct Plan<'a> {
    arguments: Vec<&'a str>,
    /// Those in scope, the innermost last.
    variables: Vec<String>,
    nodes: usize,
}

impl Plan<'_> {
    fn node(&mut self, term: &Term<&str>) -> Option<Node> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            return None;
        }
        let kind = self.kind(term)?;
        let is_single = kind.is_single();
        Some(Node { kind, is_single })
    }

    fn boxed(&mut self, term: &Term<&str>) -> Option<Box<Node>> {
        self.node(term).map(Box::new)
    }

    fn kind(&mut self, term: &Term<&str>) -> Option<Kind> {
        Some(match term {
            Term::Id => Kind::Id,
            Term::Num(number) => Kind::Constant(match number.parse() {
                Ok(number) => Value::Int(number),
                Err(_) => Value::Other(Val::from_num(number).ok()?),
            }),
            Term::Str(None, parts) => self.text(parts)?,
            Term::Arr(None) => Kind::Array(None),
            Term::Arr(Some(values)) => Kind::Array(Some(self.boxed(values)?)),
            Term::Obj(members) => self.object(members)?,
            Term::Neg(term) => Kind::Negative(self.boxed(term)?),
            Term::BinOp(left, operator, right) => self.operation(left, operator, right)?,
            Term::TryCatch(term, None) => Kind::Try(self.boxed(term)?, None),
            Term::TryCatch(term, Some(catch)) => Kind::Try(self.boxed(term)?, Some(self.boxed(catch)?)),
            Term::IfThenElse(branches, otherwise) => self.branches(branches, otherwise.as_deref())?,
            Term::Call(name, arguments) => self.call(name, arguments)?,
            Term::Var(name) => self.variable(name)?,
            Term::Path(term, path) => {
                let steps = path.0.iter().map(|(part, opt)| Some((step(part)?, *opt)));
                Kind::Path(self.boxed(term)?, steps.collect::<Option<_>>()?)
            }
            _ => return None,
        })
    }

    fn operation(&mut self, left: &Term<&str>, operator: &BinaryOp<&str>, right: &Term<&str>) -> Option<Kind> {
        let first = self.boxed(left)?;
        if let BinaryOp::Pipe(Some(pattern)) = operator {
            let Pattern::Var(name) = pattern else { return None };
            self.variables.push((*name).to_owned());
            let second = self.boxed(right);
            self.variables.pop();
            return Some(Kind::Bind(first, second?));
        }
        let second = self.boxed(right)?;
        Some(match operator {
            BinaryOp::Pipe(_) => Kind::Pipe(first, second),
            BinaryOp::Comma => Kind::Comma(first, second),
            BinaryOp::Alt => Kind::Alternative(first, second),
            BinaryOp::Or => Kind::Logic(first, true, second),
            BinaryOp::And => Kind::Logic(first, false, second),
            BinaryOp::Math(math) => Kind::Math(Box::new([*first, *second]), *math),
            BinaryOp::Cmp(compare) => Kind::Compare(Box::new([*first, *second]), *compare),
            BinaryOp::Assign | BinaryOp::Update | BinaryOp::UpdateMath(_) | BinaryOp::UpdateAlt => return None,
        })
    }

    fn branches(&mut self, branches: &[(Term<&str>, Term<&str>)], otherwise: Option<&Term<&str>>) -> Option<Kind> {
        let Some(((condition, then), rest)) = branches.split_first() else {
            return otherwise.map_or(Some(Kind::Id), |term| self.kind(term));
        };
        let (condition, then) = (self.boxed(condition)?, self.boxed(then)?);
        let kind = self.branches(rest, otherwise)?;
        let is_single = kind.is_single();
        Some(Kind::If(condition, then, Box::new(Node { kind, is_single })))
    }

    fn variable(&self, name: &str) -> Option<Kind> {
        if let Some(at) = self.variables.iter().rev().position(|variable| variable == name) {
            return Some(Kind::Variable(at));
        }
        if name == KEY {
            return Some(Kind::Key);
        }
        let at = self.arguments.iter().position(|argument| Some(*argument) == name.strip_prefix('$'));
        at.map(Kind::Argument)
    }

    fn text(&mut self, parts: &[StrPart<&str, Term<&str>>]) -> Option<Kind> {
        let mut nodes: Vec<Node> = Vec::new();
        let mut plain = String::new();
        for part in parts {
            match part {
                StrPart::Str(text) => plain.push_str(text),
                StrPart::Char(char) => plain.push(*char),
                StrPart::Term(term) => {
                    nodes.push(Node::constant(std::mem::take(&mut plain)));
                    nodes.push(self.node(term)?);
                }
            }
        }
        if nodes.is_empty() {
            return Some(constant(plain));
        }
        nodes.push(Node::constant(plain));
        Some(Kind::Text(nodes))
    }

    fn object(&mut self, members: &[(Term<&str>, Option<Term<&str>>)]) -> Option<Kind> {
        let (mut names, mut values) = (Vec::<Name>::new(), Vec::new());
        for (name, value) in members {
            let (text, value) = match (name, value) {
                (Term::Var(name), None) => (name.strip_prefix('$')?.to_owned(), self.node(&Term::Var(*name))?),
                (name, Some(value)) => (literal(name)?, self.node(value)?),
                (name, None) => (literal(name)?, Node::member(literal(name)?)?),
            };
            if names.iter().any(|name| name.text == text) {
                return None;
            }
            names.push(Name::new(text)?);
            values.push(value);
        }
        Some(Kind::Object(names, values))
    }

    fn call(&mut self, name: &str, arguments: &[Term<&str>]) -> Option<Kind> {
        Some(match (name, arguments) {
            ("true", []) => Kind::Constant(Value::Bool(true)),
            ("false", []) => Kind::Constant(Value::Bool(false)),
            ("null", []) => Kind::Constant(Value::Null),
            ("empty", []) => Kind::Empty,
            ("not", []) => Kind::Not,
            ("tostring", []) => Kind::ToText,
            ("error", []) => Kind::Error(Box::new(Node { kind: Kind::Id, is_single: true })),
            ("error", [message]) => Kind::Error(self.boxed(message)?),
            ("select", [condition]) => Kind::Select(self.boxed(condition)?),
            ("map", [each]) => {
                let step = (Step::Each, Opt::Essential);
                let values = Kind::Path(Box::new(Node { kind: Kind::Id, is_single: true }), vec![step]);
                let values = Box::new(Node { kind: values, is_single: false });
                let mapped = Kind::Pipe(values, self.boxed(each)?);
                Kind::Array(Some(Box::new(Node { kind: mapped, is_single: false })))
            }
            _ => interpreted(name, arguments)?,
        })
    }
}

/// Functions of the interpreter that are called with nothing but literals. Whatever emits, logs or reaches for the
/// filter's surroundings is left to it as a whole.
fn interpreted(name: &str, arguments: &[Term<&str>]) -> Option<Kind> {
    const OTHERS: [&str; 9] =
        ["to", "keyed", "debug", "stderr", "debug_empty", "stderr_empty", "error_empty", "path", "path_value"];
    if OTHERS.contains(&name) || name.contains("::") {
        return None;
    }
    let text = arguments.first().and_then(literal);
    let quick = match (name, arguments, text) {
        ("ascii_upcase", [], _) => Quick::Upper,
        ("ascii_downcase", [], _) => Quick::Lower,
        ("length", [], _) => Quick::Length,
        ("startswith", [_], Some(text)) => Quick::Begins(text.into_bytes()),
        ("endswith", [_], Some(text)) => Quick::Ends(text.into_bytes()),
        ("has", [_], Some(text)) => Quick::Has(Name::new(text)?),
        _ => Quick::Nothing,
    };
    let arguments = arguments.iter().map(|argument| match argument {
        Term::Num(number) => Some((*number).to_owned()),
        // Texts of JSON are texts of the language, but for what begins an interpolation, which JSON does not have.
        other => literal(other).map(|text| Argument::from(text).to_string()),
    });
    let arguments = arguments.collect::<Option<Vec<_>>>()?.join("; ");
    let call = if arguments.is_empty() { name.to_owned() } else { format!("{name}({arguments})") };
    Some(Kind::Call(quick, filter::compile(&call, &[]).ok()?))
}

fn step(part: &Part<Term<&str>>) -> Option<Step> {
    match part {
        Part::Range(None, None) => Some(Step::Each),
        Part::Index(Term::Num(number)) => Some(Step::At(Val::from(number.parse::<isize>().ok()?))),
        Part::Index(name) => Some(Step::Member(Name::new(literal(name)?)?)),
        Part::Range(..) => None,
    }
}

/// A string without anything to calculate.
fn literal(term: &Term<&str>) -> Option<String> {
    let Term::Str(None, parts) = term else { return None };
    let mut text = String::new();
    for part in parts {
        match part {
            StrPart::Str(part) => text.push_str(part),
            StrPart::Char(part) => text.push(*part),
            StrPart::Term(_) => return None,
        }
    }
    Some(text)
}

fn constant(text: String) -> Kind {
    Kind::Constant(Value::Text(Text::new(Cow::Owned(text.into_bytes()))))
}

impl Node {
    fn constant(text: String) -> Self {
        Self { kind: constant(text), is_single: true }
    }

    /// A member of the input.
    fn member(name: String) -> Option<Self> {
        let step = (Step::Member(Name::new(name)?), Opt::Essential);
        Some(Self { kind: Kind::Path(Box::new(Self { kind: Kind::Id, is_single: true }), vec![step]), is_single: true })
    }
}

impl Kind {
    fn is_single(&self) -> bool {
        match self {
            Self::Id | Self::Constant(_) | Self::Variable(_) | Self::Argument(_) | Self::Key => true,
            Self::Not | Self::ToText | Self::Array(_) => true,
            Self::Empty | Self::Comma(..) | Self::Select(_) | Self::Try(_, None) => false,
            Self::Call(quick, _) => !matches!(quick, Quick::Nothing),
            Self::Negative(node) | Self::Error(node) => node.is_single,
            Self::Path(node, steps) => {
                let is_single =
                    |(step, opt): &(Step, Opt)| !matches!(step, Step::Each) && matches!(opt, Opt::Essential);
                node.is_single && steps.iter().all(is_single)
            }
            Self::Math(sides, _) | Self::Compare(sides, _) => sides.iter().all(|node| node.is_single),
            Self::Object(_, nodes) | Self::Text(nodes) => nodes.iter().all(|node| node.is_single),
            Self::Pipe(first, second)
            | Self::Bind(first, second)
            | Self::Alternative(first, second)
            | Self::Logic(first, _, second)
            | Self::Try(first, Some(second)) => first.is_single && second.is_single,
            Self::If(condition, then, otherwise) => condition.is_single && then.is_single && otherwise.is_single,
        }
    }
}
