//! What operators do. Numbers that a machine has and texts are quick; all else is the interpreter's own.

use std::borrow::Cow;
use std::cmp::Ordering;

use jaq_core::ops::{Cmp, Math};
use jaq_json::{Num, Val};

use super::value::{Item, Text, Value};

/// With no more digits than these, an integer is one that a machine has.
const DIGITS_MAX: usize = 18;

/// A number that a machine has.
#[derive(Clone, Copy)]
enum Number {
    Int(i64),
    Float(f64),
}

impl Number {
    #[inline]
    fn of(value: &Value<'_>) -> Option<Self> {
        match value {
            Value::Int(number) => Some(Self::Int(*number)),
            Value::Number(text) => Self::read(text),
            Value::Other(Val::Num(Num::Int(number))) => i64::try_from(*number).ok().map(Self::Int),
            Value::Other(Val::Num(Num::Float(number))) => Some(Self::Float(*number)),
            _ => None,
        }
    }

    /// A number of a record. An integer that is too large for a machine is nothing here, because it is exact.
    #[inline]
    fn read(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        if digits.len() > DIGITS_MAX {
            return Self::read_long(text, digits);
        }
        let mut number = 0;
        for byte in digits.bytes() {
            if !byte.is_ascii_digit() {
                return text.parse().ok().map(Self::Float);
            }
            number = number * 10 + i64::from(byte - b'0');
        }
        match (number, digits.len() == text.len()) {
            (number, true) => Some(Self::Int(number)),
            (0, false) => Some(Self::Float(-0.0)),
            (number, false) => Some(Self::Int(-number)),
        }
    }

    #[cold]
    fn read_long(text: &str, digits: &str) -> Option<Self> {
        if digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return text.parse().ok().map(Self::Int);
        }
        text.parse().ok().map(Self::Float)
    }

    /// As the interpreter has it.
    #[expect(clippy::cast_precision_loss, reason = "that is what a calculation with another float makes of it")]
    fn float(self) -> f64 {
        match self {
            Self::Int(number) => number as f64,
            Self::Float(number) => number,
        }
    }
}

/// `left op right`.
pub(super) fn calculate<'a>(op: Math, left: Cow<'_, Value<'a>>, right: Cow<'_, Value<'a>>) -> Item<'a> {
    let quick = match (op, &*left, &*right) {
        (Math::Add, Value::Null, _) => return Ok(right.into_owned()),
        (Math::Add, _, Value::Null) => return Ok(left.into_owned()),
        (Math::Add, Value::Text(left), Value::Text(right)) => Some(Value::Text(join([left, right]))),
        (_, left, right) => numbers(op, left, right),
    };
    match quick {
        Some(value) => Ok(value),
        None => op.run(left.into_owned().into_val(), right.into_owned().into_val()).map(Value::Other).map_err(Box::new),
    }
}

fn numbers<'a>(op: Math, left: &Value<'a>, right: &Value<'a>) -> Option<Value<'a>> {
    let (left, right) = (Number::of(left)?, Number::of(right)?);
    if let (Number::Int(left), Number::Int(right)) = (left, right) {
        return match op {
            Math::Add => left.checked_add(right).map(Value::Int),
            Math::Sub => left.checked_sub(right).map(Value::Int),
            Math::Mul => left.checked_mul(right).map(Value::Int),
            Math::Div => None,
            Math::Rem => left.checked_rem(right).map(Value::Int),
        };
    }
    let (left, right) = (left.float(), right.float());
    let number = match op {
        Math::Add => left + right,
        Math::Sub => left - right,
        Math::Mul => left * right,
        Math::Div => left / right,
        Math::Rem => left % right,
    };
    Some(Value::Other(Val::Num(Num::Float(number))))
}

/// Texts, one after the other.
pub(super) fn join<'a: 'p, 'p>(parts: impl IntoIterator<Item = &'p Text<'a>> + Clone) -> Text<'a> {
    let length = parts.clone().into_iter().map(|part| part.bytes.len()).sum();
    let mut bytes = Vec::with_capacity(length);
    let mut is_plain = true;
    for part in parts {
        bytes.extend_from_slice(&part.bytes);
        is_plain &= part.is_plain;
    }
    Text { bytes: Cow::Owned(bytes), is_plain }
}

/// `left op right`.
pub(super) fn compare(op: Cmp, left: Cow<'_, Value<'_>>, right: Cow<'_, Value<'_>>) -> bool {
    match order(&left, &right) {
        Some(order) => match op {
            Cmp::Lt => order.is_lt(),
            Cmp::Le => order.is_le(),
            Cmp::Gt => order.is_gt(),
            Cmp::Ge => order.is_ge(),
            Cmp::Eq => order.is_eq(),
            Cmp::Ne => order.is_ne(),
        },
        None => op.run(&left.into_owned().into_val(), &right.into_owned().into_val()),
    }
}

fn order(left: &Value<'_>, right: &Value<'_>) -> Option<Ordering> {
    match (left, right) {
        (Value::Text(left), Value::Text(right)) => Some(left.bytes.cmp(&right.bytes)),
        (Value::Null, Value::Null) => Some(Ordering::Equal),
        (Value::Null | Value::Other(_), Value::Null | Value::Other(_)) => None,
        (Value::Null, _) => Some(Ordering::Less),
        (_, Value::Null) => Some(Ordering::Greater),
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        _ => match (Number::of(left)?, Number::of(right)?) {
            (Number::Int(left), Number::Int(right)) => Some(left.cmp(&right)),
            (left, right) => Some(order_floats(left.float(), right.float())),
        },
    }
}

/// As the interpreter has it: both zeros are equal, and what is not a number is smaller than all, itself included.
fn order_floats(left: f64, right: f64) -> Ordering {
    if left == 0.0 && right == 0.0 {
        Ordering::Equal
    } else if left.is_nan() {
        Ordering::Less
    } else if right.is_nan() {
        Ordering::Greater
    } else {
        left.total_cmp(&right)
    }
}

/// `-value`.
pub(super) fn negate(value: Value<'_>) -> Item<'_> {
    match value {
        Value::Int(number) if number != i64::MIN => Ok(Value::Int(-number)),
        other => (-other.into_val()).map(Value::Other).map_err(Box::new),
    }
}
