//! Puts the code of small functions where they are called, in a program as others have compiled it.
//!
//! C libraries are compiled function by function, so a loop that makes letters upper case calls `toupper` for each. A call
//! costs more than such a function, most of all here: each function begins with a look at whether its time is over. The
//! compiler of the engine does the same with all functions of an engine or of none, in many times its memory.
//!
//! A call becomes a block: what the function is given goes into locals of its own, its other locals are zero, and where it
//! returns, it leaves the block.

#![expect(clippy::wildcard_enum_match_arm, reason = "of hundreds of operators and dozens of sections, few matter here")]

mod small;

use std::collections::BTreeMap;
use std::ops::Range;

use wasm_encoder::{Encode, RawSection, Section};
use wasmparser::{
    BinaryReaderError, CompositeInnerType, FuncType, FunctionBody, Operator, Parser, Payload, TypeRef, ValType,
    Validator,
};

use small::{Small, encoded, is_known, zero};

/// Code of a module beyond which it is left alone: it would take long, at each start. Arbitrary.
const CODE_BYTES_MAX: usize = 256 << 10;
/// Code of a function that is put where it is called.
const CALLEE_BYTES_MAX: usize = 64;
/// Parameters and other locals of such a function.
const CALLEE_LOCALS_MAX: usize = 16;
/// Code of a function with what was put into it.
const CALLER_BYTES_MAX: usize = 16 << 10;
/// What a module's code may grow by. Programs in C grow by a tenth of that; one that is made to grow stops here.
const GROWTH_BYTES_MAX: usize = 256 << 10;
/// What small functions call may be small itself. Arbitrary: C libraries nest two or three.
const ROUNDS: usize = 3;

const CODE: u8 = 10;
const CUSTOM: u8 = 0;

/// The module with fewer calls that does the same; `None` where there is nothing to do, or where it is not sound.
pub(super) fn inlined(module: &[u8]) -> Option<Vec<u8>> {
    let mut program = Program::read(module).ok().flatten()?;
    // Code that names a local that there is not could name one of those that are added.
    Validator::new().validate_all(module).ok()?;
    let (mut is_changed, mut growth) = (false, GROWTH_BYTES_MAX);
    for _ in 0..ROUNDS {
        // Each round takes functions as the round before has left them.
        let Some(bodies) = program.round(&mut growth).ok()? else { break };
        program.bodies = bodies;
        is_changed = true;
    }
    is_changed.then(|| program.written(module)).flatten()
}

/// What there is to know of a module.
struct Program {
    types: Vec<Option<FuncType>>,
    /// The type of each function, imported ones first.
    functions: Vec<u32>,
    imported: usize,
    bodies: Vec<Body>,
}

/// The code of a function.
#[derive(Clone, Debug)]
struct Body {
    /// How many of each type.
    locals: Vec<(u32, ValType)>,
    /// The same, as it is written.
    declared: Vec<u8>,
    /// The operators, the end of the function included.
    code: Vec<u8>,
}

impl Program {
    fn read(module: &[u8]) -> Result<Option<Self>, BinaryReaderError> {
        let mut program = Self { types: Vec::new(), functions: Vec::new(), imported: 0, bodies: Vec::new() };
        for payload in Parser::new(0).parse_all(module) {
            match payload? {
                Payload::TypeSection(types) => {
                    for each in types.into_iter() {
                        for each in each?.into_types() {
                            let function = match each.composite_type.inner {
                                CompositeInnerType::Func(function) => Some(function),
                                _ => None,
                            };
                            program.types.push(function);
                        }
                    }
                }
                Payload::ImportSection(imports) => {
                    for import in imports.into_imports() {
                        match import?.ty {
                            TypeRef::Func(index) => program.functions.push(index),
                            TypeRef::FuncExact(_) => return Ok(None),
                            _ => {}
                        }
                    }
                    program.imported = program.functions.len();
                }
                Payload::FunctionSection(functions) => {
                    for function in functions {
                        program.functions.push(function?);
                    }
                }
                Payload::CodeSectionStart { size, .. }
                    if usize::try_from(size).is_ok_and(|size| size > CODE_BYTES_MAX) =>
                {
                    return Ok(None);
                }
                Payload::CodeSectionEntry(body) => program.bodies.push(Body::read(&body)?),
                _ => {}
            }
        }
        Ok((program.bodies.len() + program.imported == program.functions.len()).then_some(program))
    }

    fn signature(&self, function: usize) -> Option<&FuncType> {
        self.types.get(usize::try_from(*self.functions.get(function)?).ok()?)?.as_ref()
    }

    /// All bodies with the small ones in them, once; nothing where there are none. `growth`: what they may still grow by.
    fn round(&self, growth: &mut usize) -> Result<Option<Vec<Body>>, BinaryReaderError> {
        let small: BTreeMap<u32, Small<'_>> = (0..self.bodies.len())
            .filter_map(|index| {
                let function = index + self.imported;
                Some((u32::try_from(function).ok()?, self.small(function, self.bodies.get(index)?)?))
            })
            .collect();
        let mut is_changed = false;
        let mut bodies = Vec::with_capacity(self.bodies.len());
        for (index, body) in self.bodies.iter().enumerate() {
            let parameters = self.signature(index + self.imported).map_or(0, |signature| signature.params().len());
            let itself = u32::try_from(index + self.imported).unwrap_or(u32::MAX);
            let with =
                body.with(parameters, &|function| small.get(&function).filter(|_| function != itself), growth)?;
            is_changed |= with.is_some();
            bodies.push(with.unwrap_or_else(|| body.clone()));
        }
        Ok(is_changed.then_some(bodies))
    }

    fn small<'a>(&'a self, function: usize, body: &'a Body) -> Option<Small<'a>> {
        let signature = self.signature(function)?;
        let result = match signature.results() {
            [] => None,
            [result] => Some(*result),
            _ => return None,
        };
        let is_plain = |kind: &ValType| zero(*kind).is_some();
        let is_small = body.code.len() <= CALLEE_BYTES_MAX
            && signature.params().iter().chain(signature.results()).all(is_plain)
            && body.locals.iter().all(|(_, kind)| is_plain(kind))
            && body.count().saturating_add(signature.params().len()) <= CALLEE_LOCALS_MAX
            && body.is_plain(u32::try_from(function).ok()?);
        is_small.then_some(Small { body, parameters: signature.params(), result })
    }

    /// The module with these bodies, and without what tells of places in the old ones.
    fn written(&self, module: &[u8]) -> Option<Vec<u8>> {
        let mut code = Vec::new();
        self.bodies.len().encode(&mut code);
        for body in &self.bodies {
            body.written().encode(&mut code);
        }
        let mut made = module.get(..8)?.to_vec();
        let mut at = 8;
        while let Some(&id) = module.get(at) {
            let mut reader = wasmparser::BinaryReader::new(module.get(at + 1..)?, 0);
            let size = usize::try_from(reader.read_var_u32().ok()?).ok()?;
            let begin = at + 1 + reader.current_position();
            let content = module.get(begin..begin.checked_add(size)?)?;
            match id {
                CODE => RawSection { id, data: &code }.append_to(&mut made),
                CUSTOM if tells_of_places(content) => {}
                _ => RawSection { id, data: content }.append_to(&mut made),
            }
            at = begin + size;
        }
        Some(made)
    }
}

impl Body {
    fn read(body: &FunctionBody<'_>) -> Result<Self, BinaryReaderError> {
        let locals: Vec<_> = body.get_locals_reader()?.into_iter().collect::<Result<_, _>>()?;
        let mut whole = body.get_binary_reader();
        whole.read_var_u32()?;
        let all = whole.bytes_remaining();
        let mut operators = body.get_operators_reader()?.get_binary_reader();
        let left = operators.bytes_remaining();
        let declared = whole.read_bytes(all - left)?.to_vec();
        Ok(Self { locals, declared, code: operators.read_bytes(left)?.to_vec() })
    }

    /// Whether nothing in it depends on which function it is in.
    fn is_plain(&self, itself: u32) -> bool {
        self.operators().all(|operator| match operator {
            Ok((Operator::Call { function_index }, _)) => function_index != itself,
            Ok((operator, _)) => is_known(&operator),
            Err(_) => false,
        })
    }

    /// The operators, and where each is in the code.
    fn operators(&self) -> impl Iterator<Item = Result<(Operator<'_>, Range<usize>), BinaryReaderError>> {
        let mut reader = wasmparser::OperatorsReader::new(wasmparser::BinaryReader::new(&self.code, 0));
        std::iter::from_fn(move || {
            if reader.eof() {
                return None;
            }
            let begin = reader.original_position();
            let operator = match reader.read() {
                Ok(operator) => operator,
                Err(error) => return Some(Err(error)),
            };
            let place = |at| usize::try_from(at).unwrap_or(usize::MAX);
            Some(Ok((operator, place(begin)..place(reader.original_position()))))
        })
    }

    /// The same with the code of what it calls, where `small` has it; nothing where it calls none of these.
    fn with<'a>(
        &self,
        parameters: usize,
        small: &dyn Fn(u32) -> Option<&'a Small<'a>>,
        growth: &mut usize,
    ) -> Result<Option<Self>, BinaryReaderError> {
        let mut made = Self { code: Vec::with_capacity(self.code.len()), ..self.clone() };
        made.code.clear();
        let mut next = self.count().saturating_add(parameters);
        // Where the locals of each begin: those of two calls of one function are the same.
        let mut begins = BTreeMap::new();
        let mut copied = 0;
        for operator in self.operators() {
            let (operator, place) = operator?;
            let Operator::Call { function_index } = operator else { continue };
            let Some(called) = small(function_index) else { continue };
            let grows = called.bytes_max();
            let Some(left) = growth.checked_sub(grows).filter(|_| made.code.len() + grows <= CALLER_BYTES_MAX) else {
                continue;
            };
            *growth = left;
            let first = *begins.entry(function_index).or_insert_with(|| {
                let first = next;
                for kind in called.locals() {
                    made.declare(kind);
                    next += 1;
                }
                first
            });
            made.code.extend_from_slice(self.code.get(copied..place.start).unwrap_or_default());
            copied = place.end;
            called.put(first, &mut made.code)?;
        }
        made.code.extend_from_slice(self.code.get(copied..).unwrap_or_default());
        Ok((copied > 0).then_some(made))
    }

    /// How many locals there are beside the parameters.
    fn count(&self) -> usize {
        self.locals
            .iter()
            .map(|(count, _)| usize::try_from(*count).unwrap_or(usize::MAX))
            .fold(0, usize::saturating_add)
    }

    /// Adds a local, of a type that has a constant.
    fn declare(&mut self, kind: ValType) {
        self.locals.push((1, kind));
        self.declared.push(1);
        self.declared.extend(encoded(kind));
    }

    fn written(&self) -> Vec<u8> {
        let mut written = Vec::with_capacity(self.code.len() + self.declared.len() + 4);
        self.locals.len().encode(&mut written);
        written.extend_from_slice(&self.declared);
        written.extend_from_slice(&self.code);
        written
    }
}

/// Whether a custom section tells of places in the code: for debuggers, linkers and compilers.
fn tells_of_places(section: &[u8]) -> bool {
    let name = wasmparser::BinaryReader::new(section, 0).read_string().unwrap_or_default();
    [".debug_", "metadata.code.", "reloc.", "linking", "sourceMappingURL"].iter().any(|begin| name.starts_with(begin))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use wasmtime::{Engine, Instance, Module, Store};

    use super::small::LOCAL_GET;
    use super::*;

    /// Small functions of all shapes, and a program that calls them in loops.
    const PROGRAM: &str = r#"(module
        (type $none (func))
        (memory (export "memory") 1)
        (table 1 funcref)
        (global $calls (mut i32) (i32.const 0))
        (func $upper (param i32) (result i32)
            (if (i32.gt_u (i32.sub (local.get 0) (i32.const 97)) (i32.const 25)) (then (return (local.get 0))))
            (i32.xor (local.get 0) (i32.const 32)))
        (func $count (global.set $calls (i32.add (global.get $calls) (i32.const 1))))
        ;; Its local is zero at each call.
        (func $fresh (param $add i32) (result i32) (local $sum i32)
            (local.set $sum (i32.add (local.get $sum) (local.get $add)))
            (call $count)
            (local.get $sum))
        (func $middle (param i32 i64) (result i64) (local f32 f64 v128)
            (block (block (block (br_table 0 1 2 (local.get 0))) (return (i64.const 10))) (br 1 (i64.const 20)))
            (i64.add (local.get 1) (i64.extend_i32_u (call $upper (local.get 0)))))
        (func $two (result i32 i32) (i32.const 1) (i32.const 2))
        (func $self (param i32) (result i32)
            (if (result i32) (local.get 0) (then (call $self (i32.sub (local.get 0) (i32.const 1)))) (else (i32.const 7))))
        (func $even (param i32) (result i32)
            (if (result i32) (local.get 0) (then (call $odd (i32.sub (local.get 0) (i32.const 1)))) (else (i32.const 1))))
        (func $odd (param i32) (result i32)
            (if (result i32) (local.get 0) (then (call $even (i32.sub (local.get 0) (i32.const 1)))) (else (i32.const 0))))
        (func $never (result i32) (unreachable))
        (func $spin (param i32) (loop $again (br_if $again (local.tee 0 (i32.and (i32.sub (local.get 0) (i32.const 1)) (i32.const 7))))))
        (func (export "run") (param $n i32) (param $seed i32) (result i64) (local $at i32) (local $all i64) (local $ref funcref)
            (loop $next
                (local.set $all (i64.add (i64.mul (local.get $all) (i64.const 31))
                    (call $middle (i32.rem_u (local.get $at) (i32.const 5)) (local.get $all))))
                (local.set $all (i64.xor (local.get $all)
                    (i64.extend_i32_u (i32.add (call $upper (i32.add (local.get $seed) (local.get $at))) (call $fresh (local.get $at))))))
                (call $spin (local.get $at))
                (local.set $all (i64.add (local.get $all) (i64.extend_i32_u (i32.add (call $two)))))
                (local.set $at (i32.add (local.get $at) (i32.const 1)))
                (br_if $next (i32.lt_u (local.get $at) (local.get $n))))
            (if (i32.eq (local.get $seed) (i32.const 13)) (then (drop (call $never)) (drop (call $upper (i32.const 1)))))
            (i64.add (local.get $all) (i64.extend_i32_u (i32.add
                (i32.add (call $self (local.get $n)) (i32.mul (i32.const 100) (call $even (local.get $n))))
                (i32.add (global.get $calls) (ref.is_null (local.get $ref)))))))
        (@custom "producers" "old")
        (@custom ".debug_line" "places"))"#;

    fn calls(module: &[u8]) -> usize {
        let is_call = |operator: &Operator<'_>| matches!(operator, Operator::Call { .. });
        let program = Program::read(module).unwrap().unwrap();
        program
            .bodies
            .iter()
            .map(|body| body.operators().filter(|each| is_call(&each.as_ref().unwrap().0)).count())
            .sum()
    }

    fn run(engine: &Engine, module: &Module, given: (i32, i32)) -> Option<i64> {
        let mut store = Store::new(engine, ());
        let instance = Instance::new(&mut store, module, &[]).unwrap();
        instance.get_typed_func::<(i32, i32), i64>(&mut store, "run").unwrap().call(&mut store, given).ok()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn a_program_does_the_same_with_fewer_calls(seeds in proptest::collection::vec((1..40_i32, 0..200_i32), 8)) {
            let before = wat::parse_str(PROGRAM).unwrap();
            let after = inlined(&before).unwrap();
            Validator::new().validate_all(&after).unwrap();
            prop_assert!(calls(&after) < calls(&before) / 2, "{} {}", calls(&before), calls(&after));
            let engine = Engine::default();
            let [before, after] = [before, after].map(|module| Module::new(&engine, module).unwrap());
            for given in seeds.into_iter().chain([(3, 13)]) {
                prop_assert_eq!(run(&engine, &before, given), run(&engine, &after, given), "{:?}", given);
            }
        }
    }

    #[test]
    fn what_tells_of_places_in_the_code_is_left_out() {
        let after = inlined(&wat::parse_str(PROGRAM).unwrap()).unwrap();
        let customs: Vec<String> = Parser::new(0)
            .parse_all(&after)
            .filter_map(|payload| match payload.unwrap() {
                Payload::CustomSection(section) => Some(section.name().to_owned()),
                _ => None,
            })
            .collect();
        assert_eq!(customs, ["producers", "name"]);
    }

    #[test]
    fn what_is_large_strange_or_no_module_is_left_alone() {
        let module = |text: &str| wat::parse_str(text).unwrap();
        assert!(inlined(b"\0asm").is_none());
        // A local that there is not, and would be.
        let sound = "(module (func $g (local i32)) (func $f (param i32) (drop (local.get 0)) (call $g)) (export \"f\" (func $f)))";
        let mut unsound = module(sound);
        let at = memchr::memmem::find(&unsound, &[LOCAL_GET, 0, 0x1a]).unwrap();
        unsound[at + 1] = 1;
        assert!(inlined(&module(sound)).is_some() && inlined(&unsound).is_none());
        assert!(inlined(&module("(module)")).is_none());
        assert!(
            inlined(&module("(module (func (export \"f\") (result i32) (i32.const 1)))")).is_none(),
            "nobody calls it"
        );
        let tail = "(module (func $t) (func $f (return_call $t)) (func (export \"g\") (call $f)))";
        assert!(inlined(&module(tail)).is_none(), "it does not return to where it was called");
        let itself =
            "(module (func $f (param i32) (call $f (local.get 0))) (func (export \"g\") (call $f (i32.const 1))))";
        assert!(inlined(&module(itself)).is_none());
        let long = format!("(func $long {})", "(drop (i32.const 1))".repeat(90_000));
        let called = "(func $f) (func (export \"g\") (call $f))";
        assert!(inlined(&module(&format!("(module {called})"))).is_some());
        assert!(inlined(&module(&format!("(module {called} {long})"))).is_none());
    }

    #[test]
    fn functions_do_not_grow_without_end() {
        let call = "(call $f (i32.const 1))".repeat(3000);
        let text = format!("(module (global $g (mut i32) (i32.const 0))
            (func $f (param i32) (global.set $g (i32.add (global.get $g) (local.get 0)))) (func (export \"g\") {call}))");
        let before = wat::parse_str(text).unwrap();
        let after = inlined(&before).unwrap();
        Validator::new().validate_all(&after).unwrap();
        assert!(after.len() < before.len() + 2 * CALLER_BYTES_MAX, "{} {}", before.len(), after.len());
        assert!(calls(&after) > 0);
    }

    #[test]
    fn a_module_that_is_made_to_grow_stops() {
        let often = |name: &str| format!("(call ${name})").repeat(15);
        let callers = format!("(func {})", "(call $a)".repeat(4)).repeat(5000);
        let nested = format!("(func $a {}) (func $b {}) (func $c {})", often("b"), often("c"), "(nop)".repeat(60));
        let before = wat::parse_str(format!("(module {nested} {callers})")).unwrap();
        let after = inlined(&before).unwrap();
        Validator::new().validate_all(&after).unwrap();
        assert!(after.len() > before.len() + GROWTH_BYTES_MAX / 2, "{} {}", before.len(), after.len());
        assert!(after.len() < before.len() + 2 * GROWTH_BYTES_MAX, "{} {}", before.len(), after.len());
        let wide =
            format!("(module (func $f (local{})) {})", " v128".repeat(16), "(func (call $f) (call $f))".repeat(5000));
        let before = wat::parse_str(wide).unwrap();
        let after = inlined(&before).unwrap();
        assert!(after.len() < before.len() + 2 * GROWTH_BYTES_MAX, "{} {}", before.len(), after.len());
        // Not with what it only says that it has.
        let local = "(local i32)".repeat(17);
        let many = format!("(module (func $many {local}) (func (export \"g\") (call $many)))");
        assert!(inlined(&wat::parse_str(many).unwrap()).is_none());
    }
}
