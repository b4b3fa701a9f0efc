//! Values to compact JSON text. What JSON cannot say fails, where jq would write another value.

use std::io::Write as _;

use jaq_json::{Num, Val};
use sandmill_stage::Failure;

use json_text::DEPTH_MAX;

/// From here on a float has no digits of its own after the point, but its shortest text may be shorter than all of those
/// before it.
const WHOLE_MAX: f64 = 1e17;

/// Appends `value` as JSON.
///
/// # Errors
/// What in it is not JSON.
pub(crate) fn value(value: &Val, buffer: &mut Vec<u8>) -> Result<(), Failure> {
    nested(value, buffer, DEPTH_MAX)
}

pub(crate) fn nested(value: &Val, buffer: &mut Vec<u8>, depth: usize) -> Result<(), Failure> {
    match value {
        Val::Null => buffer.extend_from_slice(b"null"),
        Val::Bool(true) => buffer.extend_from_slice(b"true"),
        Val::Bool(false) => buffer.extend_from_slice(b"false"),
        Val::Num(number) => write_number(number, buffer)?,
        Val::TStr(text) => string(text, buffer)?,
        Val::BStr(_) => return Err("an output holds bytes that are not a text: say `@base64`".into()),
        Val::Arr(values) => {
            let depth = within(depth)?;
            buffer.push(b'[');
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    buffer.push(b',');
                }
                nested(value, buffer, depth)?;
            }
            buffer.push(b']');
        }
        Val::Obj(members) => {
            let depth = within(depth)?;
            buffer.push(b'{');
            for (index, (name, value)) in members.iter().enumerate() {
                if index > 0 {
                    buffer.push(b',');
                }
                let Val::TStr(name) = name else {
                    return Err(format!("an output has a member whose name is not a string: {name}").into());
                };
                string(name, buffer)?;
                buffer.push(b':');
                nested(value, buffer, depth)?;
            }
            buffer.push(b'}');
        }
    }
    Ok(())
}

pub(crate) fn within(depth: usize) -> Result<usize, Failure> {
    depth.checked_sub(1).ok_or_else(|| format!("an output is nested more than {DEPTH_MAX} deep").into())
}

/// Whole numbers have no point, as jq writes them.
fn write_number(number: &Num, buffer: &mut Vec<u8>) -> Result<(), Failure> {
    match number {
        Num::Float(float) if !float.is_finite() => {
            return Err(format!("an output holds {float}, which is not a number of JSON").into());
        }
        Num::Float(float) if float.fract() == 0.0 && float.abs() < WHOLE_MAX && !is_negative_zero(*float) => {
            #[expect(clippy::cast_possible_truncation, reason = "it is whole, and smaller than the largest")]
            let whole = *float as i64;
            write!(buffer, "{whole}")?;
        }
        Num::Float(float) => buffer.extend_from_slice(ryu::Buffer::new().format_finite(*float).as_bytes()),
        Num::Int(number) => write!(buffer, "{number}")?,
        Num::BigInt(number) => write!(buffer, "{number}")?,
        Num::Dec(text) => buffer.extend_from_slice(text.as_bytes()),
    }
    Ok(())
}

fn is_negative_zero(float: f64) -> bool {
    float == 0.0 && float.is_sign_negative()
}

pub(crate) fn string(text: &[u8], buffer: &mut Vec<u8>) -> Result<(), Failure> {
    if let Err(error) = std::str::from_utf8(text) {
        return Err(format!("an output holds a string that is not UTF-8: {error}").into());
    }
    buffer.push(b'"');
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f | 0x7f)) {
        let (plain, special) = rest.split_at(at);
        buffer.extend_from_slice(plain);
        let Some((&byte, after)) = special.split_first() else { break };
        write_escape(byte, buffer)?;
        rest = after;
    }
    buffer.extend_from_slice(rest);
    buffer.push(b'"');
    Ok(())
}

fn write_escape(byte: u8, buffer: &mut Vec<u8>) -> Result<(), Failure> {
    match byte {
        b'"' => buffer.extend_from_slice(b"\\\""),
        b'\\' => buffer.extend_from_slice(b"\\\\"),
        b'\n' => buffer.extend_from_slice(b"\\n"),
        b'\r' => buffer.extend_from_slice(b"\\r"),
        b'\t' => buffer.extend_from_slice(b"\\t"),
        8 => buffer.extend_from_slice(b"\\b"),
        12 => buffer.extend_from_slice(b"\\f"),
        byte => write!(buffer, "\\u{byte:04x}")?,
    }
    Ok(())
}
