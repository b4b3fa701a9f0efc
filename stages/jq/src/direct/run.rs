//! Runs a filter. What gives several values hands each of them on, so nothing waits in a list.
//!
//! An error is one of the values that are handed on: whoever takes it decides whether it wants more. So a part that is
//! never asked for its values after an error gives none, exactly as in the interpreter.

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;

use jaq_core::path::Opt;

use super::plan::{Function, Kind, Node, Quick, Step};
use super::value::{Item, Name, Record, Text, Value};
use super::{Error, operate};
use crate::filter;

#[derive(Clone, Copy)]
pub(super) struct Run<'a> {
    pub(super) record: &'a Record<'a>,
}

/// The variables that a part of a filter sees, the innermost first.
type Variables<'s, 'a> = Option<&'s Variable<'s, 'a>>;

pub(super) struct Variable<'s, 'a> {
    value: Value<'a>,
    outer: Variables<'s, 'a>,
}

/// What a part of a filter works on.
#[derive(Clone, Copy)]
pub(super) struct Input<'s, 'a> {
    pub(super) value: &'s Value<'a>,
    variables: Variables<'s, 'a>,
}

/// Takes a value. Gives whether it wants more.
type Take<'t, 'a> = &'t mut dyn FnMut(Item<'a>) -> bool;

impl<'a> Run<'a> {
    /// Hands on what `node` makes of `input`. Gives whether more is wanted.
    pub(super) fn each(self, node: &'a Node, input: Input<'_, 'a>, take: Take<'_, 'a>) -> bool {
        if node.is_single() {
            return take(self.one(node, input));
        }
        match &node.kind {
            Kind::Empty => true,
            Kind::Pipe(first, second) => self.each(first, input, &mut |item| match item {
                Ok(value) => self.each(second, input.on(&value), take),
                Err(_) => take(item),
            }),
            Kind::Bind(first, second) => self.each(first, input, &mut |item| match item {
                Ok(value) => self.each(second, input.with(&input.variable_of(value)), take),
                Err(_) => take(item),
            }),
            Kind::Comma(first, second) => self.each(first, input, take) && self.each(second, input, take),
            Kind::Alternative(first, second) => self.alternative((first, second), input, take),
            Kind::If(condition, then, otherwise) => self.each(condition, input, &mut |item| match item {
                Ok(value) => self.each(if value.is_true() { then } else { otherwise }, input, take),
                Err(_) => take(item),
            }),
            Kind::Select(condition) => self.each(condition, input, &mut |item| match item {
                Ok(value) => !value.is_true() || take(Ok(input.value.clone())),
                Err(_) => take(item),
            }),
            Kind::Logic(first, stop, second) => self.each(first, input, &mut |item| match item {
                Ok(value) if value.is_true() == *stop => take(Ok(Value::Bool(*stop))),
                Ok(_) => self.each(second, input, &mut |item| take(item.map(|value| Value::Bool(value.is_true())))),
                Err(_) => take(item),
            }),
            Kind::Math(sides, op) => self.product(&sides[..], input, &mut Vec::new(), &mut |items| {
                take(pair(items).and_then(|(left, right)| operate::calculate(*op, left, right)))
            }),
            Kind::Compare(sides, op) => self.product(&sides[..], input, &mut Vec::new(), &mut |items| {
                take(pair(items).map(|(left, right)| Value::Bool(operate::compare(*op, left, right))))
            }),
            Kind::Object(names, nodes) => {
                self.product(nodes, input, &mut Vec::new(), &mut |items| take(object(names, items.iter().cloned())))
            }
            Kind::Text(nodes) => {
                self.product(nodes, input, &mut Vec::new(), &mut |items| take(text(items.iter().cloned())))
            }
            Kind::Negative(node) => self.each(node, input, &mut |item| take(item.and_then(operate::negate))),
            Kind::Error(node) => self.each(node, input, &mut |item| take(item.and_then(fail))),
            Kind::Try(node, catch) => self.caught((node, catch.as_deref()), input, take),
            Kind::Path(node, steps) => self.each(node, input, &mut |item| match item {
                Ok(value) => steps_of(steps, &value, take),
                Err(_) => take(item),
            }),
            Kind::Call(_, function) => self.interpreted(function, input.value, take),
            // It gives nothing; `emit` does what it does.
            Kind::Sent(_) => true,
            _ => take(self.one(node, input)),
        }
    }

    /// What `node`, which gives one value, makes of `input`.
    pub(super) fn one(self, node: &'a Node, input: Input<'_, 'a>) -> Item<'a> {
        Ok(match &node.kind {
            Kind::Id => input.value.clone(),
            Kind::Constant(value) => value.clone(),
            Kind::Variable(at) => input.variable(*at),
            Kind::Argument(at) => Value::given(self.record.arguments.get(*at).cloned().unwrap_or_default()),
            Kind::Key if self.record.key.is_empty() => Value::Null,
            Kind::Key => Value::Text(Text::new(self.record.key.into())),
            Kind::Pipe(first, second) => self.one(second, input.on(&*self.look(first, input)?))?,
            Kind::Bind(first, second) => {
                let value = self.one(first, input)?;
                self.one(second, input.with(&input.variable_of(value)))?
            }
            Kind::Alternative(first, second) => match self.one(first, input)? {
                value if value.is_true() => value,
                _ => self.one(second, input)?,
            },
            Kind::If(condition, then, otherwise) => {
                let is_true = self.is_true(condition, input)?;
                self.one(if is_true { then } else { otherwise }, input)?
            }
            Kind::Logic(..) => Value::Bool(self.is_true(node, input)?),
            Kind::Math(sides, op) => {
                let [left, right] = &**sides;
                operate::calculate(*op, self.look(left, input)?, self.look(right, input)?)?
            }
            Kind::Compare(..) => Value::Bool(self.is_true(node, input)?),
            Kind::Object(names, nodes) => object(names, nodes.iter().map(|node| self.one(node, input)))?,
            Kind::Text(nodes) => text(nodes.iter().map(|node| self.one(node, input)))?,
            Kind::Array(None) => Value::Array(Rc::default()),
            Kind::Array(Some(node)) => self.array(node, input)?,
            Kind::Not => Value::Bool(!input.value.is_true()),
            Kind::ToText => Value::Text(input.value.clone().into_text()),
            Kind::Negative(node) => operate::negate(self.one(node, input)?)?,
            Kind::Error(node) => fail(self.one(node, input)?)?,
            Kind::Try(node, Some(catch)) => match self.one(node, input) {
                Ok(value) => value,
                Err(error) => self.one(catch, input.on(&Value::Other(error.into_val())))?,
            },
            Kind::Path(node, steps) => {
                let mut value = self.look(node, input)?;
                for (step, _) in steps {
                    value = Cow::Owned(at(step, &value)?);
                }
                value.into_owned()
            }
            Kind::Call(quick, function) => match quickly(quick, input.value) {
                Some(value) => value,
                None => return self.first(|take| self.interpreted(function, input.value, take)),
            },
            // What is not here gives any number of values.
            _ => return self.first(|take| self.each(node, input, take)),
        })
    }

    /// The same, for somebody who only looks at it.
    #[inline]
    pub(super) fn look<'v>(self, node: &'a Node, input: Input<'v, 'a>) -> Result<Cow<'v, Value<'a>>, Box<Error>> {
        match &node.kind {
            Kind::Id => Ok(Cow::Borrowed(input.value)),
            Kind::Constant(value) => Ok(Cow::Borrowed(value)),
            _ => self.one(node, input).map(Cow::Owned),
        }
    }

    /// Whether what `node` gives counts as true.
    #[inline]
    pub(super) fn is_true(self, node: &'a Node, input: Input<'_, 'a>) -> Result<bool, Box<Error>> {
        match &node.kind {
            Kind::Compare(sides, op) => {
                let [left, right] = &**sides;
                Ok(operate::compare(*op, self.look(left, input)?, self.look(right, input)?))
            }
            Kind::Logic(first, stop, second) if self.is_true(first, input)? != *stop => self.is_true(second, input),
            Kind::Logic(_, stop, _) => Ok(*stop),
            _ => Ok(self.look(node, input)?.is_true()),
        }
    }

    /// Whether `node`, which gives its input or nothing, gives its input.
    pub(super) fn passes(self, node: &'a Node, input: Input<'_, 'a>) -> Result<bool, Box<Error>> {
        match &node.kind {
            Kind::Select(condition) => self.is_true(condition, input),
            Kind::Pipe(first, second) => Ok(self.passes(first, input)? && self.passes(second, input)?),
            // Nothing else gives its input or nothing.
            _ => Ok(false),
        }
    }

    /// The first value. There is one.
    fn first(self, each: impl FnOnce(Take<'_, 'a>) -> bool) -> Item<'a> {
        let mut first = Ok(Value::Null);
        each(&mut |item| {
            first = item;
            false
        });
        first
    }

    fn alternative(self, (first, second): (&'a Node, &'a Node), input: Input<'_, 'a>, take: Take<'_, 'a>) -> bool {
        let mut is_found = false;
        let wants_more = self.each(first, input, &mut |item| match &item {
            Ok(value) if !value.is_true() => true,
            Ok(_) | Err(_) => {
                is_found = true;
                take(item)
            }
        });
        if is_found { wants_more } else { self.each(second, input, take) }
    }

    fn caught(self, (node, catch): (&'a Node, Option<&'a Node>), input: Input<'_, 'a>, take: Take<'_, 'a>) -> bool {
        let mut caught = None;
        let wants_more = self.each(node, input, &mut |item| match item {
            Ok(_) => take(item),
            Err(error) => {
                caught = Some(error);
                false
            }
        });
        match (caught, catch) {
            (None, _) => wants_more,
            (Some(_), None) => true,
            (Some(error), Some(catch)) => self.each(catch, input.on(&Value::Other(error.into_val())), take),
        }
    }

    fn array(self, node: &'a Node, input: Input<'_, 'a>) -> Item<'a> {
        let mut values = Vec::new();
        let mut failed = None;
        self.each(node, input, &mut |item| {
            match item {
                Ok(value) => values.push(value),
                Err(error) => failed = Some(error),
            }
            failed.is_none()
        });
        failed.map_or_else(|| Ok(Value::Array(values.into())), Err)
    }

    /// Every combination of what the nodes give, the last of them changing fastest.
    fn product(
        self,
        nodes: &'a [Node],
        input: Input<'_, 'a>,
        before: &mut Vec<Item<'a>>,
        take: &mut dyn FnMut(&[Item<'a>]) -> bool,
    ) -> bool {
        let Some((node, rest)) = nodes.split_first() else { return take(before) };
        self.each(node, input, &mut |item| {
            before.push(item);
            let wants_more = self.product(rest, input, before, take);
            before.pop();
            wants_more
        })
    }

    fn interpreted(self, function: &'a Function, input: &Value<'a>, take: Take<'_, 'a>) -> bool {
        let Some(function) = function.compiled() else {
            return take(Err(Box::new(Error::str("a function of the filter cannot be compiled by itself"))));
        };
        let emitted = RefCell::default();
        filter::run(function, &emitted, [], input.clone().into_val())
            .all(|value| take(value.map(Value::Other).map_err(|exception| Box::new(filter::error(exception)))))
    }
}

impl<'s, 'a> Input<'s, 'a> {
    pub(super) fn new(value: &'s Value<'a>) -> Self {
        Self { value, variables: None }
    }

    pub(super) fn on<'t>(self, value: &'t Value<'a>) -> Input<'t, 'a>
    where
        's: 't,
    {
        Input { value, ..self }
    }

    pub(super) fn variable_of(self, value: Value<'a>) -> Variable<'s, 'a> {
        Variable { value, outer: self.variables }
    }

    pub(super) fn with<'t>(self, variable: &'t Variable<'t, 'a>) -> Input<'t, 'a>
    where
        's: 't,
    {
        Input { variables: Some(variable), ..self }
    }

    fn variable(self, at: usize) -> Value<'a> {
        let mut variable = self.variables;
        for _ in 0..at {
            variable = variable.and_then(|variable| variable.outer);
        }
        variable.map_or(Value::Null, |variable| variable.value.clone())
    }
}

type Pair<'v, 'a> = (Cow<'v, Value<'a>>, Cow<'v, Value<'a>>);

fn pair<'v, 'a>(items: &'v [Item<'a>]) -> Result<Pair<'v, 'a>, Box<Error>> {
    let of = |item: &'v Item<'a>| item.as_ref().map(Cow::Borrowed).map_err(Clone::clone);
    match items {
        [left, right] => Ok((of(left)?, of(right)?)),
        _ => Ok((Cow::Owned(Value::Null), Cow::Owned(Value::Null))),
    }
}

fn object<'a>(names: &'a [Name], items: impl Iterator<Item = Item<'a>>) -> Item<'a> {
    let mut members = Vec::with_capacity(names.len());
    for (name, item) in names.iter().zip(items) {
        members.push((name, item?));
    }
    Ok(Value::Object(members.into()))
}

fn text<'a>(items: impl Iterator<Item = Item<'a>>) -> Item<'a> {
    let parts = items.map(|item| item.map(Value::into_text)).collect::<Result<Vec<_>, _>>()?;
    Ok(Value::Text(operate::join(&parts)))
}

fn fail(value: Value<'_>) -> Item<'_> {
    Err(Box::new(Error::new(value.into_val())))
}

fn at<'a>(step: &'a Step, value: &Value<'a>) -> Item<'a> {
    match step {
        Step::Member(name) => value.member(name),
        Step::At(index) => value.at(index),
        // It gives several, and is not among those that give one.
        Step::Each => Ok(Value::Null),
    }
}

fn steps_of<'a>(steps: &'a [(Step, Opt)], value: &Value<'a>, take: Take<'_, 'a>) -> bool {
    let Some(((step, opt), rest)) = steps.split_first() else { return take(Ok(value.clone())) };
    let mut next = |item: Item<'a>| match (item, opt) {
        (Ok(value), _) => steps_of(rest, &value, take),
        (Err(_), Opt::Optional) => true,
        (Err(error), Opt::Essential) => take(Err(error)),
    };
    if matches!(step, Step::Each) { value.each(&mut next) } else { next(at(step, value)) }
}

/// What a function gives, where its input is plain.
pub(super) fn quickly<'a>(quick: &Quick, input: &Value<'a>) -> Option<Value<'a>> {
    let text = |bytes: Vec<u8>, like: &Text<'a>| Text { bytes: bytes.into(), is_plain: like.is_plain };
    Some(match (quick, input) {
        (Quick::Upper, Value::Text(from)) => Value::Text(text(from.bytes.to_ascii_uppercase(), from)),
        (Quick::Lower, Value::Text(from)) => Value::Text(text(from.bytes.to_ascii_lowercase(), from)),
        (Quick::Length, Value::Text(text)) if text.bytes.is_ascii() => {
            Value::Int(i64::try_from(text.bytes.len()).ok()?)
        }
        (Quick::Length, Value::Whole(record)) => Value::Int(i64::try_from(record.members.len()).ok()?),
        (Quick::Begins(start), Value::Text(text)) => Value::Bool(text.bytes.starts_with(start)),
        (Quick::Ends(end), Value::Text(text)) => Value::Bool(text.bytes.ends_with(end)),
        (Quick::Has(name), Value::Whole(record)) => Value::Bool(record.has(name)),
        _ => return None,
    })
}
