//! The fields of a record that is a JSON object, borrowed from its text.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::json;

/// A field's value.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::edge) enum Value<'a> {
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
pub(in crate::edge) struct Fields<'a>(pub(in crate::edge) Vec<(Cow<'a, str>, Value<'a>)>);

impl<'a> Fields<'a> {
    /// Reads a record.
    ///
    /// # Errors
    /// With the reason why it is no JSON object.
    pub(in crate::edge) fn parse(record: &'a [u8]) -> Result<Self, String> {
        let text = json::text(record)?;
        serde_json::from_str(text).map_err(|error| {
            if error.is_data() {
                return "not a JSON object: only an object has fields".to_owned();
            }
            json::fault(&error)
        })
    }
}

impl<'a> Value<'a> {
    fn of(raw: &'a RawValue) -> Result<Self, serde_json::Error> {
        let raw = raw.get();
        Ok(match raw.as_bytes().first() {
            Some(b'"') => Self::Text(string(raw)?),
            Some(b'{' | b'[') => Self::Nested(raw),
            Some(b'n') => Self::Null,
            Some(b't') => Self::Bool(true),
            Some(b'f') => Self::Bool(false),
            _ => Self::Number(raw),
        })
    }
}

/// A string without its quotes; borrowed, unless something in it is escaped.
fn string(raw: &str) -> Result<Cow<'_, str>, serde_json::Error> {
    match raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')) {
        Some(plain) if memchr::memchr(b'\\', plain.as_bytes()).is_none() => Ok(Cow::Borrowed(plain)),
        _ => serde_json::from_str::<String>(raw).map(Cow::Owned),
    }
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
                    fields.push((name, Value::of(raw).map_err(serde::de::Error::custom)?));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(ObjectVisitor)
    }
}
