//! Custom sections: what a component says of itself.

use wasmparser::{Parser, Payload};

/// Appends a custom section to a module or component.
pub(crate) fn append(wasm: &mut Vec<u8>, name: &str, data: &[u8]) {
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
pub(crate) fn without(module: &[u8], drops: impl Fn(&str) -> bool) -> wasmparser::Result<Vec<u8>> {
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
