//! No file is written twice, and none is both read and written, whatever its paths are called: each would destroy
//! records without a word.
//!
//! Files are compared by device and inode before anything is opened for writing; those that do not exist yet, by the
//! folder that does and the rest of the path. [`crate::plan`] has compared the paths as they are written by then, and
//! says where in the pipeline file the fault is. What a component reads through a granted folder is not compared.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::descriptor;
use crate::edge::{FileId, Identity, Writes};
use crate::error::{Error, Result};
use crate::plan::{Code, Grants, Plan, Usage, VariableSource};

/// Files that SQLite keeps beside a database.
const BESIDE_A_DATABASE: [&str; 3] = ["-wal", "-shm", "-journal"];

/// All files of a plan, but those that its sources find.
#[derive(Debug, Default)]
pub(super) struct Files {
    written: Vec<Use>,
    read: Vec<Use>,
}

/// The files that a source will read.
#[derive(Debug)]
pub(super) struct Reads {
    /// Its name.
    pub(super) source: Arc<str>,
    pub(super) files: Vec<(FileId, Arc<Path>)>,
}

/// One file, and who uses it.
#[derive(Debug)]
struct Use {
    who: String,
    path: PathBuf,
    identity: Identity,
    /// Whether the path names what the process was started with.
    is_descriptor: bool,
    how: How,
}

/// How a file is used.
#[derive(Debug, PartialEq, Eq)]
enum How {
    /// By nobody else.
    Alone,
    /// A database, for a table of this name.
    Table(String),
    /// A folder: files of any name are replaced in it.
    Folder,
    /// Beside others that the shell has sent there, too: what goes to a descriptor is written where that stands.
    Messages,
}

impl Files {
    /// Looks at all files that a plan names. A path that cannot be looked at is left to the code that will open it.
    pub(super) fn of(plan: &Plan) -> Self {
        let mut files = Self::default();
        for sink in &plan.sinks {
            let writes = sink.spec.writes().into_iter();
            writes.for_each(|writes| files.add_sink(&format!("sink \"{}\"", sink.name), writes));
        }
        files.write("the state file", &plan.state.path, How::Alone);
        for end in BESIDE_A_DATABASE.into_iter().chain([".lock"]) {
            files.write("the state file", &with_end(&plan.state.path, end), How::Alone);
        }
        for beside in &plan.beside {
            match beside.how {
                Usage::Written => files.write(&beside.what, &beside.path, How::Alone),
                Usage::Messages => files.write(&beside.what, &beside.path, How::Messages),
                Usage::Read => files.read(&beside.what, &beside.path),
            }
        }
        for stage in &plan.stages {
            let who = format!("stage \"{}\"", stage.name);
            if let Code::Component(path) = &stage.code {
                files.read(&format!("the component of {who}"), path);
            }
            if let Some(path) = stage.script.as_ref().and_then(|script| script.path.as_ref()) {
                files.read(&format!("the script of {who}"), path);
            }
            files.add_granted(&who, &stage.grants);
        }
        for source in &plan.sources {
            if let Some(component) = source.kind.component() {
                let who = format!("source \"{}\"", source.name);
                files.read(&format!("the component of {who}"), &component.component);
                files.add_granted(&who, &component.grants);
            }
        }
        files
    }

    fn add_sink(&mut self, who: &str, writes: Writes) {
        match writes {
            Writes::File(path) => self.write(who, &path, How::Alone),
            Writes::Folder(path) => self.write(who, &path, How::Folder),
            Writes::Stdout => self.write(who, Path::new("/dev/stdout"), How::Alone),
            Writes::Table { database, table } => {
                self.write(who, &database, How::Table(table.clone()));
                for end in BESIDE_A_DATABASE {
                    self.write(who, &with_end(&database, end), How::Table(table.clone()));
                }
            }
        }
    }

    /// Files that contain values of variables and secrets.
    fn add_granted(&mut self, who: &str, grants: &Grants) {
        for variable in grants.variables.iter().flatten() {
            if let VariableSource::File(path) = &variable.value {
                self.read(&format!("\"{}\" of {who}", variable.name), path);
            }
        }
    }

    fn write(&mut self, who: &str, path: &Path, how: How) {
        self.written.extend(Use::of(who, path, how));
    }

    fn read(&mut self, who: &str, path: &Path) {
        self.read.extend(Use::of(who, path, How::Alone));
    }

    /// Makes sure that no two of the files are one: before a component is compiled, which may take long.
    ///
    /// # Errors
    /// When two are.
    pub(super) fn check(&self) -> Result<()> {
        for (index, file) in self.written.iter().enumerate() {
            if let Some(other) = self.written.iter().take(index).find(|other| file.clashes_with(other)) {
                return Err(written_twice(other, file));
            }
            if let Some(other) = self.read.iter().find(|other| file.clashes_with(other)) {
                return Err(read_and_written(file, &other.who, &other.path));
            }
        }
        Ok(())
    }

    /// Makes sure that none of the files that are written is one that a source will read.
    ///
    /// # Errors
    /// When one is.
    pub(super) fn check_sources(&self, sources: &[Reads]) -> Result<()> {
        for Reads { source, files } in sources {
            if let Some((written, path)) = self.written_of(files) {
                return Err(read_and_written(written, &format!("read by source \"{source}\""), path));
            }
        }
        Ok(())
    }

    /// The first of a source's files that is written to as well.
    fn written_of<'a>(&'a self, files: &'a [(FileId, Arc<Path>)]) -> Option<(&'a Use, &'a Path)> {
        let existing = self.written.iter().filter_map(|file| Some((file.identity.existing()?, file)));
        let existing: HashMap<FileId, &Use> = existing.collect();
        let same = files.iter().find_map(|(id, path)| Some((*existing.get(id)?, &**path)));
        same.or_else(|| {
            self.written.iter().filter(|file| file.how == How::Folder).find_map(|folder| folder.holds(files))
        })
    }
}

impl Use {
    fn of(who: &str, path: &Path, how: How) -> Option<Self> {
        let identity = Identity::of(path).ok().flatten()?;
        let is_descriptor = descriptor::named(path).is_some();
        Some(Self { who: who.to_owned(), path: path.to_owned(), identity, is_descriptor, how })
    }

    fn clashes_with(&self, other: &Self) -> bool {
        let (a, b) = (&self.identity, &other.identity);
        match (&self.how, &other.how) {
            (How::Folder, How::Folder) => a.is_in(b) || b.is_in(a),
            (How::Folder, _) => b.is_in(a),
            (_, How::Folder) => a.is_in(b),
            // A log beside one name of a database is not found by its other names.
            (How::Table(table), How::Table(other)) => a.is(b) && (table == other || !a.has_path_of(b)),
            (How::Messages, _) => !other.is_descriptor && a.is(b),
            (_, How::Messages) => !self.is_descriptor && a.is(b),
            (How::Alone, _) | (_, How::Alone) => a.is(b),
        }
    }

    /// The first of some files that lies in this folder. Each folder of the files is looked at once.
    fn holds<'a>(&'a self, files: &'a [(FileId, Arc<Path>)]) -> Option<(&'a Self, &'a Path)> {
        let is_in = |path: &Path| Identity::of(path).ok().flatten().is_some_and(|file| file.is_in(&self.identity));
        let mut seen = HashMap::new();
        let held = files.iter().find(|(_, path)| {
            let folder = path.parent().unwrap_or(path);
            *seen.entry(folder).or_insert_with(|| is_in(&folder.join("."))) || path.is_symlink() && is_in(path)
        });
        held.map(|(_, path)| (self, &**path))
    }
}

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(end);
    PathBuf::from(path)
}

fn read_and_written(written: &Use, other: &str, path: &Path) -> Error {
    let (who, own, path) = (&written.who, written.path.display(), path.display());
    match written.how {
        How::Folder => {
            Error::config(format!("{who} writes files into \"{own}\", which contains \"{path}\": that file is {other}"))
                .hint("give the sink a folder of its own")
        }
        How::Messages => Error::config(format!("{who} goes to a file that is {other}"))
            .caused_by(format!("it leads to \"{path}\""))
            .hint("send messages somewhere else: `2> messages.txt`"),
        How::Alone | How::Table(_) => Error::config(format!("{who} would overwrite \"{own}\": it is {other}"))
            .caused_by(format!("\"{own}\" and \"{path}\" lead to the same file"))
            .hint("write somewhere else"),
    }
}

fn written_twice(first: &Use, second: &Use) -> Error {
    let (one, other) = (first.path.display(), second.path.display());
    if first.how == How::Folder || second.how == How::Folder {
        return Error::config(format!("{} writes to \"{one}\", and {} to \"{other}\"", first.who, second.who))
            .caused_by("one contains the other, and a record's key could name that file")
            .hint("give a sink of kind \"folder\" a folder of its own");
    }
    if second.how == How::Messages {
        return Error::config(format!("{} and {} write to the same file", first.who, second.who))
            .caused_by(format!("messages go to \"{one}\", too"))
            .hint("send messages somewhere else: `2> messages.txt`");
    }
    Error::config(format!("{} and {} write to the same file", first.who, second.who))
        .caused_by(format!("\"{one}\" and \"{other}\" lead to it"))
        .hint("give each a path of its own; one sink can read several stages")
}
