//! How an input is packed, by its first bytes.
//!
//! No text begins as any of these files do, so lines, JSON and CSV are looked at whatever the input is called. Whole
//! files are not: their bytes are the record, and only a name that ends in `.gz` or `.zst` asks for them to be
//! unpacked.

use std::ffi::OsStr;
use std::path::Path;

use super::packed::is_not_packed;
use super::records::Fault;

/// How an input is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Plain,
    Gzip,
    Zstandard,
}

/// As many bytes as tell a tar archive.
pub(super) const HEAD_BYTES: usize = TAR_AT + TAR.len();

/// Whatever follows: gzip's own tools unpack or refuse it, and none takes it for text.
const GZIP: &[u8] = b"\x1f\x8b";
const ZSTANDARD: &[u8] = b"\x28\xb5\x2f\xfd";
/// Frames that are skipped, which may come first, begin with one of 16 bytes and with these.
const SKIPPABLE: &[u8] = b"\x2a\x4d\x18";

/// In the header of the first file in an archive, after its name, which zeros fill up.
const TAR: &[u8] = b"ustar";
const TAR_AT: usize = 257;
const TAR_NAME_BYTES: usize = 100;

/// Formats that cannot be read here: how each begins, what it is, what to do.
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
    /// Recognises the packing by the end of a file's name.
    pub(super) fn of_name(path: &Path) -> Self {
        match path.extension().and_then(OsStr::to_str) {
            Some(gz) if gz.eq_ignore_ascii_case("gz") => Self::Gzip,
            Some(zst) if zst.eq_ignore_ascii_case("zst") => Self::Zstandard,
            _ => Self::Plain,
        }
    }

    /// Recognises the packing by how the input begins; `None` where that is not conclusive.
    ///
    /// # Errors
    /// When it is something that cannot be read here.
    pub(super) fn of_head(head: &[u8]) -> Result<Option<Self>, Fault> {
        let refusal = |what: &str, hint: &str| Fault::Malformed {
            what: format!("{what}, which cannot be read here"),
            hint: hint.to_owned(),
        };
        if let Some((_, what, hint)) = UNREADABLE.iter().find(|(magic, ..)| begins_as(head, magic)) {
            return Err(refusal(what, hint));
        }
        if is_tar(head) {
            return Err(refusal("is a tar archive", "unpack it first: `tar -xf`"));
        }
        if is_bzip2(head) {
            return Err(refusal("is packed by bzip2", "unpack it first: `bzip2 -d`"));
        }
        let packings = [(GZIP, Self::Gzip), (ZSTANDARD, Self::Zstandard)];
        let packing = packings.into_iter().find_map(|(magic, packing)| begins_as(head, magic).then_some(packing));
        Ok(packing.or(is_skippable(head).then_some(Self::Zstandard)))
    }

    /// Recognises the packing by how the input begins, and by its name. If there is less of it than its name needs, it
    /// is taken to be truncated.
    ///
    /// # Errors
    /// When it is something that cannot be read here, or its name is wrong.
    pub(super) fn of(head: &[u8], named: Self) -> Result<Self, Fault> {
        match Self::of_head(head)? {
            Some(packing) => Ok(packing),
            None if named == Self::Plain || named.magic().starts_with(head) => Ok(named),
            None => Err(is_not_packed(named)),
        }
    }

    fn magic(self) -> &'static [u8] {
        match self {
            Self::Plain => b"",
            Self::Gzip => GZIP,
            Self::Zstandard => ZSTANDARD,
        }
    }
}

/// Whether an input begins with these bytes; or is nothing but some of them, and no text.
fn begins_as(head: &[u8], magic: &[u8]) -> bool {
    let is_text = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    let is_part = head.len() > 1 && magic.starts_with(head) && !head.iter().all(is_text);
    head.starts_with(magic) || is_part
}

fn is_skippable(head: &[u8]) -> bool {
    head.first().is_some_and(|first| first & 0xf0 == 0x50)
        && head.get(1..).is_some_and(|rest| rest.starts_with(SKIPPABLE))
}

fn is_tar(head: &[u8]) -> bool {
    head.get(TAR_AT..).is_some_and(|rest| rest.starts_with(TAR))
        && head.get(..TAR_NAME_BYTES).is_some_and(|name| name.contains(&0))
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
        assert!(matches!(Packing::of_head(b"\x1f\x8b"), Ok(Some(Packing::Gzip))), "as gzip's own tools take it");
        assert!(matches!(Packing::of_head(b"\x28\xb5\x2f"), Ok(Some(Packing::Zstandard))), "cut off, and no text");
        assert!(matches!(Packing::of_head(b"\x5a\x2a\x4d\x18"), Ok(Some(Packing::Zstandard))));
        assert!(Packing::of_head(b"\xfd7z").is_err() && matches!(Packing::of_head(b"7z"), Ok(None)));
        let mut tar = [0; 512];
        tar[0] = b'a';
        tar[257..262].copy_from_slice(b"ustar");
        assert!(Packing::of_head(&tar).is_err() && Packing::of_head(&tar[..HEAD_BYTES]).is_err());
        assert!(matches!(Packing::of_head(&tar.map(|byte| byte.max(b' '))), Ok(None)), "text");
    }

    #[test]
    fn a_name_that_is_wrong_is_told() {
        assert!(Packing::of(b"hi\n", Packing::Gzip).is_err() && Packing::of(b"hi\n", Packing::Zstandard).is_err());
        assert!(matches!(Packing::of(b"", Packing::Gzip), Ok(Packing::Gzip)), "empty: cut off");
        assert!(matches!(Packing::of(b"\x1f", Packing::Gzip), Ok(Packing::Gzip)));
        assert!(matches!(Packing::of(b"\x28\xb5\x2f\xfd", Packing::Gzip), Ok(Packing::Zstandard)));
        assert!(matches!(Packing::of(b"hi\n", Packing::Plain), Ok(Packing::Plain)));
        assert!(may_tell_more(b"BZh91AY&S") && !may_tell_more(b"BZh91AY&SY") && !may_tell_more(b"a"));
    }
}
