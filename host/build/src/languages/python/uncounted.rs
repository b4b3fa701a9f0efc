//! Objects of Python of which nobody counts who holds them (the SDK's `_uncounted`).
//!
//! The SDK keeps what modules and classes hold when the component is built, and leaves a note in the memory that says where
//! that is. Here each of them gets the count that CPython never changes (immortal objects, PEP 683): an instance that
//! uses it then writes to none of its pages.

use std::ops::Range;

use memchr::memmem;
use wasmparser::{Data, DataKind, Operator, Parser, Payload};

/// What the note begins with; three numbers follow.
const MARK: &[u8] = b"sandmill:uncounted";
/// Where a tuple says how many objects it has, before the first of them.
const SIZE_BEFORE_FIRST: u32 = 8;
const WORD: u32 = 4;
/// Counts below are of objects that somebody holds. Arbitrary: CPython's own limit is higher.
const COUNT_MAX: u32 = 1 << 28;

/// Makes the objects immortal that the note names, in place, and gives how many that are: none where there is no note.
pub(super) fn mark(component: &mut [u8]) -> usize {
    let Some((memory, note)) = noted(component) else { return 0 };
    let objects: Vec<u32> = note.addresses().filter_map(|at| memory.number(component, at)).collect();
    let counted = |at: &Range<usize>| word(component, at.clone()).is_some_and(|count| (1..COUNT_MAX).contains(&count));
    let places: Vec<_> = objects.iter().filter_map(|object| memory.place(*object)).filter(counted).collect();
    for place in &places {
        if let Some(count) = component.get_mut(place.clone()) {
            count.copy_from_slice(&note.immortal.to_le_bytes());
        }
    }
    places.len()
}

/// What the SDK has left.
struct Note {
    first: u32,
    count: u32,
    immortal: u32,
}

impl Note {
    /// The note that begins with the mark at `at`, if that is one: what was a note once may still lie somewhere.
    fn read(component: &[u8], memory: &Memory, at: usize) -> Option<Self> {
        let mut numbers = component.get(at + MARK.len()..)?.chunks_exact(4).map_while(|chunk| chunk.try_into().ok());
        let mut next = || numbers.next().map(u32::from_le_bytes);
        let note = Self { first: next()?, count: next()?, immortal: next()? };
        let says = memory.number(component, note.first.checked_sub(SIZE_BEFORE_FIRST)?)?;
        // Each takes the room of an address at least.
        let is_possible = (1..=component.len() / 4).contains(&usize::try_from(note.count).ok()?);
        (says == note.count && is_possible && note.immortal >= COUNT_MAX).then_some(note)
    }

    /// Where the addresses of the objects are.
    fn addresses(&self) -> impl Iterator<Item = u32> {
        (0..self.count).map_while(|index| index.checked_mul(WORD)?.checked_add(self.first))
    }
}

/// What a module's memory begins with: where in the component its bytes are.
#[derive(Default)]
struct Memory {
    /// By address.
    pieces: Vec<Piece>,
}

struct Piece {
    address: u32,
    bytes: Range<usize>,
}

impl Memory {
    /// A piece whose address is only known when an instance is made is left out.
    fn add(&mut self, data: &Data<'_>) {
        let DataKind::Active { memory_index: 0, offset_expr } = &data.kind else { return };
        let Ok(Operator::I32Const { value }) = offset_expr.get_operators_reader().read() else { return };
        let Ok(end) = usize::try_from(data.range.end) else { return };
        let Some(start) = end.checked_sub(data.data.len()) else { return };
        self.pieces.push(Piece { address: value.cast_unsigned(), bytes: start..end });
    }

    /// Where the number at an address is written, if it is in one piece.
    fn place(&self, address: u32) -> Option<Range<usize>> {
        let after = self.pieces.partition_point(|piece| piece.address <= address);
        let piece = self.pieces.get(after.checked_sub(1)?)?;
        let start = piece.bytes.start.checked_add(usize::try_from(address - piece.address).ok()?)?;
        let end = start.checked_add(4)?;
        (end <= piece.bytes.end).then_some(start..end)
    }

    fn number(&self, component: &[u8], address: u32) -> Option<u32> {
        word(component, self.place(address)?)
    }
}

fn word(component: &[u8], place: Range<usize>) -> Option<u32> {
    Some(u32::from_le_bytes(component.get(place)?.try_into().ok()?))
}

/// The memory that has a note, and the note. A component that cannot be read has none: who reads it next says why.
fn noted(component: &[u8]) -> Option<(Memory, Note)> {
    for payload in Parser::new(0).parse_all(component) {
        let Payload::DataSection(section) = payload.ok()? else { continue };
        let mut memory = Memory::default();
        for data in section {
            memory.add(&data.ok()?);
        }
        memory.pieces.sort_by_key(|piece| piece.address);
        for piece in &memory.pieces {
            let bytes = component.get(piece.bytes.clone())?;
            let mut marks = memmem::find_iter(bytes, MARK).map(|at| piece.bytes.start + at);
            if let Some(note) = marks.find_map(|at| Note::read(component, &memory, at)) {
                return Some((memory, note));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMMORTAL: u32 = 0x5000_0000;

    /// A component whose module's memory has these numbers from address 4,096 on, and the note behind them.
    fn component(numbers: &[u32], note: [u32; 3]) -> Vec<u8> {
        let text = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\{byte:02x}")).collect::<String>();
        let words = |numbers: &[u32]| text(&numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<_>>());
        let (numbers, note, mark) = (words(numbers), words(&note), text(MARK));
        let module = format!(
            "(component (core module (memory 1)
                (data (i32.const 9000) \"{mark}\")
                (data (i32.const 8000) \"{mark}{note}\")
                (data (i32.const 4096) \"{numbers}\")))"
        );
        wat::parse_str(module).unwrap()
    }

    fn numbers(component: &[u8], count: u32) -> Vec<u32> {
        let mut memory = Memory::default();
        for payload in Parser::new(0).parse_all(component) {
            if let Payload::DataSection(section) = payload.unwrap() {
                section.into_iter().for_each(|data| memory.add(&data.unwrap()));
            }
        }
        memory.pieces.sort_by_key(|piece| piece.address);
        (0..count).map(|index| memory.number(component, 4096 + 4 * index).unwrap()).collect()
    }

    #[test]
    fn objects_that_the_note_names_are_immortal_and_all_else_is_as_it_was() {
        // An object; one that is immortal; the tuple, with these two, itself, and two addresses where no object is.
        let before = [3, 77, 0x7000_0000, 77, 1, 77, 5, 0, 4096, 4104, 4112, 60_000, u32::MAX];
        let mut made = component(&before, [4128, 5, IMMORTAL]);
        assert_eq!(mark(&mut made), 2);
        let mut after = before;
        after[0] = IMMORTAL;
        after[4] = IMMORTAL;
        assert_eq!(numbers(&made, 13), after);
        assert_eq!(mark(&mut made), 0, "once is enough");
    }

    #[test]
    fn a_note_that_is_none_changes_nothing() {
        let objects = [3, 77, 1, 77, 1, 0, 4096];
        for note in [[4120, 2, IMMORTAL], [4120, 1, 3], [4, 1, IMMORTAL], [u32::MAX, 1, IMMORTAL], [4120, 0, IMMORTAL]]
        {
            let mut made = component(&objects, note);
            let before = made.clone();
            assert_eq!(mark(&mut made), 0, "{note:?}");
            assert_eq!(made, before, "{note:?}");
        }
        let mut other = b"sandmill:uncounted".to_vec();
        assert_eq!(mark(&mut other), 0);
    }
}
