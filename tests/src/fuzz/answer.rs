//! A guest whose answer lies in its memory as somebody else has put it there: pointers, lengths and all. What is between
//! the guest's memory and the contract check is tried, too.

use std::sync::OnceLock;

use anyhow::{Context as _, Result};
use arbitrary::Unstructured;
use sandmill::fuzzing::Returned;
use sandmill::plan::Reuse;

use super::outcome::{number, returned, seldom};
use super::run::{self, BATCH, PORTS};
use crate::guest::wrap;

/// What stands in the component where the answer goes.
const MARK: [u8; 16] = *b"here lies memory";
/// Room for the answer, from address 0 on.
const IMAGE_BYTES: usize = 2048;
/// The words of an outcome behind its tag, and where they begin.
const HEAD: usize = 4;
const WORDS: usize = 14;

pub(super) fn run(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let (Ok(reuse), Ok(image)) = (reuse(&mut u), image(&mut u)) else { return };
    let component = component_with(&image).expect("the guest is sound");
    run::run(&component, reuse).expect("it opens without looking at its answer");
}

pub(super) fn reuse(u: &mut Unstructured<'_>) -> arbitrary::Result<Reuse> {
    u.choose(&[Reuse::Batch, Reuse::Record, Reuse::Worker]).copied()
}

/// An outcome as it lies in memory, most of it as it should be.
fn image(u: &mut Unstructured<'_>) -> arbitrary::Result<Vec<u8>> {
    let records = u.int_in_range(0..=BATCH)?;
    let Returned { values, keys, origins, ports, failures } = returned(u, records, PORTS)?;
    let mut image = vec![0; HEAD + 4 * WORDS];
    let words = |numbers: &[u32]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>();
    let failures: Vec<u8> =
        failures.iter().flat_map(|(index, _)| words(&[*index, u32::from(seldom(u).unwrap_or(false)), 0, 4])).collect();
    let lists = [
        (values.0.len(), values.0),
        (values.1.len(), words(&values.1)),
        (keys.0.len(), keys.0),
        (keys.1.len(), words(&keys.1)),
        (origins.len(), words(&origins)),
        (ports.len(), ports.iter().flat_map(|port| port.to_le_bytes()).collect()),
        (failures.len() / 16, failures),
    ];
    let mut head = Vec::with_capacity(WORDS);
    for (length, bytes) in lists {
        image.resize(image.len().next_multiple_of(4), 0);
        head.extend([image.len() as u32, length as u32]);
        image.extend(bytes);
    }
    for word in &mut head {
        if seldom(u)? {
            *word = number(u)?;
        }
    }
    image.splice(HEAD..HEAD + 4 * WORDS, words(&head));
    if seldom(u)? {
        let at = u.choose_index(image.len())?;
        image.iter_mut().skip(at).zip(u.peek_bytes(4).unwrap_or_default()).for_each(|(byte, new)| *byte = *new);
    }
    image.truncate(IMAGE_BYTES);
    Ok(image)
}

/// The guest with this image of its memory: its bytes are exchanged in the finished component, which is quick.
fn component_with(image: &[u8]) -> Result<Vec<u8>> {
    static GUEST: OnceLock<Vec<u8>> = OnceLock::new();
    let guest = match GUEST.get() {
        Some(made) => made,
        None => {
            let made = guest()?;
            GUEST.get_or_init(|| made)
        }
    };
    let mut component = guest.clone();
    let at = component.windows(MARK.len()).position(|window| window == MARK).context("the mark is there")?;
    let room = component.get_mut(at..at + IMAGE_BYTES).context("the image fits")?;
    room.fill(0);
    room.iter_mut().zip(image).for_each(|(byte, new)| *byte = *new);
    Ok(component)
}

/// Opens well, answers whatever lies at address 0, holds nothing.
fn guest() -> Result<Vec<u8>> {
    let filler = "\\00".repeat(IMAGE_BYTES - MARK.len());
    let mark = String::from_utf8_lossy(&MARK);
    let module = format!(
        r#"(module
        (memory (export "memory") 2)
        (global $heap (mut i32) (i32.const 8192))
        (data (i32.const 0) "{mark}{filler}")
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
            (global.get $heap)
            (global.set $heap (i32.and (i32.add (i32.add (global.get $heap) (local.get 3)) (i32.const 7)) (i32.const -8))))
        (func (export "sandmill:stage/transform@0.1.0#open") (param i32 i32) (result i32) (i32.const 4096))
        (func (export "sandmill:stage/transform@0.1.0#process")
            (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32) (i32.const 0))
        (func (export "sandmill:stage/transform@0.1.0#flush") (result i32) (i32.const 4096)))"#
    );
    wrap(wat::parse_str(module)?, "stage", "")
}
