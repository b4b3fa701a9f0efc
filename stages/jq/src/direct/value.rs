//! Values that are parts of the record's text as long as nobody calculates with them.

use std::borrow::Cow;
use std::io::Write as _;
use std::rc::Rc;

use jaq_core::ValT as _;
use jaq_json::{Map, Num, Val};
use json_text::{Hint, Marks, Members, Scan};
use sandmill_stage::Failure;

use super::{Error, compact};
use crate::{read, write};

/// The record in hand. It is JSON, and an object: it was looked at.
pub(super) struct Record<'a> {
    pub(super) text: &'a str,
    pub(super) members: &'a Members,
    pub(super) key: &'a [u8],
    pub(super) arguments: &'a [Val],
}

/// The name of a member.
pub(super) struct Name {
    pub(super) text: String,
    /// As it is written, with a comma before it and the colon after it.
    written: Vec<u8>,
    value: Val,
    hint: Hint,
}

#[derive(Clone)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    Int(i64),
    /// As it is written in the record.
    Number(&'a str),
    Text(Text<'a>),
    /// An array, an object, or a string with escapes, as it is written in the record.
    Part(&'a str),
    Whole(&'a Record<'a>),
    Array(Rc<Vec<Value<'a>>>),
    /// No name comes twice.
    Object(Rc<Vec<(&'a Name, Value<'a>)>>),
    /// What an operation or a function of the interpreter gave.
    Other(Val),
}

#[derive(Clone)]
pub(super) struct Text<'a> {
    pub(super) bytes: Cow<'a, [u8]>,
    /// It is written as it is: nothing in it is escaped.
    pub(super) is_plain: bool,
}

pub(super) type Item<'a> = Result<Value<'a>, Box<Error>>;

impl Name {
    pub(super) fn new(text: String) -> Option<Self> {
        let mut written = vec![b','];
        write::string(text.as_bytes(), &mut written).ok()?;
        written.push(b':');
        let value = Val::utf8_str(text.clone().into_bytes());
        Some(Self { text, written, value, hint: Hint::default() })
    }

    /// What is before the value of the member of an object that has `index` members before it.
    #[inline]
    pub(super) fn written(&self, index: usize) -> &[u8] {
        self.written.get(usize::from(index == 0)..).unwrap_or_default()
    }
}

impl<'a> Text<'a> {
    pub(super) fn new(bytes: Cow<'a, [u8]>) -> Self {
        let is_plain = !bytes.iter().any(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f | 0x7f))
            && std::str::from_utf8(&bytes).is_ok();
        Self { bytes, is_plain }
    }
}

impl<'a> Value<'a> {
    /// The value that is written as `text` in a record, of which `marks` were seen.
    #[inline]
    pub(super) fn written(text: &'a str, marks: Marks) -> Self {
        match text.as_bytes() {
            [b'"', inner @ .., b'"'] if !marks.special => Self::Text(Text { bytes: inner.into(), is_plain: true }),
            [b'{' | b'[' | b'"', ..] => Self::Part(text),
            [b't', ..] => Self::Bool(true),
            [b'f', ..] => Self::Bool(false),
            [b'n', ..] => Self::Null,
            _ => Self::Number(text),
        }
    }

    /// What a pipeline file gives a filter.
    pub(super) fn given(value: Val) -> Value<'static> {
        match value {
            Val::TStr(bytes) => Value::Text(Text::new(bytes.to_vec().into())),
            Val::Null => Value::Null,
            Val::Bool(value) => Value::Bool(value),
            other => Value::Other(other),
        }
    }

    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Null | Self::Bool(false) => false,
            Self::Other(value) => value.as_bool(),
            _ => true,
        }
    }

    /// For the interpreter.
    pub(super) fn into_val(self) -> Val {
        let read = |text| read::value(text).unwrap_or_default();
        match self {
            Self::Null => Val::Null,
            Self::Bool(value) => Val::Bool(value),
            Self::Int(number) => Val::Num(Num::from_integral(number)),
            Self::Number(text) | Self::Part(text) => read(text),
            Self::Text(text) => Val::utf8_str(text.bytes.into_owned()),
            Self::Whole(record) => read(record.text),
            Self::Array(values) => values.iter().cloned().map(Self::into_val).collect(),
            Self::Object(members) => {
                let members = members.iter().map(|(name, value)| (name.value.clone(), value.clone().into_val()));
                Val::obj(members.collect::<Map>())
            }
            Self::Other(value) => value,
        }
    }

    /// Its member of this name.
    #[inline]
    pub(super) fn member(&self, name: &'a Name) -> Item<'a> {
        let known = match self {
            Self::Null => Some(Self::Null),
            Self::Whole(record) => Some(record.member(name).unwrap_or(Self::Null)),
            Self::Part(text) if text.starts_with('{') => part_member(text, name),
            Self::Object(members) => {
                let found = members.iter().find(|(other, _)| other.text == name.text);
                Some(found.map_or(Self::Null, |(_, value)| value.clone()))
            }
            _ => None,
        };
        known.map_or_else(|| self.at(&name.value), Ok)
    }

    /// What is at this place, or in this range, of it.
    pub(super) fn at(&self, index: &Val) -> Item<'a> {
        Ok(Self::Other(self.clone().into_val().index(index).map_err(Box::new)?))
    }

    /// Hands on each of its values, until `take` wants no more. Gives whether it does.
    pub(super) fn each(&self, take: &mut dyn FnMut(Item<'a>) -> bool) -> bool {
        match self {
            Self::Whole(record) => {
                (0..record.members.len()).all(|index| record.value(index).is_none_or(|value| take(Ok(value))))
            }
            Self::Array(values) => values.iter().all(|value| take(Ok(value.clone()))),
            Self::Object(members) => members.iter().all(|(_, value)| take(Ok(value.clone()))),
            Self::Part(text) if text.starts_with('[') => each_in_array(text, take).unwrap_or(true),
            _ => self.clone().into_val().values().all(|value| take(value.map(Self::Other).map_err(Box::new))),
        }
    }

    /// As text, as `tostring` has it.
    pub(super) fn into_text(self) -> Text<'a> {
        let plain = |bytes: Cow<'a, [u8]>| Text { bytes, is_plain: true };
        match self {
            Self::Text(text) => text,
            Self::Null => plain(b"null"[..].into()),
            Self::Bool(true) => plain(b"true"[..].into()),
            Self::Bool(false) => plain(b"false"[..].into()),
            Self::Number(text) => plain(text.as_bytes().into()),
            Self::Int(number) => plain(number.to_string().into_bytes().into()),
            other => match other.into_val().into_string() {
                Val::TStr(bytes) => Text::new(bytes.to_vec().into()),
                _ => Text::new(Cow::default()),
            },
        }
    }

    /// Appends it as JSON; it may be nested as deep as `depth`.
    ///
    /// # Errors
    /// What in it is not JSON.
    pub(super) fn write(&self, buffer: &mut Vec<u8>, depth: usize) -> Result<(), Failure> {
        match self {
            Self::Null => buffer.extend_from_slice(b"null"),
            Self::Bool(true) => buffer.extend_from_slice(b"true"),
            Self::Bool(false) => buffer.extend_from_slice(b"false"),
            Self::Int(number) => write!(buffer, "{number}")?,
            Self::Number(text) => buffer.extend_from_slice(text.as_bytes()),
            Self::Text(text) if text.is_plain => {
                buffer.reserve(text.bytes.len() + 2);
                buffer.push(b'"');
                buffer.extend_from_slice(&text.bytes);
                buffer.push(b'"');
            }
            Self::Text(text) => write::string(&text.bytes, buffer)?,
            Self::Whole(record) if record.is_compact(depth) => buffer.extend_from_slice(record.text.as_bytes()),
            Self::Whole(record) => write_part(record.text, buffer, depth)?,
            Self::Part(text) => write_part(text, buffer, depth)?,
            Self::Array(values) => {
                let depth = write::within(depth)?;
                buffer.push(b'[');
                for (index, value) in values.iter().enumerate() {
                    if index > 0 {
                        buffer.push(b',');
                    }
                    value.write(buffer, depth)?;
                }
                buffer.push(b']');
            }
            Self::Object(members) => {
                let depth = write::within(depth)?;
                buffer.push(b'{');
                for (index, (name, value)) in members.iter().enumerate() {
                    buffer.extend_from_slice(name.written(index));
                    value.write(buffer, depth)?;
                }
                buffer.push(b'}');
            }
            Self::Other(value) => write::nested(value, buffer, depth)?,
        }
        Ok(())
    }
}

impl<'a> Record<'a> {
    #[inline]
    fn member(&self, name: &Name) -> Option<Value<'a>> {
        self.value(self.members.find(name.text.as_bytes(), &name.hint)?)
    }

    #[inline]
    fn value(&self, index: usize) -> Option<Value<'a>> {
        let (range, marks) = self.members.value(index)?;
        Some(Value::written(self.text.get(range)?, marks))
    }

    pub(super) fn has(&self, name: &Name) -> bool {
        self.members.find(name.text.as_bytes(), &name.hint).is_some()
    }

    /// It is written as it would be written.
    fn is_compact(&self, depth: usize) -> bool {
        let marks = self.members.marks();
        !marks.space && !marks.special && !marks.object && usize::from(marks.depth) <= depth
    }
}

fn write_part(text: &str, buffer: &mut Vec<u8>, depth: usize) -> Result<(), Failure> {
    let begin = buffer.len();
    if compact::write(text, buffer, depth).is_some() {
        return Ok(());
    }
    buffer.truncate(begin);
    write::nested(&read::value(text)?, buffer, depth)
}

/// The member of an object in a record. Gives nothing where its names have to be read first.
fn part_member<'a>(text: &'a str, name: &Name) -> Option<Value<'a>> {
    let mut scan = Scan::new(text);
    scan.open(1)?;
    let mut found = Value::Null;
    if scan.take(b'}') {
        return Some(found);
    }
    loop {
        scan.take_marks();
        let member = scan.name()?;
        if scan.take_marks().special {
            return None;
        }
        let begin = scan.position();
        scan.value(1)?;
        if member == name.text {
            // A later one of the same name would take its place.
            found = Value::written(text.get(begin..scan.position())?, scan.take_marks());
        }
        if scan.ends(b'}')? {
            return Some(found);
        }
    }
}

fn each_in_array<'a>(text: &'a str, take: &mut dyn FnMut(Item<'a>) -> bool) -> Option<bool> {
    let mut scan = Scan::new(text);
    scan.open(1)?;
    if scan.take(b']') {
        return Some(true);
    }
    loop {
        scan.take_marks();
        let begin = scan.position();
        scan.value(1)?;
        let value = Value::written(text.get(begin..scan.position())?, scan.take_marks());
        if !take(Ok(value)) {
            return Some(false);
        }
        if scan.ends(b']')? {
            return Some(true);
        }
    }
}
