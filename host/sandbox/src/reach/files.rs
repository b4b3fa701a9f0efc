//! Replaces functions of `wasi:filesystem` that hold something of the host's without bound.
//!
//! Opening a named pipe waits until somebody opens its other end, on a thread that cannot be called back; WASI's own
//! way to list a folder has all its entries in memory at once, for each stream of each instance. Here only regular
//! files and folders are opened, and only a bounded number of a stage's at one time: who puts a pipe in the place of a
//! file, between the look and the opening, takes up places of his own stage. A listing reads as far as it is asked.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, openat, statat};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use wasmtime::component::{LinkerInstance, Resource, ResourceTable, ResourceType};
use wasmtime::{Result, StoreContextMut};
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemCtx, WasiFilesystemCtxView, WasiFilesystemView};
use wasmtime_wasi::p2::bindings::filesystem::types::{
    DescriptorFlags, DescriptorType, DirectoryEntry, DirectoryEntryStream, ErrorCode, Host, HostDescriptor,
    NewTimestamp, OpenFlags, PathFlags,
};
use wasmtime_wasi::p2::{FsError, FsResult};

use super::super::store::HostState;

type Store<'a> = StoreContextMut<'a, HostState>;

/// Files of one stage that are being opened at one time; further ones wait. Arbitrary: far below the threads that a
/// runtime has for work that blocks, and more than a disk does at once.
pub(super) const OPENINGS_MAX: usize = 32;
/// Entries that a listing reads at once. Arbitrary: each reading costs a change of threads.
const ENTRIES_AT_ONCE: usize = 64;

/// A guest's request to open a file.
type Asked = (Resource<Descriptor>, PathFlags, String, OpenFlags, DescriptorFlags);

/// Replaces them.
pub(super) fn bound(linker: &mut LinkerInstance<'_, HostState>) -> Result<()> {
    linker.func_wrap_async("[method]descriptor.open-at", |mut store: Store<'_>, asked: Asked| {
        Box::new(async move {
            let opened = open(store.data_mut(), asked).await;
            told(&mut store, opened)
        })
    })?;
    type Times = (Resource<Descriptor>, PathFlags, String, NewTimestamp, NewTimestamp);
    linker.func_wrap_async("[method]descriptor.set-times-at", |mut store: Store<'_>, asked: Times| {
        Box::new(async move {
            let set = set_times(store.data_mut(), asked).await;
            told(&mut store, set)
        })
    })?;
    linker.func_wrap_async(
        "[method]descriptor.read-directory",
        |mut store: Store<'_>, (folder,): (Resource<Descriptor>,)| {
            Box::new(async move {
                let listing = list(store.data_mut().filesystem().table, &folder).await;
                told(&mut store, listing)
            })
        },
    )?;
    linker.func_wrap_async(
        "[method]directory-entry-stream.read-directory-entry",
        |mut store: Store<'_>, (listing,): (Resource<DirectoryEntryStream>,)| {
            Box::new(async move {
                let entry = next(store.data_mut().filesystem().table, &listing).await;
                told(&mut store, entry)
            })
        },
    )?;
    let stream = ResourceType::host::<DirectoryEntryStream>();
    linker.resource("directory-entry-stream", stream, |mut store: Store<'_>, listing| {
        store.data_mut().filesystem().table.delete(Resource::<Listing>::new_own(listing))?;
        Ok(())
    })
}

fn told<T>(store: &mut Store<'_>, result: FsResult<T>) -> Result<(Result<T, ErrorCode>,)> {
    match result {
        Ok(value) => Ok((Ok(value),)),
        Err(error) => Ok((Err(store.data_mut().filesystem().convert_error_code(error)?),)),
    }
}

/// What may be opened. A link is said to be one where it is not to be followed: opening it fails by itself.
fn is_plain(kind: DescriptorType) -> bool {
    matches!(kind, DescriptorType::RegularFile | DescriptorType::Directory | DescriptorType::SymbolicLink)
}

async fn open(state: &mut HostState, (folder, follow, path, how, flags): Asked) -> FsResult<Resource<Descriptor>> {
    let openings = Arc::clone(&state.reach().openings);
    let mut view = state.filesystem();
    // What is not there, or not to be seen, opening says better.
    let at = Resource::new_borrow(folder.rep());
    if let Ok(stat) = view.stat_at(at, follow, path.clone()).await
        && !is_plain(stat.type_)
    {
        return Err(ErrorCode::Unsupported.into());
    }
    let folder = view.table.get(&folder)?.clone();
    let opened = open_apart(folder, openings, (follow, path, how, flags)).await?;
    Ok(view.table.push(opened)?)
}

/// Opens in a task of its own, whose place in `openings` is free again when the opening has come back, and not when
/// nobody waits for it any more.
async fn open_apart(
    folder: Descriptor,
    openings: Arc<Semaphore>,
    (follow, path, how, flags): (PathFlags, String, OpenFlags, DescriptorFlags),
) -> FsResult<Descriptor> {
    let place = openings.acquire_owned().await.map_err(FsError::trap)?;
    let opening = Handle::current().spawn(async move {
        let _place = place;
        let (mut ctx, mut table) = (WasiFilesystemCtx::default(), ResourceTable::new());
        let folder = table.push(folder)?;
        let mut view = WasiFilesystemCtxView { ctx: &mut ctx, table: &mut table };
        let opened = view.open_at(folder, follow, path, how, flags).await?;
        let opened = table.delete(opened)?;
        match &opened {
            Descriptor::File(file) if !file.file.metadata()?.is_file() => Err(ErrorCode::Unsupported.into()),
            Descriptor::File(_) | Descriptor::Dir(_) => Ok(opened),
        }
    });
    opening.await.map_err(FsError::trap)?
}

/// WASI's own opens the file, too, where it follows a link.
async fn set_times(
    state: &mut HostState,
    (folder, follow, path, accessed, modified): (Resource<Descriptor>, PathFlags, String, NewTimestamp, NewTimestamp),
) -> FsResult<()> {
    if !follow.contains(PathFlags::SYMLINK_FOLLOW) {
        return state.filesystem().set_times_at(folder, follow, path, accessed, modified).await;
    }
    let asked = (folder, follow, path, OpenFlags::empty(), DescriptorFlags::READ);
    let file = open(state, asked).await?;
    let mut view = state.filesystem();
    let set = view.set_times(Resource::new_borrow(file.rep()), accessed, modified).await;
    view.table.delete(file)?;
    set
}

/// A folder that is being read.
struct Listing {
    /// `None` at its end.
    folder: Option<Dir>,
    ahead: VecDeque<FsResult<DirectoryEntry>>,
}

async fn list(table: &mut ResourceTable, folder: &Resource<Descriptor>) -> FsResult<Resource<DirectoryEntryStream>> {
    let Descriptor::Dir(folder) = table.get(folder)? else { return Err(ErrorCode::NotDirectory.into()) };
    let folder = Arc::clone(&folder.dir);
    // A handle of its own has a position of its own.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = spawn_blocking(move || openat(&*folder, ".", flags, Mode::empty()).and_then(Dir::new)).await;
    let folder = opened.map_err(FsError::trap)?.map_err(io::Error::from)?;
    let listing = table.push(Listing { folder: Some(folder), ahead: VecDeque::new() })?;
    // To the guest it is a stream like any other; the functions here are all that ever look at it.
    Ok(Resource::new_own(listing.rep()))
}

async fn next(table: &mut ResourceTable, stream: &Resource<DirectoryEntryStream>) -> FsResult<Option<DirectoryEntry>> {
    let listing = table.get_mut(&Resource::<Listing>::new_borrow(stream.rep()))?;
    if listing.ahead.is_empty()
        && let Some(folder) = listing.folder.take()
    {
        (listing.folder, listing.ahead) = spawn_blocking(move || some(folder)).await.map_err(FsError::trap)?;
    }
    listing.ahead.pop_front().transpose()
}

/// The next entries of a folder, and the folder unless it has ended.
fn some(mut folder: Dir) -> (Option<Dir>, VecDeque<FsResult<DirectoryEntry>>) {
    let mut entries = VecDeque::new();
    while entries.len() < ENTRIES_AT_ONCE {
        let Some(entry) = folder.read() else { return (None, entries) };
        match entry {
            Ok(entry) if matches!(entry.file_name().to_bytes(), b"." | b"..") => {}
            Ok(entry) => entries.push_back(in_words(&folder, &entry)),
            Err(error) => entries.push_back(Err(io::Error::from(error).into())),
        }
    }
    (Some(folder), entries)
}

fn in_words(folder: &Dir, entry: &rustix::fs::DirEntry) -> FsResult<DirectoryEntry> {
    let name = entry.file_name();
    let mut kind = entry.file_type();
    if kind == FileType::Unknown {
        // Some file systems do not say.
        let stat = folder.fd().and_then(|folder| statat(folder, name, AtFlags::SYMLINK_NOFOLLOW));
        kind = FileType::from_raw_mode(stat.map_err(io::Error::from)?.st_mode);
    }
    let type_ = match kind {
        FileType::RegularFile => DescriptorType::RegularFile,
        FileType::Directory => DescriptorType::Directory,
        FileType::Symlink => DescriptorType::SymbolicLink,
        FileType::CharacterDevice => DescriptorType::CharacterDevice,
        FileType::BlockDevice => DescriptorType::BlockDevice,
        FileType::Fifo => DescriptorType::Fifo,
        FileType::Socket => DescriptorType::Socket,
        FileType::Unknown => DescriptorType::Unknown,
    };
    let name = name.to_str().map_err(|_| ErrorCode::IllegalByteSequence)?.to_owned();
    Ok(DirectoryEntry { type_, name })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rustix::fs::mkfifoat;
    use tokio::time::timeout;
    use wasmtime_wasi::{FsPerms, OpenMode};

    use super::*;

    /// Without the task of its own, the place would be free as soon as nobody waits: a guest whose pipe was taken for a
    /// file could use up all threads, one record after the other.
    #[tokio::test(flavor = "multi_thread")]
    async fn an_opening_that_nobody_waits_for_keeps_its_place_until_it_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let opened = std::fs::File::open(folder.path()).unwrap();
        mkfifoat(&opened, "pipe", Mode::RUSR | Mode::WUSR).unwrap();
        let dir = wasmtime_wasi::filesystem::Dir::new(opened, FsPerms::ReadOnly, OpenMode::READ, false);
        let openings = Arc::new(Semaphore::new(2));
        let open = || {
            let asked = (PathFlags::empty(), "pipe".to_owned(), OpenFlags::empty(), DescriptorFlags::READ);
            timeout(Duration::from_millis(50), open_apart(Descriptor::Dir(dir.clone()), Arc::clone(&openings), asked))
        };
        for free in [1, 0, 0] {
            assert!(open().await.is_err(), "nobody is at the other end");
            assert_eq!(openings.available_permits(), free);
        }
        drop(std::fs::OpenOptions::new().write(true).open(folder.path().join("pipe")).unwrap());
        let both = timeout(Duration::from_secs(20), openings.acquire_many(2));
        assert!(both.await.is_ok(), "both are over");
    }

    #[tokio::test]
    async fn a_listing_has_every_entry_once_with_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let numbers: Vec<String> = (0..3 * ENTRIES_AT_ONCE).map(|number| number.to_string()).collect();
        for number in &numbers {
            std::fs::write(folder.path().join(number), "").unwrap();
        }
        std::fs::create_dir(folder.path().join("below")).unwrap();
        std::os::unix::fs::symlink("0", folder.path().join("link")).unwrap();
        let opened = std::fs::File::open(folder.path()).unwrap();
        mkfifoat(&opened, "pipe", Mode::RUSR).unwrap();
        let dir = wasmtime_wasi::filesystem::Dir::new(opened, FsPerms::ReadOnly, OpenMode::READ, false);
        let mut table = ResourceTable::new();
        let dir = table.push(Descriptor::Dir(dir)).unwrap();
        let read = async |table: &mut ResourceTable| {
            let stream = list(table, &dir).await.unwrap();
            let mut read = Vec::new();
            while let Some(entry) = next(table, &stream).await.unwrap() {
                read.push((entry.name, entry.type_));
            }
            assert!(next(table, &stream).await.unwrap().is_none(), "the end stays the end");
            read.sort_by(|one, other| one.0.cmp(&other.0));
            read
        };
        let mut expected: Vec<_> = numbers.into_iter().map(|number| (number, DescriptorType::RegularFile)).collect();
        expected.push(("below".to_owned(), DescriptorType::Directory));
        expected.push(("link".to_owned(), DescriptorType::SymbolicLink));
        expected.push(("pipe".to_owned(), DescriptorType::Fifo));
        expected.sort_by(|one, other| one.0.cmp(&other.0));
        assert_eq!(read(&mut table).await, expected);
        assert_eq!(read(&mut table).await, expected, "each stream begins anew");
    }
}
