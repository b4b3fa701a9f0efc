//! The store of compiled functions: what most of a new component consists of was compiled for another one before.
//!
//! A stage in Python, Ruby, JavaScript or Go carries the runtime of its language, which is the same in every stage. The compiler
//! names a function by the SHA-256 of everything that its code depends on, and asks here before it compiles one.
//!
//! The store is a folder of packs. A compilation writes what it did not find into one new pack, under another name until the pack
//! is whole, so any number of compilers may work at once. Values have checksums: a damaged one is compiled again. The folder is
//! made for this user alone, as that of compiled code is. It keeps [`BYTES_MAX`]; the packs that were not used for the longest
//! time go first. Every failure of the store costs only time.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;
use wasmtime::CacheStore;

use super::cache::compatibility;
use sandmill_component::cache::{private, user_folder};

/// Bytes that the store keeps: the runtimes of all languages take some 110 MiB, for one kind of code.
const BYTES_MAX: u64 = 256 << 20;
/// Bytes of one pack: the largest component that was seen, with Ruby in it, takes half of it.
const PACK_BYTES_MAX: u64 = BYTES_MAX / 2;
/// Packs that the store keeps: each is opened by every compilation that asks the store.
const PACKS_MAX: usize = 64;
/// Fewer bytes of new functions are not kept: they take less time to compile than a further pack takes all later compilations.
const WORTH_KEEPING: u64 = 64 << 10;
/// Smaller components are compiled without the store: that takes half a second at most.
const WORTH_ASKING: usize = 512 << 10;
/// A file that is not whole after this time was left by a compiler that was ended.
const LEFT: Duration = Duration::from_secs(60 * 60);

const MAGIC: [u8; 8] = *b"sandfn01";
const SUFFIX: &str = "pack";
/// In the index: key, checksum, offset, length.
const ENTRY_BYTES: usize = HASH_BYTES + HASH_BYTES + 8 + 8;
/// At the end of a pack: checksum of the index, number of its entries, magic.
const FOOTER_BYTES: usize = HASH_BYTES + 8 + 8;
const HASH_BYTES: usize = 32;

type Hash = [u8; HASH_BYTES];

/// Functions that were compiled before, and those that one compilation adds.
#[derive(Debug)]
pub(super) struct Functions {
    folder: PathBuf,
    /// What functions depend on beside what the compiler hashes: the version and the settings of the engine.
    compatibility: u64,
    packs: Vec<Pack>,
    known: HashMap<Hash, Place>,
    fresh: Mutex<Fresh>,
}

/// A pack that is open.
#[derive(Debug)]
struct Pack {
    file: File,
    is_used: AtomicBool,
}

/// Where a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    pack: usize,
    value: Value,
}

/// A value in its pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Value {
    checksum: Hash,
    offset: u64,
    bytes: u64,
}

/// The pack that is being written.
#[derive(Debug, Default)]
struct Fresh {
    /// Made when there is something to write.
    file: Option<NamedTempFile>,
    values: HashMap<Hash, Value>,
    bytes: u64,
    /// It was full, or could not be written.
    is_closed: bool,
}

impl Functions {
    /// The user's store, for the code of this engine. `None` where no safe folder can be made, or the component is small.
    pub(super) fn of_user(engine: &wasmtime::Engine, component: &[u8]) -> Option<Arc<Self>> {
        let folder = (component.len() >= WORTH_ASKING).then(user_folder)??.join("functions");
        Some(Arc::new(Self::open(private(&folder)?, compatibility(engine))))
    }

    fn open(folder: PathBuf, compatibility: u64) -> Self {
        let mut functions =
            Self { folder, compatibility, packs: Vec::new(), known: HashMap::new(), fresh: Mutex::default() };
        for path in functions.files().unwrap_or_default().into_iter().map(|file| file.path) {
            if functions.is_ours(&path) {
                // One that cannot be read is removed in time, as one that nobody uses.
                drop(functions.add(&path));
            }
        }
        functions
    }

    /// Whether it is a pack for this engine.
    fn is_ours(&self, path: &Path) -> bool {
        path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(&self.ending()))
    }

    fn ending(&self) -> String {
        format!("-{:016x}.{SUFFIX}", self.compatibility)
    }

    fn add(&mut self, path: &Path) -> io::Result<()> {
        let file = File::open(path)?;
        let index = index(&file)?;
        let pack = self.packs.len();
        self.known.extend(index.into_iter().map(|(key, value)| (key, Place { pack, value })));
        self.packs.push(Pack { file, is_used: AtomicBool::new(false) });
        Ok(())
    }

    fn find(&self, key: &Hash) -> Option<Vec<u8>> {
        if let Some(Place { pack, value }) = self.known.get(key) {
            let pack = self.packs.get(*pack)?;
            let found = value.read(&pack.file, key).ok()?;
            pack.is_used.store(true, Ordering::Relaxed);
            return Some(found);
        }
        // Many functions of a component are the same as another one of it.
        let fresh = self.fresh.lock().unwrap_or_else(PoisonError::into_inner);
        fresh.values.get(key)?.read(fresh.file.as_ref()?.as_file(), key).ok()
    }

    fn put(&self, key: Hash, bytes: &[u8]) -> bool {
        let mut fresh = self.fresh.lock().unwrap_or_else(PoisonError::into_inner);
        if fresh.is_closed || fresh.values.contains_key(&key) {
            return false;
        }
        let written = fresh.write(&self.folder, key, bytes);
        fresh.is_closed = written.is_err();
        written.is_ok()
    }

    /// Keeps what is new, and removes what is too much.
    pub(super) fn finish(&self) {
        for pack in self.packs.iter().filter(|pack| pack.is_used.load(Ordering::Relaxed)) {
            // Packs are removed in the order of these times.
            drop(pack.file.set_modified(SystemTime::now()));
        }
        let fresh = std::mem::take(&mut *self.fresh.lock().unwrap_or_else(PoisonError::into_inner));
        if fresh.bytes >= WORTH_KEEPING {
            drop(fresh.persist(&self.folder, &self.ending()));
        }
        drop(self.prune(BYTES_MAX));
    }

    /// Removes the packs that are over the bounds, those that were used last excepted, and what ended compilers have left.
    fn prune(&self, bytes_max: u64) -> io::Result<()> {
        let now = SystemTime::now();
        let (mut bytes, mut packs) = (0_u64, 0);
        for KeptFile { modified, size, path } in self.files()? {
            let is_whole = path.extension().is_some_and(|extension| extension == SUFFIX);
            let is_left = !is_whole && now.duration_since(modified).is_ok_and(|age| age > LEFT);
            bytes = bytes.saturating_add(size);
            packs += 1;
            if is_left || bytes > bytes_max || packs > PACKS_MAX {
                // Another compiler may have removed it.
                drop(fs::remove_file(path));
            }
        }
        Ok(())
    }

    /// The files of the folder; what was used last is first.
    fn files(&self) -> io::Result<Vec<KeptFile>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            // Another compiler may have removed it meanwhile.
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_file() {
                files.push(KeptFile { modified: metadata.modified()?, size: metadata.len(), path: entry.path() });
            }
        }
        files.sort_by_key(|file| std::cmp::Reverse(file.modified));
        Ok(files)
    }
}

/// A file of the store's folder.
#[derive(Debug)]
struct KeptFile {
    modified: SystemTime,
    size: u64,
    path: PathBuf,
}

impl CacheStore for Functions {
    fn get(&self, key: &[u8]) -> Option<Cow<'_, [u8]>> {
        self.find(key.try_into().ok()?).map(Cow::Owned)
    }

    fn insert(&self, key: &[u8], value: Vec<u8>) -> bool {
        key.try_into().is_ok_and(|key| self.put(key, &value))
    }
}

impl Value {
    /// # Errors
    /// When it cannot be read, or is damaged.
    fn read(&self, file: &File, key: &Hash) -> io::Result<Vec<u8>> {
        let length = usize::try_from(self.bytes).map_err(|_| io::ErrorKind::InvalidData)?;
        let mut value = vec![0; length];
        file.read_exact_at(&mut value, self.offset)?;
        if checksum(key, &value) == self.checksum { Ok(value) } else { Err(io::ErrorKind::InvalidData.into()) }
    }
}

impl Fresh {
    fn write(&mut self, folder: &Path, key: Hash, bytes: &[u8]) -> io::Result<()> {
        let value = Value { checksum: checksum(&key, bytes), offset: self.bytes, bytes: bytes.len() as u64 };
        let after = self.bytes.saturating_add(value.bytes);
        if after > PACK_BYTES_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(NamedTempFile::new_in(folder)?),
        };
        file.as_file().write_all_at(bytes, value.offset)?;
        self.bytes = after;
        self.values.insert(key, value);
        Ok(())
    }

    /// Gives it its name once it is whole. It need not be on the disk by then: what is damaged is noticed.
    fn persist(self, folder: &Path, ending: &str) -> io::Result<()> {
        let Some(file) = self.file else { return Ok(()) };
        let mut index = Vec::with_capacity(self.values.len() * ENTRY_BYTES + FOOTER_BYTES);
        for (key, Value { checksum, offset, bytes }) in &self.values {
            index.extend_from_slice(key);
            index.extend_from_slice(checksum);
            index.extend_from_slice(&offset.to_le_bytes());
            index.extend_from_slice(&bytes.to_le_bytes());
        }
        let checksum: Hash = Sha256::digest(&index).into();
        index.extend_from_slice(&checksum);
        index.extend_from_slice(&(self.values.len() as u64).to_le_bytes());
        index.extend_from_slice(&MAGIC);
        // A failed write may have left bytes beyond the last value.
        file.as_file().set_len(self.bytes)?;
        file.as_file().write_all_at(&index, self.bytes)?;
        let name: String = checksum.iter().take(16).fold(String::new(), |name, byte| name + &format!("{byte:02x}"));
        file.persist(folder.join(name + ending))?;
        Ok(())
    }
}

/// Reads the index of a pack.
///
/// # Errors
/// When it cannot be read, or is damaged.
fn index(file: &File) -> io::Result<Vec<(Hash, Value)>> {
    let damaged = || io::Error::from(io::ErrorKind::InvalidData);
    let end = file.metadata()?.len().checked_sub(FOOTER_BYTES as u64).ok_or_else(damaged)?;
    let mut footer = [0; FOOTER_BYTES];
    file.read_exact_at(&mut footer, end)?;
    let mut footer = Fields(&footer);
    let (expected, entries, magic) = (footer.take(), u64::from_le_bytes(footer.take()), footer.take::<8>());
    let bytes = entries.checked_mul(ENTRY_BYTES as u64).filter(|bytes| magic == MAGIC && *bytes <= end);
    let bytes = bytes.ok_or_else(damaged)?;
    let mut index = vec![0; usize::try_from(bytes).map_err(|_| damaged())?];
    file.read_exact_at(&mut index, end - bytes)?;
    if Hash::from(Sha256::digest(&index)) != expected {
        return Err(damaged());
    }
    let values = index.chunks_exact(ENTRY_BYTES).map(|entry| {
        let mut entry = Fields(entry);
        let (key, checksum) = (entry.take(), entry.take());
        let (offset, bytes) = (u64::from_le_bytes(entry.take()), u64::from_le_bytes(entry.take()));
        (key, Value { checksum, offset, bytes })
    });
    let values: Vec<_> = values.collect();
    let is_within = |value: &Value| value.offset.checked_add(value.bytes).is_some_and(|to| to <= end - bytes);
    if values.iter().all(|(_, value)| is_within(value)) { Ok(values) } else { Err(damaged()) }
}

/// Fields of a known length, one after the other.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    /// The next one; zeros after the end.
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (field, rest) = self.0.split_first_chunk().unwrap_or((&[0; N], &[]));
        self.0 = rest;
        *field
    }
}

/// Of a value under its key: a value that belongs to another key is a damaged one.
fn checksum(key: &Hash, value: &[u8]) -> Hash {
    Sha256::new().chain_update(key).chain_update(value).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: usize = 1 << 10;

    fn key(n: u8) -> Hash {
        [n; HASH_BYTES]
    }

    fn value(n: u8) -> Vec<u8> {
        vec![n; 64 * KIB]
    }

    fn open(folder: &Path) -> Functions {
        Functions::open(folder.to_owned(), 7)
    }

    fn keep(folder: &Path, names: &[u8]) {
        let functions = open(folder);
        for name in names {
            assert!(functions.insert(&key(*name), value(*name)));
        }
        functions.finish();
    }

    fn only_pack(folder: &Path) -> PathBuf {
        let mut files = open(folder).files().unwrap();
        assert_eq!(files.len(), 1, "{files:?}");
        files.remove(0).path
    }

    #[test]
    fn what_one_compiler_kept_another_finds() {
        let folder = tempfile::tempdir().unwrap();
        keep(folder.path(), &[1, 2]);
        let functions = open(folder.path());
        assert_eq!(functions.get(&key(2)).as_deref(), Some(&value(2)[..]));
        assert!(functions.get(&key(3)).is_none() && functions.get(b"short").is_none());
        assert!(functions.insert(&key(3), value(3)));
        assert_eq!(functions.get(&key(3)).as_deref(), Some(&value(3)[..]), "in the same compilation, too");
        assert!(Functions::open(folder.path().to_owned(), 8).get(&key(2)).is_none(), "it is another engine's");
    }

    /// A flipped bit would run as native code.
    #[test]
    fn a_damaged_store_of_functions_is_compiled_again() {
        let folder = tempfile::tempdir().unwrap();
        keep(folder.path(), &[1, 2]);
        let pack = only_pack(folder.path());
        let whole = fs::read(&pack).unwrap();
        let with = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut bytes = whole.clone();
            change(&mut bytes);
            fs::write(&pack, bytes).unwrap();
            let functions = open(folder.path());
            [1, 2].map(|name| functions.get(&key(name)).map(Cow::into_owned))
        };
        assert_eq!(with(&|_| {}), [Some(value(1)), Some(value(2))]);
        assert_eq!(with(&|bytes| bytes[17] ^= 1), [None, Some(value(2))]);
        for at in 2 * 64 * KIB..whole.len() {
            assert_eq!(with(&|bytes| bytes[at] ^= 1), [None, None], "byte {at} of {}", whole.len());
        }
        for length in [0, 1, 64 * KIB, whole.len() - 1] {
            assert_eq!(with(&|bytes| bytes.truncate(length)), [None, None], "{length} bytes of {}", whole.len());
        }
        assert_eq!(with(&|bytes| bytes.splice(..0, [0; 8]).for_each(drop)), [None, None], "moved by 8 bytes");
    }

    #[test]
    fn two_compilers_at_once_share_a_store() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (open(folder.path()), open(folder.path()));
        for (functions, name) in [(&one, 1), (&other, 2), (&one, 3), (&other, 3)] {
            assert!(functions.insert(&key(name), value(name)));
        }
        one.finish();
        assert_eq!(other.get(&key(2)).as_deref(), Some(&value(2)[..]));
        other.finish();
        let both = open(folder.path());
        for name in [1, 2, 3] {
            assert_eq!(both.get(&key(name)).as_deref(), Some(&value(name)[..]));
        }
    }

    #[test]
    fn a_pack_that_is_removed_can_be_read_by_whoever_has_opened_it() {
        let folder = tempfile::tempdir().unwrap();
        keep(folder.path(), &[1]);
        let functions = open(folder.path());
        functions.prune(0).unwrap();
        assert!(open(folder.path()).files().unwrap().is_empty());
        assert_eq!(functions.get(&key(1)).as_deref(), Some(&value(1)[..]));
    }

    #[test]
    fn the_store_is_bounded_and_what_was_used_last_stays() {
        let folder = tempfile::tempdir().unwrap();
        for name in [1, 2, 3] {
            keep(folder.path(), &[name]);
            let long_ago = SystemTime::now() - LEFT * (10 - u32::from(name));
            for file in open(folder.path()).files().unwrap().iter().filter(|file| file.modified > long_ago) {
                File::open(&file.path).unwrap().set_modified(long_ago).unwrap();
            }
        }
        let functions = open(folder.path());
        assert!(functions.get(&key(1)).is_some());
        functions.finish();
        functions.prune(2 * 66 * KIB as u64).unwrap();
        let left = open(folder.path());
        assert_eq!([1, 2, 3].map(|name| left.get(&key(name)).is_some()), [true, false, true]);
    }

    #[test]
    fn a_pack_has_a_largest_size() {
        let folder = tempfile::tempdir().unwrap();
        let functions = open(folder.path());
        assert!(functions.insert(&key(1), value(1)));
        functions.fresh.lock().unwrap().bytes = PACK_BYTES_MAX - 1;
        assert!(!functions.insert(&key(2), value(2)));
        assert!(!functions.insert(&key(3), Vec::new()), "it is closed");
    }

    #[test]
    fn few_new_functions_are_not_kept_and_what_an_ended_compiler_left_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let functions = open(folder.path());
        assert!(functions.insert(&key(1), vec![1; KIB]));
        let left = folder.path().join(".tmpLEFT");
        fs::write(&left, "half a pack").unwrap();
        functions.finish();
        assert!(left.exists(), "its compiler may be at work");
        File::open(&left).unwrap().set_modified(SystemTime::now() - 2 * LEFT).unwrap();
        open(folder.path()).finish();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
