//! Where records end, as Python is given it: bytes in place of numbers.
//!
//! componentize-py takes a list of numbers apart number by number, which costs more than what Python does with a record.
//! Bytes it copies at once, and Python makes numbers of them at once. So the interface that it is shown says bytes
//! (`build.py`), and the component that it makes is changed here: the types say numbers again, as the host's do, and the
//! lengths, which count bytes on Python's side, are multiplied and divided on the way.

use wasm_encoder::{
    BlockType, CodeSection, EntityType, ExportKind, ExportSection, Function, FunctionSection, ImportSection, MemArg,
    MemArgTarget, MemoryType, Module, TypeSection, ValType,
};
use wasmparser::{ComponentTypeRef, Parser, Payload, TypeBounds};

use crate::flatten;
use sandmill_engine::error::{Error, Result};

/// The name of the type in the interface that componentize-py is shown.
const NAME: &str = "offsets";
/// A list, and what it is of.
const LIST_OF_BYTES: [u8; 2] = [0x70, 0x7d];
const U32: u8 = 0x79;

/// The component with numbers in place of bytes.
///
/// # Errors
/// When it is built in another way than componentize-py does it.
pub(super) fn as_numbers(component: &[u8]) -> Result<Vec<u8>> {
    let typed = with_numbers(component).map_err(|error| strange().caused_by(error))?;
    let (led, names) = flatten::led(&typed, &way).map_err(|error| strange().caused_by(error))?;
    // One that was not found would be given a quarter of its numbers.
    let mut functions: Vec<&str> = names.iter().filter_map(|name| Some(name.split_once('#')?.1)).collect();
    functions.sort_unstable();
    match functions.as_slice() {
        ["flush", "process"] | ["pull"] => Ok(led),
        found => Err(strange().caused_by(format!("of the functions of the interface it lifts {found:?}"))),
    }
}

fn strange() -> Error {
    Error::config("componentize-py made a component that is built in an unknown way")
        .hint("`sandmill toolchain install python` fetches the version that Sandmill is tested with")
}

/// The component whose lists of this name are of numbers.
#[expect(clippy::wildcard_enum_match_arm, reason = "all other sections have no part in this")]
fn with_numbers(component: &[u8]) -> std::result::Result<Vec<u8>, String> {
    let mut changed = component.to_vec();
    let mut found = 0;
    // Where the section before this one ends with a list of bytes.
    let mut before = None;
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload.map_err(|error| error.to_string())?;
        let mut places = Vec::new();
        match &payload {
            Payload::ComponentTypeSection(section) => {
                let start = usize::try_from(section.range().start).unwrap_or(usize::MAX);
                let end = usize::try_from(section.range().end).unwrap_or(usize::MAX);
                let types = component.get(start..end).unwrap_or_default();
                places.extend(memchr::memmem::find_iter(types, &exported()).map(|at| start + at));
                before = types.ends_with(&LIST_OF_BYTES).then_some(end - LIST_OF_BYTES.len());
            }
            Payload::ComponentImportSection(section) => {
                let first = section.clone().into_iter().next().transpose().map_err(|error| error.to_string())?;
                let is_it = first.is_some_and(|import| {
                    import.name.name == format!("import-type-{NAME}")
                        && matches!(import.ty, ComponentTypeRef::Type(TypeBounds::Eq(_)))
                });
                places.extend(before.take().filter(|_| is_it));
            }
            _ => before = None,
        }
        found += places.len();
        for at in places {
            if let Some(byte) = changed.get_mut(at + 1) {
                *byte = U32;
            }
        }
    }
    match found {
        2 => Ok(changed),
        _ => Err(format!("it has {found} types with the name \"{NAME}\", not 2")),
    }
}

/// A list of bytes that an interface exports under the name, as it is written.
fn exported() -> Vec<u8> {
    let length = u8::try_from(NAME.len()).unwrap_or(u8::MAX);
    [&LIST_OF_BYTES, [0x04, 0x00, length].as_slice(), NAME.as_bytes(), &[0x03, 0x00]].concat()
}

/// The core parameters of a function that are lengths of offsets, how many there are in all, and where in the result the
/// lists of offsets lie.
struct Layout {
    lengths: &'static [u32],
    parameters: u32,
    lists: &'static [u64],
}

/// Beside the discriminant of the result: values, where they end, keys, where these end; and of an outcome the origins.
const CHUNK: &[u64] = &[12, 28];
const OUTCOME: &[u64] = &[12, 28, 36];

/// The module through which a function of this name is reached.
fn way(name: &str) -> Option<Vec<u8>> {
    let (interface, function) = name.split_once('#')?;
    let layout = match (interface.split_once('@')?.0, function) {
        ("sandmill:stage/transform", "process") => Layout { lengths: &[3, 7], parameters: 8, lists: OUTCOME },
        ("sandmill:stage/transform", "flush") => Layout { lengths: &[], parameters: 0, lists: OUTCOME },
        ("sandmill:stage/source", "pull") => Layout { lengths: &[], parameters: 1, lists: CHUNK },
        _ => return None,
    };
    Some(layout.module())
}

impl Layout {
    fn module(&self) -> Vec<u8> {
        let parameters = usize::try_from(self.parameters).unwrap_or(usize::MAX);
        let mut types = TypeSection::new();
        types.ty().function(std::iter::repeat_n(ValType::I32, parameters), [ValType::I32]);
        let mut imports = ImportSection::new();
        let memory = MemoryType { minimum: 0, maximum: None, memory64: false, shared: false, page_size_log2: None };
        imports.import("", "memory", EntityType::Memory(memory)).import("", "function", EntityType::Function(0));
        let mut functions = FunctionSection::new();
        functions.function(0);
        let mut exports = ExportSection::new();
        exports.export("function", ExportKind::Func, 1);
        let mut code = CodeSection::new();
        code.function(&self.function());
        let mut module = Module::new();
        module.section(&types).section(&imports).section(&functions).section(&exports).section(&code);
        module.finish()
    }

    fn function(&self) -> Function {
        let result = self.parameters;
        let mut function = Function::new([(1, ValType::I32)]);
        let mut code = function.instructions();
        for parameter in 0..self.parameters {
            code.local_get(parameter);
            if self.lengths.contains(&parameter) {
                code.i32_const(2).i32_shl();
            }
        }
        code.call(0).local_tee(result).i32_load8_u(at(0, 0)).i32_eqz().if_(BlockType::Empty);
        for list in self.lists {
            // A multiple of four, because the SDK has written numbers.
            code.local_get(result).local_get(result).i32_load(at(list + 4, 2)).i32_const(2).i32_shr_u();
            code.i32_store(at(list + 4, 2));
            // Where there are no bytes, they may lie where no number does.
            code.local_get(result).i32_load(at(list + 4, 2)).i32_eqz().if_(BlockType::Empty);
            code.local_get(result).i32_const(8).i32_store(at(*list, 2)).end();
        }
        code.end().local_get(result).end();
        function
    }
}

fn at(offset: u64, align: u32) -> MemArg {
    MemArg { offset, align, target: MemArgTarget::Memory(0), ordering: None }
}

#[cfg(test)]
mod tests {
    use wasmparser::Validator;
    use wit_component::{ComponentEncoder, StringEncoding, WitPrinter, decode, embed_component_metadata};
    use wit_parser::Resolve;

    use super::*;

    /// What componentize-py is shown.
    fn shown() -> String {
        let interface = include_str!("../../../../../guest-sdk/wit/stage.wit");
        let shown =
            interface.replace("ends: list<u32>", "ends: offsets").replace("origins: list<u32>", "origins: offsets");
        shown.replace("  record column {", "  type offsets = list<u8>;\n  record column {")
    }

    /// A component of this world, as it is encoded for the interface with bytes.
    fn component(world: &str, functions: &str) -> Vec<u8> {
        let module = format!(
            "(module (memory (export \"memory\") 1)
                (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) unreachable) {functions})"
        );
        let mut module = wat::parse_str(module).unwrap();
        let mut resolve = Resolve::default();
        let package = resolve.push_str("stage.wit", &shown()).unwrap();
        let world = resolve.select_world(&[package], Some(world)).unwrap();
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false).unwrap();
        ComponentEncoder::default().module(&module).unwrap().encode().unwrap()
    }

    fn stage() -> Vec<u8> {
        let process = "(func (export \"sandmill:stage/transform@0.1.0#process\")
            (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32) i32.const 0)";
        let open = "(func (export \"sandmill:stage/transform@0.1.0#open\") (param i32 i32) (result i32) i32.const 0)";
        let flush = "(func (export \"sandmill:stage/transform@0.1.0#flush\") (result i32) i32.const 0)";
        component("stage", &[process, open, flush].concat())
    }

    fn source() -> Vec<u8> {
        let open =
            "(func (export \"sandmill:stage/source@0.1.0#open\") (param i32 i32 i32 i32 i32) (result i32) i32.const 0)";
        let pull = "(func (export \"sandmill:stage/source@0.1.0#pull\") (param i32) (result i32) i32.const 0)";
        component("record-source", &[open, pull].concat())
    }

    #[test]
    fn a_component_says_numbers_to_its_host_where_it_was_made_with_bytes() {
        for (made, modules) in [(stage(), 3), (source(), 2)] {
            let changed = as_numbers(&made).unwrap();
            Validator::new().validate_all(&changed).unwrap();
            let decoded = decode(&changed).unwrap();
            let mut printer = WitPrinter::default();
            for (package, _) in decoded.resolve().packages.iter() {
                printer.print(decoded.resolve(), package, &[]).unwrap();
            }
            let text = printer.output.to_string();
            assert!(text.contains("type offsets = list<u32>;"), "{text}");
            assert!(text.contains("data: list<u8>,"), "{text}");
            let is_module = |payload: &Payload<'_>| matches!(payload, Payload::ModuleSection { .. });
            let count =
                Parser::new(0).parse_all(&changed).filter(|payload| is_module(payload.as_ref().unwrap())).count();
            assert_eq!(count, modules, "one more for each function that is led another way");
        }
    }

    #[test]
    fn a_component_that_is_built_in_another_way_is_refused() {
        let other = wat::parse_str("(component (type (list u8)))").unwrap();
        let why = as_numbers(&other).unwrap_err();
        assert!(why.to_string().contains("unknown way"), "{why}");
        let mut made = stage();
        let at = memchr::memmem::find(&made, b"import-type-offsets").unwrap();
        made[at] = b'e';
        assert!(as_numbers(&made).is_err());
        // Lifted under another name, a function would be given numbers where it expects bytes.
        let mut made = stage();
        let places: Vec<usize> = memchr::memmem::find_iter(&made, b"#flush").collect();
        places.into_iter().for_each(|at| made[at + 5] = b'x');
        Validator::new().validate_all(&made).unwrap();
        let why = as_numbers(&made).unwrap_err();
        assert!(why.causes().iter().any(|cause| cause.contains("[\"process\"]")), "{why:?}");
    }
}
