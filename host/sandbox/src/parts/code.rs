//! Estimates the compiler's work for the body of a function: not its bytes, but the values that it moves.

use wasmparser::{BlockType, FunctionBody, Operator};

use super::module::{Arity, ModuleScope};
use super::{Bound, Result};

/// Values that the instructions of one function move, themselves counted as one each. The largest loop of an
/// interpreter has some hundred thousand; the compiler takes some 500 bytes for each.
const WORK: Bound = Bound::new(1_000_000, "instructions and values in one function");
/// Blocks and branches of one function: the compiler's time grows with their square. The loop of CPython has some
/// thousand; 190,000 took more than a minute.
const BLOCKS: Bound = Bound::new(50_000, "blocks and branches in one function");
/// Loops within loops of one function. People nest a handful; with 10,000 the compiler takes more than a minute.
const LOOPS: Bound = Bound::new(256, "loops within each other in one function");
/// Blocks within blocks of one function. A switch of a thousand cases has as many.
const DEPTH: Bound = Bound::new(10_000, "blocks within each other in one function");
/// The compiler may have to know of each local variable that is used what it is in each block. Large functions that
/// were compiled without optimisation come near to a tenth of it.
const VARIABLES: Bound = Bound::new(50_000_000, "local variables times blocks in one function");

/// The parts of a body that have been seen.
#[derive(Debug, Default)]
struct Body {
    work: u64,
    blocks: u64,
    /// Instructions that name a local variable.
    uses: u64,
    /// Blocks that are open.
    open: Vec<Label>,
    /// How many of them are loops.
    loops: u64,
}

/// A block that is open.
#[derive(Clone, Copy, Debug)]
struct Label {
    /// Values that a branch to it moves.
    moves: u32,
    is_loop: bool,
}

/// Counts a body, which belongs to `module`. How many local variables it declares.
pub(super) fn count(body: &FunctionBody<'_>, of: Arity, module: &ModuleScope) -> Result<u64> {
    let mut declared = u64::from(of.takes);
    let mut locals = body.get_locals_reader()?;
    for _ in 0..locals.get_count() {
        declared = declared.saturating_add(u64::from(locals.read()?.0));
    }
    let mut seen =
        Body { work: u64::from(of.gives), open: vec![Label { moves: of.gives, is_loop: false }], ..Body::default() };
    let mut operators = body.get_operators_reader()?;
    while !operators.eof() {
        seen.see(&operators.read()?, module)?;
        WORK.hold(seen.work)?;
    }
    BLOCKS.hold(seen.blocks)?;
    VARIABLES.hold(declared.min(seen.uses).saturating_mul(seen.blocks))?;
    Ok(declared)
}

impl Body {
    #[expect(clippy::wildcard_enum_match_arm, reason = "hundreds of instructions move a value or two")]
    fn see(&mut self, operator: &Operator<'_>, module: &ModuleScope) -> Result<()> {
        self.work += 1;
        match operator {
            Operator::Block { blockty } | Operator::If { blockty } => {
                let arity = arity(*blockty, module);
                self.begin(arity, Label { moves: arity.gives, is_loop: false })?;
            }
            Operator::TryTable { try_table } => {
                let arity = arity(try_table.ty, module);
                self.work += try_table.catches.len() as u64;
                self.begin(arity, Label { moves: arity.gives, is_loop: false })?;
            }
            Operator::Loop { blockty } => {
                let arity = arity(*blockty, module);
                self.begin(arity, Label { moves: arity.takes, is_loop: true })?;
            }
            Operator::Else => self.blocks += 1,
            Operator::End => {
                let ended = self.open.pop().is_some_and(|label| label.is_loop);
                self.loops -= u64::from(ended);
            }
            Operator::Br { relative_depth } => self.work += self.moved_to(*relative_depth),
            Operator::BrIf { relative_depth } => {
                self.blocks += 1;
                self.work += self.moved_to(*relative_depth);
            }
            Operator::BrTable { targets } => {
                self.blocks += 1;
                self.work += self.moved_to(targets.default());
                for target in targets.targets() {
                    self.work += 1 + self.moved_to(target?);
                    WORK.hold(self.work)?;
                }
            }
            Operator::Return => self.work += u64::from(self.open.first().map_or(0, |label| label.moves)),
            Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                self.work += module.function_at(*function_index).both();
            }
            Operator::CallIndirect { type_index, .. }
            | Operator::ReturnCallIndirect { type_index, .. }
            | Operator::CallRef { type_index }
            | Operator::ReturnCallRef { type_index } => self.work += module.type_at(*type_index).both(),
            Operator::LocalGet { .. } | Operator::LocalSet { .. } | Operator::LocalTee { .. } => self.uses += 1,
            _ => {}
        }
        Ok(())
    }

    fn begin(&mut self, of: Arity, label: Label) -> Result<()> {
        self.blocks += 1;
        self.work += of.both();
        self.loops += u64::from(label.is_loop);
        self.open.push(label);
        LOOPS.hold(self.loops)?;
        DEPTH.hold(self.open.len() as u64)
    }

    /// How many values a branch out of this many blocks moves.
    fn moved_to(&self, depth: u32) -> u64 {
        let open = self.open.iter().nth_back(depth as usize);
        u64::from(open.map_or(0, |label| label.moves))
    }
}

fn arity(of: BlockType, module: &ModuleScope) -> Arity {
    match of {
        BlockType::Empty => Arity::default(),
        BlockType::Type(_) => Arity { takes: 0, gives: 1 },
        BlockType::FuncType(index) => module.type_at(index),
    }
}
