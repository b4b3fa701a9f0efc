//! JSON where the language's own functions would make exactly the same of it, in less time.

use std::cell::RefCell;
use std::ffi::c_void;

use quickjs::{Context, Reader, Thrown, Value, Values, Writer};

use crate::column::Column;

/// Reads and writes it.
pub(crate) struct Json {
    context: Context,
    reader: Reader,
    writer: Writer,
    /// Of plain objects.
    prototype: *mut c_void,
}

thread_local! {
    /// It knows the names of the last records' members.
    static JSON: RefCell<Option<Json>> = const { RefCell::new(None) };
}

impl Json {
    /// Takes it out of its place meanwhile: what is written may have code of its own, which calls for another.
    pub(crate) fn with<T>(context: Context, work: impl FnOnce(&mut Self) -> T) -> Result<T, Thrown> {
        let mut json = JSON.take().filter(|json| json.context == context).map_or_else(|| Self::new(context), Ok)?;
        let result = work(&mut json);
        JSON.set(Some(json));
        Ok(result)
    }

    fn new(context: Context) -> Result<Self, Thrown> {
        let prototype = Value::object(context)?.prototype();
        let (reader, writer) = (Reader::new(context, Values::Plain)?, Writer::new(context, Values::Plain)?);
        Ok(Self { context, reader, writer, prototype })
    }

    /// The value that the text is, if it is a plain one.
    pub(crate) fn read(&mut self, text: &str) -> Option<Value> {
        self.reader.read(text).ok()
    }

    /// Writes a plain object, if nothing else could be meant by it. Gives whether it did.
    pub(crate) fn write(&mut self, value: &Value, outputs: &mut Column) -> bool {
        let is_plain = value.is_object() && value.prototype() == self.prototype;
        if !is_plain || [c"next", c"then"].iter().any(|name| !value.get(name).is_ok_and(|found| found.is_nothing())) {
            return false;
        }
        let begin = outputs.data.len();
        let is_written = self.writer.write(value, &mut outputs.data).is_ok();
        if is_written {
            outputs.end();
        } else {
            outputs.data.truncate(begin);
        }
        is_written
    }
}
