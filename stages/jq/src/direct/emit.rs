//! Runs a filter and writes what it gives straight to the outputs, as far as that needs no values on the way.

use json_text::DEPTH_MAX;
use sandmill_stage::{Failure, Output};

use super::Error;
use super::gives::Gives;
use super::plan::{Kind, Node, Quick, Sent};
use super::run::{Input, Run};
use super::value::{Name, Text, Value};
use crate::{filter, functions};

/// Why a value was not written.
enum Unwritten {
    /// There is none: the filter failed.
    Error(Box<Error>),
    /// It is not JSON.
    NotJson(Failure),
}

/// Where outputs go.
enum Target<'t> {
    /// With the record's key, to the first port.
    Own,
    /// To a port, with a key of their own or the record's.
    Other(u16, Option<&'t [u8]>),
}

impl<'a> Run<'a> {
    /// Runs `filter` on the record, and emits what it gives.
    ///
    /// # Errors
    /// What the filter says, or that an output is not JSON.
    pub(super) fn emit(self, filter: &'a Node, out: &mut Output) -> Result<(), Failure> {
        let whole = Value::Whole(self.record);
        self.emit_on(filter, Input::new(&whole), (out, &Target::Own))
    }

    /// What fails here fails the record: so nobody sees what was emitted before.
    fn emit_on(
        self,
        node: &'a Node,
        input: Input<'_, 'a>,
        (out, to): (&mut Output, &Target<'_>),
    ) -> Result<(), Failure> {
        match (&node.kind, node.gives) {
            (_, Gives::One) => to.put(out, |buffer| self.write(node, input, (buffer, DEPTH_MAX)).map_err(why)),
            (_, Gives::InputOrNothing) => match self.passes(node, input).map_err(said)? {
                true => to.put(out, |buffer| input.value.write(buffer, DEPTH_MAX)),
                false => Ok(()),
            },
            (Kind::Pipe(first, second), _) if first.gives == Gives::InputOrNothing => {
                match self.passes(first, input).map_err(said)? {
                    true => self.emit_on(second, input, (out, to)),
                    false => Ok(()),
                }
            }
            (Kind::Pipe(first, second), _) => {
                self.for_each(first, input, |value| self.emit_on(second, input.on(value), (&mut *out, to)))
            }
            (Kind::Bind(first, second), _) => self.for_each(first, input, |value| {
                self.emit_on(second, input.with(&input.variable_of(value.clone())), (&mut *out, to))
            }),
            (Kind::Comma(first, second), _) => {
                self.emit_on(first, input, (&mut *out, to))?;
                self.emit_on(second, input, (out, to))
            }
            (Kind::If(condition, then, otherwise), _) => self.for_each(condition, input, |value| {
                self.emit_on(if value.is_true() { then } else { otherwise }, input, (&mut *out, to))
            }),
            (Kind::Sent(sent), _) => self.send(sent, input, out),
            _ => self.for_each(node, input, |value| to.put(out, |buffer| value.write(buffer, DEPTH_MAX))),
        }
    }

    /// Does something with each value that `node` gives, as long as nothing fails.
    fn for_each(
        self,
        node: &'a Node,
        input: Input<'_, 'a>,
        mut each: impl FnMut(&Value<'a>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        if node.is_single() {
            return each(&*self.look(node, input).map_err(said)?);
        }
        let mut done = Ok(());
        self.each(node, input, &mut |item| {
            done = match item {
                Ok(value) => each(&value),
                Err(error) => Err(said(error)),
            };
            done.is_ok()
        });
        done
    }

    /// Emits to another port, or with another key.
    fn send(self, sent: &'a Sent, input: Input<'_, 'a>, out: &mut Output) -> Result<(), Failure> {
        let argument = |node: &'a Option<Node>| {
            let value = node.as_ref().map(|node| self.one(node, input)).transpose();
            value.map(|value| value.map(Value::into_val)).map_err(said)
        };
        let (port, key) = (argument(&sent.port)?, argument(&sent.key)?);
        let port = port.map_or(Ok(0), |port| functions::port(&port)).map_err(filter::said)?;
        let key = key.map(|key| functions::key(&key)).transpose().map_err(filter::said)?;
        self.emit_on(&sent.node, input, (out, &Target::Other(port, key.as_deref())))
    }

    /// Appends what `node`, which gives one value, makes of `input`; it may be nested as deep as `depth`.
    fn write(
        self,
        node: &'a Node,
        input: Input<'_, 'a>,
        (buffer, depth): (&mut Vec<u8>, usize),
    ) -> Result<(), Unwritten> {
        match &node.kind {
            Kind::Object(names, nodes) if depth > 0 => self.write_object((names, nodes), input, (buffer, depth - 1)),
            Kind::Pipe(first, second) => self.write(second, input.on(&*self.look(first, input)?), (buffer, depth)),
            Kind::If(condition, then, otherwise) => {
                let is_true = self.is_true(condition, input)?;
                self.write(if is_true { then } else { otherwise }, input, (buffer, depth))
            }
            Kind::Call(Quick::Upper, _) if write_plain(input.value, buffer, u8::to_ascii_uppercase) => Ok(()),
            Kind::Call(Quick::Lower, _) if write_plain(input.value, buffer, u8::to_ascii_lowercase) => Ok(()),
            _ => self.look(node, input)?.write(buffer, depth).map_err(Unwritten::NotJson),
        }
    }

    /// An object whose members are written as they come. That one of them is not JSON counts once all are there: only then
    /// is there an object.
    fn write_object(
        self,
        (names, nodes): (&'a [Name], &'a [Node]),
        input: Input<'_, 'a>,
        (buffer, depth): (&mut Vec<u8>, usize),
    ) -> Result<(), Unwritten> {
        let mut written = Ok(());
        buffer.push(b'{');
        for (index, (name, node)) in names.iter().zip(nodes).enumerate() {
            buffer.extend_from_slice(name.written(index));
            match self.write(node, input, (buffer, depth)) {
                Err(Unwritten::NotJson(failure)) => written = written.and(Err(Unwritten::NotJson(failure))),
                other => other?,
            }
        }
        buffer.push(b'}');
        written
    }
}

impl Target<'_> {
    /// Emits what `write` appends.
    fn put(&self, out: &mut Output, write: impl FnOnce(&mut Vec<u8>) -> Result<(), Failure>) -> Result<(), Failure> {
        let Self::Other(port, key) = self else { return out.try_emit_with(write) };
        let mut text = Vec::new();
        write(&mut text)?;
        match key {
            None => out.emit_to(*port, text),
            Some(key) => out.emit_keyed_to(*port, key, text),
        }
        Ok(())
    }
}

/// Appends a text of which each byte is changed to another that stands for itself in JSON. Gives whether `value` is such a
/// text.
fn write_plain(value: &Value<'_>, buffer: &mut Vec<u8>, change: impl Fn(&u8) -> u8) -> bool {
    let Value::Text(Text { bytes, is_plain: true }) = value else { return false };
    buffer.reserve(bytes.len() + 2);
    buffer.push(b'"');
    buffer.extend(bytes.iter().map(change));
    buffer.push(b'"');
    true
}

#[expect(clippy::boxed_local, reason = "errors are boxed wherever they are handed on")]
fn said(error: Box<Error>) -> Failure {
    filter::said(*error)
}

fn why(unwritten: Unwritten) -> Failure {
    match unwritten {
        Unwritten::Error(error) => said(error),
        Unwritten::NotJson(failure) => failure,
    }
}

impl From<Box<Error>> for Unwritten {
    fn from(error: Box<Error>) -> Self {
        Self::Error(error)
    }
}
