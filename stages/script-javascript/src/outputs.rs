//! What a script gives for a record, on its way to the columns.

use sandmill_stage::Output;

use quickjs::{Context, Thrown, Value, Values, Writer};

/// An output, written.
pub(crate) struct Emitted {
    pub(crate) port: u16,
    /// None: the record's.
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Vec<u8>,
}

/// Writes outputs.
pub(crate) struct Outputs {
    context: Context,
    pub(crate) writer: Writer,
    /// Whether a text is an output as it is, and not as JSON.
    plain: bool,
    /// What `new Keyed(…)` and `new To(…)` are made of.
    prototype: Value,
}

impl Outputs {
    pub(crate) fn new(context: Context, prototype: Value, plain: bool) -> Result<Self, Thrown> {
        Ok(Self { context, writer: Writer::new(context, Values::All)?, plain, prototype })
    }

    /// Emits what the function returned.
    ///
    /// # Errors
    /// What of it cannot be an output.
    pub(crate) fn returned(&mut self, value: &Value, record: &[u8], out: &mut Output) -> Result<(), Thrown> {
        if value.is_nothing() {
            return Ok(());
        }
        if let Some(keep) = value.as_bool() {
            if keep {
                out.emit(record);
            }
            return Ok(());
        }
        if !value.is_array() {
            return self.one(value, out);
        }
        for index in 0..value.length()? {
            self.one(&value.at(index)?, out)?;
        }
        Ok(())
    }

    fn one(&mut self, value: &Value, out: &mut Output) -> Result<(), Thrown> {
        if value.is_object() && value.prototype() == self.prototype.pointer() {
            let emitted = self.emitted(&value.get(c"value")?, &value.get(c"key")?, &value.get(c"port")?)?;
            emit(emitted, out);
            return Ok(());
        }
        out.try_emit_with(|buffer| self.write(value, buffer))
    }

    /// An output with a key, to a port, or neither.
    pub(crate) fn emitted(&mut self, value: &Value, key: &Value, port: &Value) -> Result<Emitted, Thrown> {
        let mut written = Vec::new();
        self.write(value, &mut written)?;
        Ok(Emitted { port: port_of(port)?, key: key_of(key)?, value: written })
    }

    fn write(&mut self, value: &Value, buffer: &mut Vec<u8>) -> Result<(), Thrown> {
        debug_assert!(value.context == self.context);
        if let Some(bytes) = value.as_bytes() {
            buffer.extend_from_slice(bytes);
            return Ok(());
        }
        if !self.plain || !value.is_string() {
            return self.writer.write(value, buffer);
        }
        value
            .with_text(|text| {
                buffer.extend_from_slice(text);
                std::str::from_utf8(text).map(|_| ())
            })?
            .map_err(|_| Thrown::said("an output holds half a surrogate pair, which is not a character"))
    }
}

pub(crate) fn emit(Emitted { port, key, value }: Emitted, out: &mut Output) {
    match key {
        None => out.emit_to(port, value),
        Some(key) => out.emit_keyed_to(port, key, value),
    }
}

fn port_of(value: &Value) -> Result<u16, Thrown> {
    if value.is_nothing() {
        return Ok(0);
    }
    let number = value.as_number().filter(|number| number.fract() == 0.0 && (0.0..65536.0).contains(number));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is whole and in range")]
    let port = number.map(|number| number as u16);
    port.ok_or_else(|| {
        let shown = value.to_text().unwrap_or_default();
        Thrown::said(format!("{shown} is not the number of an output: they are counted from 0"))
    })
}

fn key_of(value: &Value) -> Result<Option<Vec<u8>>, Thrown> {
    if value.is_nothing() {
        return Ok(None);
    }
    if let Some(bytes) = value.as_bytes() {
        return Ok(Some(bytes.to_vec()));
    }
    if !value.is_string() {
        let shown = value.to_text().unwrap_or_default();
        return Err(Thrown::said(format!("the key {shown} is not a string: say String(…)")));
    }
    Ok(Some(value.to_text()?.into_bytes()))
}
