//! Parts of a record's text to compact JSON, as they would be written after they had been read.

use json_text::{Scan, Text};

use crate::write;

/// Objects with more members are read, to see whether a name comes twice.
const NAMES_MAX: usize = 64;

struct Copy<'a, 'o> {
    text: &'a str,
    scan: Scan<'a>,
    out: &'o mut Vec<u8>,
    /// The names of the objects that are open.
    names: Vec<&'a str>,
}

/// Appends `text`, which is JSON. Gives nothing, and leaves half of it, where it has to be read to know what would be
/// written: a name comes twice, or has escapes, or values are nested deeper than `depth`.
pub(super) fn write(text: &str, out: &mut Vec<u8>, depth: usize) -> Option<()> {
    out.reserve(text.len());
    let mut scan = Scan::new(text);
    scan.space();
    Copy { text, scan, out, names: Vec::new() }.value(depth)
}

impl Copy<'_, '_> {
    fn value(&mut self, depth: usize) -> Option<()> {
        match self.scan.peek()? {
            b'{' => self.object(depth.checked_sub(1)?),
            b'[' => self.array(depth.checked_sub(1)?),
            _ => self.leaf(),
        }
    }

    fn leaf(&mut self) -> Option<()> {
        self.scan.take_marks();
        let begin = self.scan.position();
        self.scan.value(0)?;
        let leaf = self.text.get(begin..self.scan.position())?;
        if self.scan.take_marks().special {
            return write::string(Text::new(leaf).string().ok()?.as_bytes(), self.out).ok();
        }
        self.out.extend_from_slice(leaf.as_bytes());
        Some(())
    }

    fn array(&mut self, depth: usize) -> Option<()> {
        self.out.push(b'[');
        self.scan.open(1)?;
        if !self.scan.take(b']') {
            loop {
                self.value(depth)?;
                if self.scan.ends(b']')? {
                    break;
                }
                self.out.push(b',');
            }
        }
        self.out.push(b']');
        Some(())
    }

    fn object(&mut self, depth: usize) -> Option<()> {
        let outer = self.names.len();
        self.out.push(b'{');
        self.scan.open(1)?;
        if !self.scan.take(b'}') {
            loop {
                self.name(outer)?;
                self.value(depth)?;
                if self.scan.ends(b'}')? {
                    break;
                }
                self.out.push(b',');
            }
        }
        self.out.push(b'}');
        self.names.truncate(outer);
        Some(())
    }

    fn name(&mut self, outer: usize) -> Option<()> {
        self.scan.take_marks();
        let name = self.scan.name()?;
        let siblings = self.names.get(outer..)?;
        if self.scan.take_marks().special || siblings.len() >= NAMES_MAX || siblings.contains(&name) {
            return None;
        }
        self.names.push(name);
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        Some(())
    }
}
