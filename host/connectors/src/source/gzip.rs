//! What gzip has packed: one member or several, one after another, with zeros between or after them.
//!
//! Tapes and block devices pad with zeros, and gzip's own tools ignore them. Anything else after a member is an error,
//! once all members are read; gzip's own tools warn, and end with 2.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

use super::packed::Unfit;

const MAGIC: &[u8] = b"\x1f\x8b";

const IS_FOLLOWED: &str = "has something after its gzip data that is not gzip data";
const WHAT_FOLLOWS: &str = "everything before it was read; `gzip -dc` ignores it, with a warning";

/// Unpacks all members.
#[derive(Debug)]
pub(super) struct Members<R> {
    /// `None` after the last one.
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> Members<R> {
    pub(super) fn new(packed: R) -> Self {
        Self { member: Some(GzDecoder::new(packed)) }
    }

    /// Goes to the next member; whether there is one.
    fn advance(&mut self) -> io::Result<bool> {
        let Some(member) = &mut self.member else { return Ok(false) };
        loop {
            let packed = member.get_mut().fill_buf()?;
            let (zeros, bytes) = (packed.iter().take_while(|byte| **byte == 0).count(), packed.len());
            if bytes == 0 {
                self.member = None;
                return Ok(false);
            }
            if zeros < bytes {
                let next = packed.get(zeros..).unwrap_or_default();
                if !(next.starts_with(MAGIC) || MAGIC.starts_with(next)) {
                    return Err(Unfit::error(IS_FOLLOWED, WHAT_FOLLOWS));
                }
                member.get_mut().consume(zeros);
                break;
            }
            member.get_mut().consume(zeros);
        }
        self.member = self.member.take().map(|member| GzDecoder::new(member.into_inner()));
        Ok(true)
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        if room.is_empty() {
            return Ok(0);
        }
        while let Some(member) = &mut self.member {
            match member.read(room)? {
                0 => self.advance()?,
                read => return Ok(read),
            };
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    fn unpacked(packed: &[u8]) -> io::Result<String> {
        let mut text = String::new();
        let packed = io::BufReader::with_capacity(7, packed);
        Members::new(packed).read_to_string(&mut text).map(|_| text)
    }

    /// Zeros were reported as damage (12).
    #[test]
    fn zeros_behind_a_member_are_passed_over_and_anything_else_is_damage() {
        let (one, two, empty) = (packed("one"), packed("two"), packed(""));
        assert_eq!(unpacked(&[one.as_slice(), &two, &empty, &one].concat()).unwrap(), "onetwoone");
        assert_eq!(unpacked(&[one.as_slice(), &[0; 1000]].concat()).unwrap(), "one");
        assert_eq!(unpacked(&[one.as_slice(), &[0; 20], &two, &[0]].concat()).unwrap(), "onetwo");
        assert!(unpacked(&[one.as_slice(), b"garbage behind it"].concat()).is_err());
        assert!(unpacked(&[one.as_slice(), &[0; 20], b"garbage"].concat()).is_err());
        assert!(unpacked(&[one.as_slice(), &two[..two.len() - 1]].concat()).is_err());
        assert!(unpacked(b"").is_err());
    }
}
