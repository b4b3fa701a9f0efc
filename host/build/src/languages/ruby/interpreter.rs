//! Ruby's interpreter as a part of a stage: the module as its makers publish it, with the stage's text in it.
//!
//! Four functions are added at its end, so that no function that is there changes its number, and code is copied as it is.
//! Only where the interpreter asks for memory it calls one of them instead: while it starts, it wants 256 MiB for a cache
//! that it can do without, and would take them wherever `limits.memory` lets it.

use std::convert::Infallible;

use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, DataSection, ExportKind, ExportSection, Function, FunctionSection,
    GlobalSection, GlobalType, ImportSection, Instruction, Module, TypeSection, ValType,
};
use wasmparser::{
    CodeSectionReader, DataSectionReader, ExportSectionReader, FunctionBody, FunctionSectionReader,
    GlobalSectionReader, ImportSectionReader, Parser, TypeRef, TypeSectionReader,
};

/// What a start may ask for at once, pages: 32 MiB. Its largest demand but that for the cache is half of it.
const GROWTH_AT_START_MAX: i32 = 512;

/// `memory.grow`, of the first memory.
const GROW: [u8; 2] = [0x40, 0];

/// From where all that the interpreter imports comes: the adapter.
pub(super) const ADAPTER: &str = "ruby";

/// The interpreter with `text` in it.
///
/// # Errors
/// When the interpreter is not a module.
pub(super) fn with_text(interpreter: &[u8], text: &[u8]) -> Result<Vec<u8>, Error> {
    let mut module = Module::new();
    let mut added = Added { text, ..Added::default() };
    added.parse_core_module(&mut module, Parser::new(0), interpreter)?;
    Ok(module.finish())
}

/// What is added, and the numbers that it has.
#[derive(Debug, Default)]
struct Added<'a> {
    text: &'a [u8],
    types: u32,
    functions: u32,
    globals: u32,
    data: u32,
}

/// The added functions, in order.
const EXPORTED: [Option<&str>; 4] =
    [None, Some("sandmill-started"), Some("sandmill-text-bytes"), Some("sandmill-text")];

impl Added<'_> {
    fn text_bytes(&self) -> i32 {
        i32::try_from(self.text.len()).unwrap_or(i32::MAX)
    }

    /// Grows memory, but not by much while the interpreter starts. -1 where it does not.
    fn grow(&self) -> Function {
        let mut function = Function::new([]);
        let mut code = function.instructions();
        code.local_get(0).i32_const(GROWTH_AT_START_MAX).i32_gt_u().global_get(self.globals).i32_eqz().i32_and();
        code.if_(BlockType::Empty).i32_const(-1).return_().end();
        code.local_get(0).memory_grow(0).end();
        function
    }

    fn started(&self) -> Function {
        let mut function = Function::new([]);
        function.instructions().i32_const(1).global_set(self.globals).end();
        function
    }

    fn length(&self) -> Function {
        let mut function = Function::new([]);
        function.instructions().i32_const(self.text_bytes()).end();
        function
    }

    /// Copies the text to an address.
    fn copy(&self) -> Function {
        let mut function = Function::new([]);
        let mut code = function.instructions();
        code.local_get(0).i32_const(0).i32_const(self.text_bytes()).memory_init(0, self.data).end();
        function
    }
}

impl Reencode for Added<'_> {
    type Error = Infallible;

    fn parse_type_section(&mut self, types: &mut TypeSection, section: TypeSectionReader<'_>) -> Result<(), Error> {
        utils::parse_type_section(self, types, section)?;
        self.types = types.len();
        types.ty().function([ValType::I32], [ValType::I32]);
        types.ty().function([], []);
        types.ty().function([], [ValType::I32]);
        types.ty().function([ValType::I32], []);
        Ok(())
    }

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        section: ImportSectionReader<'_>,
    ) -> Result<(), Error> {
        for import in section.into_imports() {
            let import = import?;
            match import.ty {
                TypeRef::Func(_) | TypeRef::FuncExact(_) => self.functions += 1,
                TypeRef::Global(_) => self.globals += 1,
                TypeRef::Table(_) | TypeRef::Memory(_) | TypeRef::Tag(_) => {}
            }
            imports.import(ADAPTER, import.name, self.entity_type(import.ty)?);
        }
        Ok(())
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: FunctionSectionReader<'_>,
    ) -> Result<(), Error> {
        utils::parse_function_section(self, functions, section)?;
        self.functions += functions.len();
        for added in (0..).take(EXPORTED.len()) {
            functions.function(self.types + added);
        }
        Ok(())
    }

    fn parse_global_section(
        &mut self,
        globals: &mut GlobalSection,
        section: GlobalSectionReader<'_>,
    ) -> Result<(), Error> {
        utils::parse_global_section(self, globals, section)?;
        self.globals += globals.len();
        let is_started = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
        globals.global(is_started, &ConstExpr::i32_const(0));
        Ok(())
    }

    fn parse_export_section(
        &mut self,
        exports: &mut ExportSection,
        section: ExportSectionReader<'_>,
    ) -> Result<(), Error> {
        utils::parse_export_section(self, exports, section)?;
        for (number, name) in (0..).zip(EXPORTED) {
            if let Some(name) = name {
                exports.export(name, ExportKind::Func, self.functions + number);
            }
        }
        Ok(())
    }

    fn data_count(&mut self, count: u32) -> Result<u32, Error> {
        self.data = count;
        Ok(count + 1)
    }

    fn parse_code_section(&mut self, code: &mut CodeSection, section: CodeSectionReader<'_>) -> Result<(), Error> {
        utils::parse_code_section(self, code, section)?;
        for function in [self.grow(), self.started(), self.length(), self.copy()] {
            code.function(&function);
        }
        Ok(())
    }

    fn parse_function_body(&mut self, code: &mut CodeSection, body: FunctionBody<'_>) -> Result<(), Error> {
        // These bytes may be of something else, but no function that grows memory is without them.
        if !body.as_bytes().windows(2).any(|bytes| bytes == GROW) {
            code.raw(body.as_bytes());
            return Ok(());
        }
        utils::parse_function_body(self, code, body)
    }

    fn instruction<'a>(&mut self, operator: wasmparser::Operator<'a>) -> Result<Instruction<'a>, Error> {
        let instruction = utils::instruction(self, operator)?;
        let grows = matches!(instruction, Instruction::MemoryGrow(_));
        Ok(if grows { Instruction::Call(self.functions) } else { instruction })
    }

    fn parse_data_section(&mut self, data: &mut DataSection, section: DataSectionReader<'_>) -> Result<(), Error> {
        utils::parse_data_section(self, data, section)?;
        data.passive(self.text.iter().copied());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use wasmparser::{Operator, Payload, Validator};

    use super::*;

    const PROGRAM: &str = "(module
        (import \"wasi_snapshot_preview1\" \"fd_read\" (func (param i32)))
        (import \"rb-js-abi-host\" \"is-js: func()\" (func))
        (memory (export \"memory\") 1) (global (mut i32) (i32.const 0))
        (func (export \"grows\") (param i32) (result i32) (memory.grow (local.get 0)))
        (func (export \"does\") (result i32) (i32.const 64))
        (func (memory.init $own (i32.const 0) (i32.const 0) (i32.const 1)))
        (data (i32.const 8) \"words\") (data $own \"x\"))";

    #[expect(clippy::wildcard_enum_match_arm, reason = "one kind of section out of thirty")]
    /// How often each function grows memory, in order.
    fn grows(module: &[u8]) -> Vec<usize> {
        let bodies = Parser::new(0).parse_all(module).map(Result::unwrap).filter_map(|part| match part {
            Payload::CodeSectionEntry(body) => Some(body),
            _ => None,
        });
        let count = |body: FunctionBody<'_>| {
            let operators = body.get_operators_reader().unwrap().into_iter().map(Result::unwrap);
            operators.filter(|it| matches!(it, Operator::MemoryGrow { .. })).count()
        };
        bodies.map(count).collect()
    }

    #[test]
    fn memory_is_asked_for_in_one_place() {
        let program = wat::parse_str(PROGRAM).unwrap();
        assert_eq!(grows(&program), [1, 0, 0]);
        let module = with_text(&program, b"puts 1").unwrap();
        Validator::new().validate_all(&module).unwrap();
        assert_eq!(grows(&module), [0, 0, 0, 1, 0, 0, 0]);
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "one kind of section out of thirty")]
    #[test]
    fn all_that_is_imported_is_for_one_adapter_to_answer() {
        let module = with_text(&wat::parse_str(PROGRAM).unwrap(), b"").unwrap();
        let imports = Parser::new(0).parse_all(&module).map(Result::unwrap).find_map(|part| match part {
            Payload::ImportSection(imports) => Some(imports),
            _ => None,
        });
        let names: Vec<(&str, &str)> =
            imports.unwrap().into_imports().map(|import| import.map(|it| (it.module, it.name)).unwrap()).collect();
        assert_eq!(names, [("ruby", "fd_read"), ("ruby", "is-js: func()")]);
    }

    #[test]
    fn what_is_not_a_module_is_refused() {
        assert!(with_text(b"#!/usr/bin/env ruby", b"").is_err());
    }
}
