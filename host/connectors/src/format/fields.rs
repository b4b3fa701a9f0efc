//! The fields of a record that is a JSON object, borrowed from its text.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::json;
use super::json_scan::{FoundField, FoundString, FoundValue, each_field};
use sandmill_engine::plan::bounds::FIELDS_MAX;

/// A field's value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as it is written.
    Number(&'a str),
    /// A string.
    Text(Cow<'a, str>),
    /// An array or an object, as it is written.
    Nested(&'a str),
}

/// The fields in the order in which they stand. A name may stand twice: the last one counts.
#[derive(Debug)]
pub(crate) struct Fields<'a>(pub(crate) Vec<(Cow<'a, str>, Value<'a>)>);

impl<'a> Fields<'a> {
    /// Reads a record.
    ///
    /// # Errors
    /// With the reason why it is not a JSON object of at most [`FIELDS_MAX`] fields.
    pub(crate) fn parse(record: &'a [u8]) -> Result<Self, String> {
        let text = json::text(record)?;
        let mut fields = Vec::with_capacity(8);
        let known = each_field(record, |FoundField { name, value }| {
            let string = |found: FoundString| json::string(text.get(found.at)?, found.escaped);
            let value = match value {
                FoundValue::String(found) => Value::Text(string(found)?),
                FoundValue::Other(at) => Value::of(text.get(at)?)?,
            };
            fields.push((string(name)?, value));
            (fields.len() <= FIELDS_MAX).then_some(())
        });
        match known {
            Some(()) => Ok(Self(fields)),
            None if fields.len() > FIELDS_MAX => Err(too_many()),
            None => Self::parse_slowly(text),
        }
    }

    /// Reads what the scan does not know, and words the reason for what is not an object.
    fn parse_slowly(text: &'a str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| {
            if error.is_data() && error.to_string().starts_with(&too_many()) {
                return too_many();
            }
            if error.is_data() && !text.trim_start().starts_with('{') {
                return "not a JSON object: only an object has fields".to_owned();
            }
            json::fault(&error)
        })
    }
}

impl<'a> Value<'a> {
    /// A value that is JSON. `None`: a string with half of a surrogate pair, which is not text.
    fn of(raw: &'a str) -> Option<Self> {
        Some(match raw.as_bytes().first() {
            Some(b'"') => Self::Text(json::string(raw, raw.contains('\\'))?),
            Some(b'{' | b'[') => Self::Nested(raw),
            Some(b'n') => Self::Null,
            Some(b't') => Self::Bool(true),
            Some(b'f') => Self::Bool(false),
            _ => Self::Number(raw),
        })
    }
}

fn too_many() -> String {
    format!("the object has more than {FIELDS_MAX} fields, the largest number of columns")
}

/// A name: borrowed, unless something in it is escaped.
struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(NameVisitor)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor;
        impl<'de> Visitor<'de> for ObjectVisitor {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut fields = Vec::with_capacity(8);
                while let Some((Name(name), raw)) = map.next_entry::<Name<'de>, &'de RawValue>()? {
                    if fields.len() == FIELDS_MAX {
                        return Err(serde::de::Error::custom(too_many()));
                    }
                    let not_text = || serde::de::Error::custom("half of a surrogate pair in a string");
                    fields.push((name, Value::of(raw.get()).ok_or_else(not_text)?));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(ObjectVisitor)
    }
}
