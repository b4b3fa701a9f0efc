//! A function that is put where it is called: how it is written there.

use wasm_encoder::Encode;
use wasmparser::{BinaryReaderError, Operator, ValType};

use super::Body;

/// What declares a local, and what sets it: an operator with an index below 2^14, or hardly above.
const LOCAL_BYTES_MAX: usize = 6;

const BLOCK: u8 = 0x02;
const BRANCH: u8 = 0x0c;
pub(super) const LOCAL_GET: u8 = 0x20;
const LOCAL_SET: u8 = 0x21;
const LOCAL_TEE: u8 = 0x22;
const NO_RESULT: u8 = 0x40;

/// A function that is put where it is called.
pub(super) struct Small<'a> {
    pub(super) body: &'a Body,
    pub(super) parameters: &'a [ValType],
    pub(super) result: Option<ValType>,
}

impl Small<'_> {
    /// The types of its locals, parameters first.
    pub(super) fn locals(&self) -> impl Iterator<Item = ValType> {
        let others = self
            .body
            .locals
            .iter()
            .flat_map(|(count, kind)| std::iter::repeat_n(*kind, usize::try_from(*count).unwrap_or(0)));
        self.parameters.iter().copied().chain(others)
    }

    /// The most that a call of it grows by, with what declares and sets its locals.
    pub(super) fn bytes_max(&self) -> usize {
        let of_locals = self.locals().map(|kind| zero(kind).map_or(0, <[u8]>::len) + LOCAL_BYTES_MAX);
        // Each operator that names a local may name one with a longer number.
        of_locals.sum::<usize>() + 2 * self.body.code.len()
    }

    /// Writes it as a block whose locals begin at `first`.
    pub(super) fn put(&self, first: usize, code: &mut Vec<u8>) -> Result<(), BinaryReaderError> {
        let set = |code: &mut Vec<u8>, local: usize| {
            code.push(LOCAL_SET);
            (first + local).encode(code);
        };
        (0..self.parameters.len()).rev().for_each(|parameter| set(code, parameter));
        for (local, kind) in self.locals().enumerate().skip(self.parameters.len()) {
            code.extend_from_slice(zero(kind).unwrap_or_default());
            set(code, local);
        }
        code.push(BLOCK);
        match self.result {
            Some(kind) => code.extend(encoded(kind)),
            None => code.push(NO_RESULT),
        }
        let mut depth = 0_usize;
        for operator in self.body.operators() {
            let (operator, place) = operator?;
            let mut local = |id: u8, index: u32| {
                code.push(id);
                (first + usize::try_from(index).unwrap_or_default()).encode(code);
            };
            match operator {
                Operator::LocalGet { local_index } => local(LOCAL_GET, local_index),
                Operator::LocalSet { local_index } => local(LOCAL_SET, local_index),
                Operator::LocalTee { local_index } => local(LOCAL_TEE, local_index),
                Operator::Return => {
                    code.push(BRANCH);
                    depth.encode(code);
                }
                other => {
                    match other {
                        Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => depth += 1,
                        // That of the function ends the block.
                        Operator::End => depth = depth.saturating_sub(1),
                        _ => {}
                    }
                    code.extend_from_slice(self.body.code.get(place).unwrap_or_default());
                }
            }
        }
        Ok(())
    }
}

/// The operators that mean the same in every function of a module.
pub(super) fn is_known(operator: &Operator<'_>) -> bool {
    !matches!(
        operator,
        Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. }
            | Operator::ReturnCallRef { .. }
            | Operator::Try { .. }
            | Operator::TryTable { .. }
            | Operator::Catch { .. }
            | Operator::CatchAll
            | Operator::Delegate { .. }
            | Operator::Rethrow { .. }
    )
}

/// The constant that a local of this type begins with, for the types that have one.
pub(super) fn zero(kind: ValType) -> Option<&'static [u8]> {
    Some(match kind {
        ValType::I32 => &[0x41, 0],
        ValType::I64 => &[0x42, 0],
        ValType::F32 => &[0x43, 0, 0, 0, 0],
        ValType::F64 => &[0x44, 0, 0, 0, 0, 0, 0, 0, 0],
        ValType::V128 => &[0xfd, 0x0c, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        ValType::Ref(_) => return None,
    })
}

/// How such a type is written.
pub(super) fn encoded(kind: ValType) -> Option<u8> {
    Some(match kind {
        ValType::I32 => 0x7f,
        ValType::I64 => 0x7e,
        ValType::F32 => 0x7d,
        ValType::F64 => 0x7c,
        ValType::V128 => 0x7b,
        ValType::Ref(_) => return None,
    })
}
