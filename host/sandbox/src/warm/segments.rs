//! Takes the segments that have been used up out of a component with an image.
//!
//! The transform puts an empty passive segment in the place of each segment that instances were filled from. The engine
//! looks at every segment of a module whenever it makes an instance of it: Go's linker writes 39,000, and looking at
//! them took 95 µs of the 150 µs that a fresh instance cost. A module without a data count section has no code that
//! names a segment (the count is what validation of such code needs), so there they can go.

use std::ops::Range;

use wasm_encoder::{DataSection, RawSection, Section, SectionId};
use wasmparser::{BinaryReader, DataKind, DataSectionReader, Parser, Result};

/// Bytes before the first section of a module or component.
const HEADER_BYTES: usize = 8;
/// The sections of a component that hold other modules and components.
const CORE_MODULE: u8 = 1;
const COMPONENT: u8 = 4;

/// The same module or component, without empty passive segments that nothing refers to.
///
/// # Errors
/// When it is not the binary form of one.
pub(super) fn without_empty_ones(wasm: &[u8]) -> Result<Vec<u8>> {
    let is_component = Parser::is_component(wasm);
    let mut reader = BinaryReader::new(wasm, 0);
    let mut slim = reader.read_bytes(HEADER_BYTES)?.to_vec();
    let mut is_counted = false;
    while !reader.eof() {
        let id = reader.read_u8()?;
        let length = reader.read_var_u32()?;
        let data = reader.read_bytes(usize::try_from(length).unwrap_or(usize::MAX))?;
        is_counted |= !is_component && id == u8::from(SectionId::DataCount);
        let changed = match (is_component, id) {
            (true, CORE_MODULE | COMPONENT) => Some(without_empty_ones(data)?),
            (false, id) if id == u8::from(SectionId::Data) && !is_counted => {
                in_use(data)?.append_to(&mut slim);
                continue;
            }
            _ => None,
        };
        RawSection { id, data: changed.as_deref().unwrap_or(data) }.append_to(&mut slim);
    }
    Ok(slim)
}

/// The segments of a data section but the empty passive ones.
fn in_use(section: &[u8]) -> Result<DataSection> {
    let mut segments = DataSection::new();
    for segment in DataSectionReader::new(BinaryReader::new(section, 0))? {
        let segment = segment?;
        if matches!(segment.kind, DataKind::Active { .. }) || !segment.data.is_empty() {
            segments.raw(bytes(section, &segment.range));
        }
    }
    Ok(segments)
}

fn bytes<'a>(section: &'a [u8], range: &Range<u64>) -> &'a [u8] {
    let at = |offset: u64| usize::try_from(offset).ok();
    let bytes = at(range.start).zip(at(range.end)).and_then(|(start, end)| section.get(start..end));
    bytes.expect("a segment lies in its section")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slim(component: &str) -> String {
        let slim = without_empty_ones(&wat::parse_str(component).unwrap()).unwrap();
        wasmparser::Validator::new().validate_all(&slim).unwrap();
        assert_eq!(without_empty_ones(&slim).unwrap(), slim);
        String::from_utf8_lossy(&slim).into_owned()
    }

    #[test]
    fn empty_segments_go_and_all_else_stays() {
        let module = |segments: &str| {
            format!(
                "(core module (memory (export \"m\") 1) {segments} (func (export \"f\") (result i32) i32.const 7)
                (@custom \"note\" \"kept\"))"
            )
        };
        let full =
            module("(data \"\") (data (i32.const 1) \"a\") (data \"\") (data \"passive\") (data (i32.const 5) \"\")");
        let less = module("(data (i32.const 1) \"a\") (data \"passive\") (data (i32.const 5) \"\")");
        let component = |module: &str| format!("(component {module} (component {module} (core module)) (type u8))");
        let expected = wat::parse_str(component(&less)).unwrap();
        assert_eq!(slim(&component(&full)), String::from_utf8_lossy(&expected));
    }

    #[test]
    fn segments_that_code_can_name_stay_however_empty() {
        let component = "(component (core module (memory 1) (data \"\") (data (i32.const 1) \"a\")
            (func (data.drop 0) (memory.init 0 (i32.const 0) (i32.const 0) (i32.const 0)))))";
        assert_eq!(slim(component), String::from_utf8_lossy(&wat::parse_str(component).unwrap()));
    }
}
