//! From a filter's text to what is run, as far as that is simple.

use std::borrow::Cow;
use std::cell::OnceCell;

use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Pattern, Term};
use jaq_core::ops::{Cmp, Math};
use jaq_core::path::{Opt, Part};
use jaq_core::{ValT as _, load};
use jaq_json::Val;
use serde_json::{Map, Value as Argument};

use super::gives::Gives;
use super::value::{Name, Text, Value};
use crate::filter::{self, KEY};

/// A filter with more nodes is left to the interpreter: what it makes would be nested too deep.
const NODES_MAX: usize = 300;

/// A part of a filter.
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) gives: Gives,
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
    /// Emits, and gives nothing. Only in places where what a part gives is emitted.
    Sent(Box<Sent>),
    /// A function of the interpreter, and how it is done where that is quick.
    Call(Quick, Function),
}

/// A call of a function of the interpreter, which is compiled when it is needed: where it is done without, it may never be.
pub(super) struct Function {
    code: String,
    compiled: OnceCell<Option<jaq_core::Filter<filter::Jq>>>,
}

/// What is emitted elsewhere than the filter's own outputs.
pub(super) struct Sent {
    pub(super) port: Option<Node>,
    pub(super) key: Option<Node>,
    pub(super) node: Node,
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
    plan.emitted(&term)
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
        self.kind(term).map(Node::new)
    }

    /// A part of which all that it gives is emitted.
    fn emitted(&mut self, term: &Term<&str>) -> Option<Node> {
        let kind = match term {
            Term::BinOp(first, BinaryOp::Pipe(None), second) => {
                Kind::Pipe(self.boxed(first)?, Box::new(self.emitted(second)?))
            }
            Term::BinOp(first, BinaryOp::Pipe(Some(Pattern::Var(name))), second) => {
                self.binding(first, name, second, Self::emitted)?
            }
            Term::BinOp(first, BinaryOp::Comma, second) => {
                Kind::Comma(Box::new(self.emitted(first)?), Box::new(self.emitted(second)?))
            }
            Term::IfThenElse(branches, otherwise) => self.branches(branches, otherwise.as_deref(), Self::emitted)?,
            Term::Call("to", arguments) => match arguments.as_slice() {
                [port, node] => self.sent(Some(port), None, node)?,
                [port, key, node] => self.sent(Some(port), Some(key), node)?,
                _ => return None,
            },
            Term::Call("keyed", arguments) => match arguments.as_slice() {
                [key, node] => self.sent(None, Some(key), node)?,
                _ => return None,
            },
            other => return self.node(other),
        };
        Some(Node::new(kind))
    }

    fn sent(&mut self, port: Option<&Term<&str>>, key: Option<&Term<&str>>, node: &Term<&str>) -> Option<Kind> {
        let mut argument = |term: Option<&Term<&str>>| match term {
            Some(term) => self.node(term).filter(Node::is_single).map(Some),
            None => Some(None),
        };
        let (port, key) = (argument(port)?, argument(key)?);
        Some(Kind::Sent(Box::new(Sent { port, key, node: self.emitted(node)? })))
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
            Term::IfThenElse(branches, otherwise) => self.branches(branches, otherwise.as_deref(), Self::node)?,
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
        if let BinaryOp::Pipe(Some(pattern)) = operator {
            let Pattern::Var(name) = pattern else { return None };
            return self.binding(left, name, right, Self::node);
        }
        let first = self.boxed(left)?;
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

    fn binding(
        &mut self,
        value: &Term<&str>,
        name: &str,
        rest: &Term<&str>,
        plan: fn(&mut Self, &Term<&str>) -> Option<Node>,
    ) -> Option<Kind> {
        let value = self.boxed(value)?;
        self.variables.push(name.to_owned());
        let rest = plan(self, rest);
        self.variables.pop();
        Some(Kind::Bind(value, Box::new(rest?)))
    }

    fn branches(
        &mut self,
        branches: &[(Term<&str>, Term<&str>)],
        otherwise: Option<&Term<&str>>,
        plan: fn(&mut Self, &Term<&str>) -> Option<Node>,
    ) -> Option<Kind> {
        let Some(((condition, then), rest)) = branches.split_first() else {
            return otherwise.map_or(Some(Kind::Id), |term| plan(self, term).map(|node| node.kind));
        };
        let (condition, then) = (self.boxed(condition)?, plan(self, then)?);
        let otherwise = Node::new(self.branches(rest, otherwise, plan)?);
        Some(Kind::If(condition, Box::new(then), Box::new(otherwise)))
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
            ("error", []) => Kind::Error(Box::new(Node::new(Kind::Id))),
            ("error", [message]) => Kind::Error(self.boxed(message)?),
            ("select", [condition]) => Kind::Select(self.boxed(condition)?),
            ("map", [each]) => {
                let step = (Step::Each, Opt::Essential);
                let values = Node::new(Kind::Path(Box::new(Node::new(Kind::Id)), vec![step]));
                let mapped = Node::new(Kind::Pipe(Box::new(values), self.boxed(each)?));
                Kind::Array(Some(Box::new(mapped)))
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
    let is_needed = matches!(quick, Quick::Nothing);
    let function = Function { code: call, compiled: OnceCell::new() };
    (!is_needed || function.compiled().is_some()).then_some(Kind::Call(quick, function))
}

impl Function {
    /// What runs it. It is there: the filter that calls it has been compiled as a whole.
    pub(super) fn compiled(&self) -> Option<&jaq_core::Filter<filter::Jq>> {
        self.compiled.get_or_init(|| filter::compile(&self.code, &[]).ok()).as_ref()
    }
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
    fn new(kind: Kind) -> Self {
        let gives = kind.gives();
        Self { kind, gives }
    }

    pub(super) fn is_single(&self) -> bool {
        self.gives == Gives::One
    }

    pub(super) fn is_test(&self) -> bool {
        self.gives == Gives::InputOrNothing
    }

    fn constant(text: String) -> Self {
        Self::new(constant(text))
    }

    /// A member of the input.
    fn member(name: String) -> Option<Self> {
        let step = (Step::Member(Name::new(name)?), Opt::Essential);
        Some(Self::new(Kind::Path(Box::new(Self::new(Kind::Id)), vec![step])))
    }
}
