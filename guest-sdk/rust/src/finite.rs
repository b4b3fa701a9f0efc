//! Whether all numbers of a value are ones that JSON has. `serde_json` writes `null` for those that are not, without a word.

use std::fmt::{self, Display};

use serde::ser::{self, Serialize, Serializer};

/// The first number of `value` that is not finite, if there is one. What cannot be serialised has been refused before.
pub(crate) fn flaw_of(value: &impl Serialize) -> Option<f64> {
    value.serialize(Look).err().and_then(|found| found.0)
}

/// Writes nothing, and stops at such a number.
#[derive(Clone, Copy)]
struct Look;

#[derive(Debug)]
struct Found(Option<f64>);

impl Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number is not finite")
    }
}

impl std::error::Error for Found {}

impl ser::Error for Found {
    fn custom<T: Display>(_: T) -> Self {
        Self(None)
    }
}

type Looked = Result<(), Found>;

macro_rules! fine {
    ($($name:ident($($kind:ty),*)),+ $(,)?) => {
        $(fn $name(self, $(_: $kind),*) -> Looked { Ok(()) })+
    };
}

impl Serializer for Look {
    type Ok = ();
    type Error = Found;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    fine!(
        serialize_bool(bool),
        serialize_i8(i8),
        serialize_i16(i16),
        serialize_i32(i32),
        serialize_i64(i64),
        serialize_i128(i128),
        serialize_u8(u8),
        serialize_u16(u16),
        serialize_u32(u32),
        serialize_u64(u64),
        serialize_u128(u128),
        serialize_char(char),
        serialize_str(&str),
        serialize_bytes(&[u8]),
        serialize_none(),
        serialize_unit(),
        serialize_unit_struct(&'static str),
        serialize_unit_variant(&'static str, u32, &'static str),
    );

    fn serialize_f32(self, number: f32) -> Looked {
        self.serialize_f64(number.into())
    }

    fn serialize_f64(self, number: f64) -> Looked {
        if number.is_finite() { Ok(()) } else { Err(Found(Some(number))) }
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Looked {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Looked {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Looked {
        value.serialize(self)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self, Found> {
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, Found> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Found> {
        Ok(self)
    }

    fn serialize_tuple_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Self, Found> {
        Ok(self)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self, Found> {
        Ok(self)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Found> {
        Ok(self)
    }

    fn serialize_struct_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Self, Found> {
        Ok(self)
    }
}

macro_rules! parts {
    ($($kind:ident: $part:ident($($name:ty)?)),+ $(,)?) => {
        $(impl ser::$kind for Look {
            type Ok = ();
            type Error = Found;

            fn $part<T: Serialize + ?Sized>(&mut self, $(_: $name,)? value: &T) -> Looked {
                value.serialize(*self)
            }

            fn end(self) -> Looked {
                Ok(())
            }
        })+
    };
}

parts!(
    SerializeSeq: serialize_element(),
    SerializeTuple: serialize_element(),
    SerializeTupleStruct: serialize_field(),
    SerializeTupleVariant: serialize_field(),
    SerializeStruct: serialize_field(&'static str),
    SerializeStructVariant: serialize_field(&'static str),
);

impl ser::SerializeMap for Look {
    type Ok = ();
    type Error = Found;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, _: &T) -> Looked {
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Looked {
        value.serialize(*self)
    }

    fn end(self) -> Looked {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(serde::Serialize)]
    enum Shape {
        Point { x: f64 },
        Pair(f32, f64),
        Some(Option<f64>),
    }

    #[test]
    fn a_number_that_json_does_not_have_is_found_wherever_it_is() {
        assert_eq!(flaw_of(&[1.0, f64::INFINITY]), Some(f64::INFINITY));
        assert_eq!(flaw_of(&BTreeMap::from([("a", f64::NEG_INFINITY)])), Some(f64::NEG_INFINITY));
        for shape in [Shape::Point { x: f64::NAN }, Shape::Pair(f32::NAN, 0.0), Shape::Some(Some(f64::NAN))] {
            assert!(flaw_of(&shape).is_some_and(f64::is_nan));
        }
    }

    #[test]
    fn everything_else_is_fine() {
        assert_eq!(flaw_of(&(1, "x", None::<f64>, [0.5], Shape::Some(None), f64::MAX)), None);
    }
}
