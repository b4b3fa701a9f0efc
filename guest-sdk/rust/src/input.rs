//! What a stage's function may take: bytes, text, JSON, or the whole record.

use serde::Deserialize;

use crate::{Failure, Record, exact};

/// What a record can be read as, for the first argument of a stage's function.
///
/// Whatever borrows, borrows from the batch: reading allocates only where the type does.
#[diagnostic::on_unimplemented(
    message = "a stage's function cannot take `{Self}`",
    label = "the first argument of the function",
    note = "it takes `&[u8]`, `&str`, `Json<T>`, `Record<'_>`, or `&mut [u8]` to change the value in place"
)]
pub trait FromRecord<'a>: Sized {
    /// Reads the record.
    ///
    /// # Errors
    /// Why it is not of this type: that record's failure.
    fn from_record(record: Record<'a>) -> Result<Self, Failure>;
}

/// JSON: as a stage's argument the record's value, parsed; as its result a value to be written.
///
/// A type that borrows from the record saves an allocation for each text:
///
/// ```
/// use sandmill_stage::Json;
///
/// #[derive(serde::Deserialize)]
/// struct Visit<'a> {
///     path: &'a str,
/// }
///
/// fn path(Json(visit): Json<Visit<'_>>) -> String {
///     visit.path.to_owned()
/// }
/// sandmill_stage::stage!(path);
/// # fn main() {}
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Json<T>(
    /// What the JSON stands for.
    pub T,
);

impl<'a> FromRecord<'a> for Record<'a> {
    fn from_record(record: Record<'a>) -> Result<Self, Failure> {
        Ok(record)
    }
}

impl<'a> FromRecord<'a> for &'a [u8] {
    fn from_record(record: Record<'a>) -> Result<Self, Failure> {
        Ok(record.value)
    }
}

impl<'a> FromRecord<'a> for &'a str {
    fn from_record(record: Record<'a>) -> Result<Self, Failure> {
        record.text()
    }
}

impl<'a, T: Deserialize<'a>> FromRecord<'a> for Json<T> {
    fn from_record(record: Record<'a>) -> Result<Self, Failure> {
        record.json().map(Json)
    }
}

impl<'a> Record<'a> {
    /// The value as text.
    ///
    /// # Errors
    /// When it is not UTF-8: at which byte.
    pub fn text(&self) -> Result<&'a str, Failure> {
        std::str::from_utf8(self.value).map_err(|error| not_text(self.value, &error))
    }

    /// The value as JSON.
    ///
    /// # Errors
    /// When it is not JSON, or not of this type: what was expected, and where.
    pub fn json<T: Deserialize<'a>>(&self) -> Result<T, Failure> {
        let value = serde_json::from_slice(self.value).map_err(|error| not_json::<T>(self.value, &error))?;
        match exact::flaw_of(self.value) {
            None => Ok(value),
            Some(integer) => Err(Failure::new(format!("the integer {integer} is too large to be exact"))),
        }
    }
}

#[cold]
fn not_text(value: &[u8], error: &std::str::Utf8Error) -> Failure {
    let at = error.valid_up_to();
    let byte = value.get(at).copied().unwrap_or_default();
    Failure::new(format!("the record is not UTF-8: byte 0x{byte:02x} at offset {at} starts no character"))
}

/// Reads it again where it did not fit, to name the field.
#[cold]
fn not_json<'a, T: Deserialize<'a>>(value: &'a [u8], error: &serde_json::Error) -> Failure {
    if !error.is_data() {
        return Failure::from(error).at("the record is not JSON");
    }
    let again = serde_path_to_error::deserialize::<_, T>(&mut serde_json::Deserializer::from_slice(value));
    let path = again.err().map(|error| error.path().to_string()).filter(|path| path != ".");
    let failure = Failure::from(error);
    path.map_or_else(|| failure.clone(), |path| failure.clone().at(path)).at("the JSON does not fit")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(value: &[u8]) -> Record<'_> {
        Record { key: b"", value }
    }

    #[test]
    fn a_record_that_is_not_text_fails_with_the_place_of_the_first_bad_byte() {
        let failure = <&str>::from_record(record(b"ab\xffc")).unwrap_err();
        assert_eq!(failure.message(), "the record is not UTF-8: byte 0xff at offset 2 starts no character");
    }

    #[test]
    fn json_fails_as_no_json_or_as_json_of_another_type() {
        let broken = Json::<Vec<u8>>::from_record(record(b"[1,")).unwrap_err();
        assert_eq!(broken.message(), "the record is not JSON: EOF while parsing a value at line 1 column 3");
        let other = Json::<Vec<u8>>::from_record(record(b"[true]")).unwrap_err();
        let expected = "the JSON does not fit: [0]: invalid type: boolean `true`, expected u8 at line 1 column 5";
        assert_eq!(other.message(), expected);
    }

    /// `serde_json` makes floats of integers beyond 64 bits.
    #[test]
    fn an_integer_that_would_become_another_fails_the_record() {
        let read =
            |text: &'static str| record(text.as_bytes()).json::<serde_json::Value>().map(|json| json.to_string());
        assert_eq!(read("[18446744073709551615]").unwrap(), "[18446744073709551615]");
        assert_eq!(read("[100000000000000000000]").unwrap(), "[1e+20]");
        let failure = read("[1, 18446744073709551617]").unwrap_err();
        assert_eq!(failure.message(), "the integer 18446744073709551617 is too large to be exact");
    }
}
