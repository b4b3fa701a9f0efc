//! How an input is packed, by its first bytes.
//!
//! No text begins as any of these files do, so lines, JSON and CSV are looked at whatever the input is called. Whole files
//! are not: their bytes are the record, and only a name that ends in `.gz` or `.zst` asks for them to be unpacked.

use std::ffi::OsStr;
use std::path::Path;

use super::records::Fault;

/// How an input is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Plain,
    Gzip,
    Zstandard,
}

/// As many bytes as the longest of [`UNREADABLE`] has.
pub(super) const HEAD_BYTES: usize = 16;

const GZIP: &[u8] = b"\x1f\x8b\x08";
const ZSTANDARD: &[u8] = b"\x28\xb5\x2f\xfd";

/// What cannot be read here: how it begins, what it is, what to do.
const UNREADABLE: &[(&[u8], &str, &str)] = &[
    (b"\xfd7zXZ\0", "is packed by xz", "unpack it first: `xz -d`"),
    (b"PK\x03\x04", "is a ZIP archive", "unpack it first: `unzip`"),
    (b"7z\xbc\xaf\x27\x1c", "is a 7-Zip archive", "unpack it first: `7z x`"),
    (b"\x04\x22\x4d\x18", "is packed by lz4", "unpack it first: `lz4 -d`"),
    (b"\x1f\x9d", "is packed by compress", "unpack it first: `gzip -d`"),
    (b"PAR1\x15", "is a Parquet file", "convert it to CSV or JSON Lines first"),
    (b"SQLite format 3\0", "is an SQLite database", "export the table first: `sqlite3 -csv -header`"),
];

impl Packing {
    /// By the end of a file's name.
    pub(super) fn of_name(path: &Path) -> Self {
        match path.extension().and_then(OsStr::to_str) {
            Some(gz) if gz.eq_ignore_ascii_case("gz") => Self::Gzip,
            Some(zst) if zst.eq_ignore_ascii_case("zst") => Self::Zstandard,
            _ => Self::Plain,
        }
    }

    /// By how the input begins; `None` where that tells nothing.
    ///
    /// # Errors
    /// When it is something that cannot be read here.
    pub(super) fn of_head(head: &[u8]) -> Result<Option<Self>, Fault> {
        let refusal = |what: &str, hint: &str| Fault::Malformed {
            what: format!("{what}, which cannot be read here"),
            hint: hint.to_owned(),
        };
        if let Some((_, what, hint)) = UNREADABLE.iter().find(|(magic, ..)| head.starts_with(magic)) {
            return Err(refusal(what, hint));
        }
        if is_bzip2(head) {
            return Err(refusal("is packed by bzip2", "unpack it first: `bzip2 -d`"));
        }
        let packings = [(GZIP, Self::Gzip), (ZSTANDARD, Self::Zstandard)];
        Ok(packings.into_iter().find_map(|(magic, packing)| head.starts_with(magic).then_some(packing)))
    }
}

/// `BZh`, the size of its blocks, and the digits of pi.
fn is_bzip2(head: &[u8]) -> bool {
    head.starts_with(b"BZh") && head.get(4..10).is_some_and(|pi| pi == b"1AY&SY")
}

/// Whether more bytes could make a head tell something.
pub(super) fn may_tell_more(head: &[u8]) -> bool {
    let magics = UNREADABLE.iter().map(|(magic, ..)| *magic).chain([GZIP, ZSTANDARD, b"BZh"]);
    let mut begun = magics.filter(|magic| magic.len() > head.len() && magic.starts_with(head));
    begun.next().is_some() || head.starts_with(b"BZh") && head.len() < 10
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_recognised_and_text_is_left_alone() {
        assert!(matches!(Packing::of_head(b"\x1f\x8b\x08\0"), Ok(Some(Packing::Gzip))));
        assert!(matches!(Packing::of_head(b"\x28\xb5\x2f\xfd"), Ok(Some(Packing::Zstandard))));
        for text in ["", "BZh9 is a name", "PK,id\n1,2", "PAR1 is a field", "{\"a\":1}", "\u{feff}a", "7z\n", "SQLite"]
        {
            assert!(matches!(Packing::of_head(text.as_bytes()), Ok(None)), "{text:?}");
        }
        for (magic, ..) in UNREADABLE {
            assert!(Packing::of_head(magic).is_err() && magic.len() <= HEAD_BYTES);
            assert!((0..magic.len()).all(|length| may_tell_more(&magic[..length])));
        }
        assert!(Packing::of_head(b"BZh91AY&SY\xd0").is_err());
        assert!(may_tell_more(b"BZh91AY&S") && !may_tell_more(b"BZh91AY&SY") && !may_tell_more(b"a"));
    }
}
