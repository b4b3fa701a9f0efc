//! Columns, as the host has them and as a script sees them: `{ data: Uint8Array, ends: Uint32Array }`.

use quickjs::{Context, Thrown, Value};

/// Byte strings back to back, and where each ends.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) data: Vec<u8>,
    pub(crate) ends: Vec<u32>,
}

impl Column {
    pub(crate) fn push(&mut self, value: &[u8]) {
        self.data.extend_from_slice(value);
        self.end();
    }

    /// Ends a value, whose bytes are there already.
    pub(crate) fn end(&mut self) {
        // A guest's memory has no more bytes than this can say.
        self.ends.push(u32::try_from(self.data.len()).unwrap_or(u32::MAX));
    }

    /// For a script.
    pub(crate) fn to_value(&self, context: Context) -> Result<Value, Thrown> {
        let column = Value::object(context)?;
        column.set(c"data", Value::bytes(context, &self.data)?)?;
        column.set(c"ends", Value::words_of(context, &self.ends)?)?;
        Ok(column)
    }

    /// What a script made. The host checks whether the two fit.
    pub(crate) fn of(value: &Value) -> Result<Self, Thrown> {
        let data = value.get(c"data")?;
        let data = data.as_bytes().ok_or_else(|| Thrown::said("a column's data is not a Uint8Array"))?.to_vec();
        Ok(Self { data, ends: value.get(c"ends")?.words()? })
    }
}
