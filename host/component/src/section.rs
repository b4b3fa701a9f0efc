//! Reads and writes sections of modules and components: what they state about themselves, and where their imports come
//! from.

use wasmparser::{Import, ImportSectionReader, Parser, Payload};

/// Appends a custom section to a module or component.
pub fn append(wasm: &mut Vec<u8>, name: &str, data: &[u8]) {
    let mut content = Vec::with_capacity(name.len() + data.len() + 5);
    number(&mut content, name.len());
    content.extend_from_slice(name.as_bytes());
    content.extend_from_slice(data);
    wasm.push(0);
    number(wasm, content.len());
    wasm.extend_from_slice(&content);
}

/// The module without those custom sections that `drops` names.
///
/// # Errors
/// When it is not a module.
pub fn without(module: &[u8], drops: impl Fn(&str) -> bool) -> wasmparser::Result<Vec<u8>> {
    let mut kept = Vec::with_capacity(module.len());
    // Magic and version.
    kept.extend_from_slice(module.get(..8).unwrap_or(module));
    let mut end = 8;
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload?;
        let Some((_, range)) = payload.as_section() else { continue };
        // From the byte that says which section it is, which the reader leaves out with the length.
        let section_end = usize::try_from(range.end).unwrap_or(module.len());
        let whole = module.get(end..section_end).unwrap_or_default();
        end = section_end;
        let is_dropped = matches!(&payload, Payload::CustomSection(section) if drops(section.name()));
        if !is_dropped {
            kept.extend_from_slice(whole);
        }
    }
    Ok(kept)
}

/// The names that a module imports from another.
///
/// # Errors
/// When it is not a module.
pub(crate) fn imports(module: &[u8], from: &str) -> wasmparser::Result<Vec<String>> {
    let mut names = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::ImportSection(imports) = payload? {
            for import in imports.into_imports() {
                let import = import?;
                if import.module == from {
                    names.push(import.name.to_owned());
                }
            }
        }
    }
    Ok(names)
}

/// The module with some of its imports taken from another module: from the one that `other` names for a module and a
/// name.
///
/// # Errors
/// When it is not a module.
pub(crate) fn with_imports_from<'a>(
    module: &[u8],
    other: impl Fn(&str, &str) -> Option<&'a str>,
) -> wasmparser::Result<Vec<u8>> {
    let mut made = module.get(..8).unwrap_or(module).to_owned();
    let mut end = 8;
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload?;
        let Some((_, range)) = payload.as_section() else { continue };
        let section_end = usize::try_from(range.end).unwrap_or(module.len());
        if let Payload::ImportSection(imports) = payload {
            let content = renamed(module, imports, &other)?;
            made.push(IMPORTS);
            number(&mut made, content.len());
            made.extend_from_slice(&content);
        } else {
            made.extend_from_slice(module.get(end..section_end).unwrap_or_default());
        }
        end = section_end;
    }
    Ok(made)
}

/// The number of the section of imports.
const IMPORTS: u8 = 2;

fn renamed<'a>(
    module: &[u8],
    imports: ImportSectionReader<'_>,
    other: &impl Fn(&str, &str) -> Option<&'a str>,
) -> wasmparser::Result<Vec<u8>> {
    let end = imports.range().end;
    let imports: Vec<(u64, Import<'_>)> = imports.into_imports_with_offsets().collect::<Result<_, _>>()?;
    let ends = imports.iter().skip(1).map(|(offset, _)| *offset).chain([end]);
    let mut content = Vec::new();
    number(&mut content, imports.len());
    for ((start, import), end) in imports.iter().zip(ends) {
        let [start, end] = [*start, end].map(|offset| usize::try_from(offset).unwrap_or(module.len()));
        let entry = module.get(start..end).unwrap_or_default();
        // The length of the module's name, the name, then what stays.
        let length = entry.iter().take_while(|byte| **byte >= 0x80).count() + 1;
        let from = other(import.module, import.name).unwrap_or(import.module);
        number(&mut content, from.len());
        content.extend_from_slice(from.as_bytes());
        content.extend_from_slice(entry.get(length + import.module.len()..).unwrap_or_default());
    }
    Ok(content)
}

/// As WebAssembly writes lengths: seven bits a byte, the least significant first.
fn number(bytes: &mut Vec<u8>, mut value: usize) {
    loop {
        let low = u8::try_from(value & 0x7f).unwrap_or_default();
        value >>= 7;
        bytes.push(if value == 0 { low } else { low | 0x80 });
        if value == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_debuggers_want_can_be_dropped_and_the_rest_stays() {
        let text = "(module (@custom \".debug_info\" \"x\") (func (export \"f\")) (@custom \"name2\" \"y\") (@custom \".debug_line\" \"z\"))";
        let module = wat::parse_str(text).unwrap();
        let kept = without(&module, |name| name.starts_with(".debug_")).unwrap();
        let expected = wat::parse_str("(module (func (export \"f\")) (@custom \"name2\" \"y\"))").unwrap();
        assert_eq!(kept, expected);
    }

    #[test]
    fn imports_are_taken_from_another_module_and_nothing_else_changes() {
        let text = |clock: &str| {
            format!(
                "(module (import \"system\" \"exit\" (func (param i32))) (import \"{clock}\" \"now\" (func (result i64)))
                    (import \"env\" \"memory\" (memory 1)) (func (export \"f\") (result i64) (call 1)) (@custom \"x\" \"y\"))"
            )
        };
        let long = "c".repeat(200);
        for clock in ["clocks", "", &long] {
            let module = wat::parse_str(text("system")).unwrap();
            let made =
                with_imports_from(&module, |from, name| (from == "system" && name == "now").then_some(clock)).unwrap();
            assert_eq!(made, wat::parse_str(text(clock)).unwrap());
            assert_eq!(imports(&made, "system").unwrap(), ["exit"]);
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "one kind of section out of thirty")]
    #[test]
    fn a_section_of_any_length_is_found_again() {
        for length in [0, 1, 127, 128, 300, 20_000] {
            let mut component = wat::parse_str("(component)").unwrap();
            append(&mut component, "name", &vec![b'x'; length]);
            let found = Parser::new(0).parse_all(&component).map(Result::unwrap).find_map(|part| match part {
                Payload::CustomSection(it) if it.name() == "name" => Some(it.data().len()),
                _ => None,
            });
            assert_eq!(found, Some(length));
        }
    }
}
