//! JSON text to values. Strict, as the standard has it: what jq lets pass as well (NaN, comments, several values, half a
//! surrogate pair) fails the record, because it could not be written again as it was.

use jaq_json::{Map, Num, Val};
use json_text::{Fault, Number, Text};
use num_bigint::BigInt;
use sandmill_stage::Failure;

/// The value that `text` is.
///
/// # Errors
/// What is wrong with it, and where, in bytes from 0.
pub(crate) fn value(text: &str) -> Result<Val, Failure> {
    whole(text).map_err(|fault| Failure::new(fault.to_string()))
}

type Read<T> = Result<T, Fault>;

fn whole(text: &str) -> Read<Val> {
    let mut text = Text::new(text);
    let value = one(&mut text)?;
    text.finish()?;
    Ok(value)
}

fn one(text: &mut Text<'_>) -> Read<Val> {
    match text.peek() {
        Some(b'"') => Ok(string(text.string()?.into_owned())),
        Some(b'{') => object(text),
        Some(b'[') => array(text),
        Some(b'-' | b'0'..=b'9') => number(text),
        Some(b't') => text.word("true").map(|()| Val::Bool(true)),
        Some(b'f') => text.word("false").map(|()| Val::Bool(false)),
        Some(b'n') => text.word("null").map(|()| Val::Null),
        Some(_) | None => Err(text.no_value()),
    }
}

fn string(text: String) -> Val {
    Val::utf8_str(text.into_bytes())
}

fn array(text: &mut Text<'_>) -> Read<Val> {
    let mut values = Vec::new();
    if !text.enter(b']')? {
        loop {
            values.push(one(text)?);
            if text.ends(b']')? {
                break;
            }
        }
    }
    Ok(Val::Arr(values.into()))
}

fn object(text: &mut Text<'_>) -> Read<Val> {
    let mut members = Map::default();
    if !text.enter(b'}')? {
        loop {
            let name = string(text.name()?.into_owned());
            members.insert(name, one(text)?);
            if text.ends(b'}')? {
                break;
            }
        }
    }
    Ok(Val::obj(members))
}

/// Integers are exact, whatever their size. Other numbers keep their text, and are numbers when a filter asks.
fn number(text: &mut Text<'_>) -> Read<Val> {
    let Number { text: number, is_integer } = text.number()?;
    let number = if is_integer { integer(number) } else { decimal(number) };
    number.map(Val::Num).ok_or_else(|| text.fault("a number is larger than a filter can calculate with"))
}

fn integer(text: &str) -> Option<Num> {
    match text.parse::<i64>() {
        Ok(number) => Some(Num::from_integral(number)),
        Err(_) => text.parse::<BigInt>().ok().map(Num::big_int),
    }
}

fn decimal(text: &str) -> Option<Num> {
    // What may not be finite has an exponent, or hundreds of digits.
    let may_overflow = text.len() > 300 || text.contains(['e', 'E']);
    let is_finite = !may_overflow || text.parse::<f64>().is_ok_and(f64::is_finite);
    is_finite.then(|| Num::Dec(text.to_owned().into()))
}
