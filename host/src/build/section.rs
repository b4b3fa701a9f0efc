//! Custom sections: what a component says of itself.

/// Appends a custom section to a module or component.
pub(super) fn append(wasm: &mut Vec<u8>, name: &str, data: &[u8]) {
    let mut content = Vec::with_capacity(name.len() + data.len() + 5);
    number(&mut content, name.len());
    content.extend_from_slice(name.as_bytes());
    content.extend_from_slice(data);
    wasm.push(0);
    number(wasm, content.len());
    wasm.extend_from_slice(&content);
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
    fn a_section_of_any_length_is_found_again() {
        for length in [0, 1, 127, 128, 300, 20_000] {
            let mut component = wat::parse_str("(component)").unwrap();
            append(&mut component, "name", &vec![b'x'; length]);
            let found =
                wasmparser::Parser::new(0).parse_all(&component).map(Result::unwrap).find_map(|part| match part {
                    wasmparser::Payload::CustomSection(it) if it.name() == "name" => Some(it.data().len()),
                    _ => None,
                });
            assert_eq!(found, Some(length));
        }
    }
}
