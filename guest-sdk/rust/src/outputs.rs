//! What a stage's function may return: nothing, one value, many, or an error.

use std::borrow::Cow;

use serde::Serialize;

use crate::{Failure, Json, Output, Record, finite};

/// What a stage's function may return.
///
/// | returned | what becomes of the record |
/// |---|---|
/// | `String`, `&str`, `Vec<u8>`, `&[u8]`, `Cow`, [`Json`] | one output, with the record's key |
/// | [`Keyed`], [`Record`] | one output, with a key of its own |
/// | [`To`] | the same, to another of the stage's named outputs |
/// | `bool` | the record itself goes on, or is dropped |
/// | `()` | dropped |
/// | `Option<O>` | `None`: dropped |
/// | `Vec<O>` | as many outputs as there are |
/// | `Result<O, E>` | `Err`: fails with what the error shows |
#[diagnostic::on_unimplemented(
    message = "a stage's function cannot return `{Self}`",
    label = "the function's result",
    note = "it returns `String`, `&str`, `Vec<u8>`, `&[u8]`, `Json<T>`, `Keyed<K, V>`, `Record`, `bool`, `()`, or an `Option`, `Vec` or `Result` of these"
)]
pub trait IntoOutputs {
    /// Emits what it stands for. `record` is what it was made of.
    ///
    /// # Errors
    /// Why that record failed.
    fn into_outputs(self, record: Record<'_>, out: &mut Output) -> Result<(), Failure>;
}

/// A single value that an output can have.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no value of an output",
    note = "a value is `String`, `&str`, `Vec<u8>`, `&[u8]`, `Cow` or `Json<T>`"
)]
pub trait Value {
    /// Appends the value to the buffer, which holds other values already.
    ///
    /// # Errors
    /// Why it cannot be written.
    fn write(self, buffer: &mut Vec<u8>) -> Result<(), Failure>;
}

/// A value with a key of its own, in place of the key of the record that it was made of. An empty key is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keyed<K, V>(
    /// The key.
    pub K,
    /// The value.
    pub V,
);

/// Outputs for one of the stage's named outputs, counted from 0 in the order of the pipeline file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct To<O>(
    /// Which output of the stage.
    pub u16,
    /// What goes there.
    pub O,
);

macro_rules! values_of_bytes {
    ($($value:ty),+) => {$(
        impl Value for $value {
            #[inline]
            fn write(self, buffer: &mut Vec<u8>) -> Result<(), Failure> {
                let bytes: &[u8] = self.as_ref();
                buffer.extend_from_slice(bytes);
                Ok(())
            }
        }

        impl IntoOutputs for $value {
            #[inline]
            fn into_outputs(self, _: Record<'_>, out: &mut Output) -> Result<(), Failure> {
                let bytes: &[u8] = self.as_ref();
                out.emit(bytes);
                Ok(())
            }
        }
    )+};
}

values_of_bytes!(String, &str, Vec<u8>, &[u8], Cow<'_, [u8]>);

impl Value for Cow<'_, str> {
    fn write(self, buffer: &mut Vec<u8>) -> Result<(), Failure> {
        (&*self).write(buffer)
    }
}

impl IntoOutputs for Cow<'_, str> {
    fn into_outputs(self, record: Record<'_>, out: &mut Output) -> Result<(), Failure> {
        (&*self).into_outputs(record, out)
    }
}

impl<T: Serialize> Value for Json<T> {
    fn write(self, buffer: &mut Vec<u8>) -> Result<(), Failure> {
        let start = buffer.len();
        serde_json::to_writer(&mut *buffer, &self.0)
            .map_err(|error| Failure::from(error).at("cannot write as JSON"))?;
        // Only where there is a `null` may there be a number that it stands for.
        let written = buffer.get(start..).unwrap_or_default();
        match written.windows(4).any(|word| word == b"null").then(|| finite::flaw_of(&self.0)).flatten() {
            Some(number) => Err(Failure::new(format!("cannot write as JSON: {number} is not a number that JSON has"))),
            None => Ok(()),
        }
    }
}

impl<T: Serialize> IntoOutputs for Json<T> {
    fn into_outputs(self, _: Record<'_>, out: &mut Output) -> Result<(), Failure> {
        out.try_emit_with(|buffer| self.write(buffer))
    }
}

impl<K: AsRef<[u8]>, V: Value> IntoOutputs for Keyed<K, V> {
    fn into_outputs(self, _: Record<'_>, out: &mut Output) -> Result<(), Failure> {
        out.try_emit_keyed_with(self.0.as_ref(), |buffer| self.1.write(buffer))
    }
}

impl IntoOutputs for Record<'_> {
    fn into_outputs(self, _: Record<'_>, out: &mut Output) -> Result<(), Failure> {
        out.emit_keyed(self.key, self.value);
        Ok(())
    }
}

impl<O: IntoOutputs> IntoOutputs for To<O> {
    fn into_outputs(self, record: Record<'_>, out: &mut Output) -> Result<(), Failure> {
        let mark = out.len();
        self.1.into_outputs(record, out)?;
        out.route_since(mark, self.0);
        Ok(())
    }
}

impl IntoOutputs for bool {
    #[inline]
    fn into_outputs(self, record: Record<'_>, out: &mut Output) -> Result<(), Failure> {
        if self {
            out.emit(record.value);
        }
        Ok(())
    }
}

impl IntoOutputs for () {
    fn into_outputs(self, _: Record<'_>, _: &mut Output) -> Result<(), Failure> {
        Ok(())
    }
}

impl<O: IntoOutputs> IntoOutputs for Option<O> {
    #[inline]
    fn into_outputs(self, record: Record<'_>, out: &mut Output) -> Result<(), Failure> {
        self.map_or(Ok(()), |outputs| outputs.into_outputs(record, out))
    }
}

impl<O: IntoOutputs> IntoOutputs for Vec<O> {
    fn into_outputs(self, record: Record<'_>, out: &mut Output) -> Result<(), Failure> {
        self.into_iter().try_for_each(|outputs| outputs.into_outputs(record, out))
    }
}

impl<O: IntoOutputs, E: Into<Failure>> IntoOutputs for Result<O, E> {
    #[inline]
    fn into_outputs(self, record: Record<'_>, out: &mut Output) -> Result<(), Failure> {
        self.map_err(Into::into)?.into_outputs(record, out)
    }
}
