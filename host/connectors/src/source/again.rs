//! Checks whether the files of an earlier run still exist, and are unchanged.
//!
//! Of each file a stamp is kept (see `stamp`). Where that is the same, the file is. Where not (it was copied, moved,
//! touched, added to), what it holds decides: of a file that was read in part, all of that part; of one that was read
//! to its end, all of it, if it is one of the last that were (see [`SEEN_MAX`]); of the others, both ends.
//!
//! A file that has grown is the same file, with more in it. One that was read to its end is not read again: what was
//! added to it, and its absence, are nothing to the run. Files that have come since are read after the others. A new
//! name of a file is not a new file.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::digest::Prefix;
use super::find::{Files, Found};
use super::stamp::{Likeness, Rest, Stamp, begins_with};
use crate::fault;
use sandmill_engine::edge::Input;
use sandmill_engine::error::{Error, Result};

/// What to do about an input that is another one.
pub(super) const FRESH: &str = "restore what was there, or start over with --fresh";

/// Number of files, read to their ends, whose checksum is kept: they are part of every cursor.
pub(super) const SEEN_MAX: usize = 256;

/// How far the earlier run had come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress<'a> {
    /// Files that were read to their ends.
    pub(super) done: usize,
    /// The prefixes that were read of the last of them, where they are known.
    pub(super) seen: &'a VecDeque<Option<Prefix>>,
    /// Whether the next one was read in part.
    pub(super) has_begun: bool,
    /// Whether the next one may hold anything after that part.
    pub(super) accepts_changes: bool,
}

/// Opens a file as the source reads it.
pub(super) type Opener<'a> = &'a dyn Fn(&Path) -> Result<Box<dyn io::Read + Send>>;

/// The files of an earlier run, found again.
#[derive(Debug, Default)]
pub(super) struct Again {
    /// The files that are still to be read; first the one that was read in part.
    pub(super) files: VecDeque<Found>,
    /// Other names of some files, and the names by which these are read.
    pub(super) other_names: Vec<(Found, Arc<Path>)>,
    /// All of them, as they are now.
    pub(super) inputs: Vec<Input>,
    /// Bytes of those that were read.
    pub(super) bytes_done: u64,
    /// Whether the one that was read in part has not been touched since.
    pub(super) is_untouched: bool,
    /// Why the rest of that one may not be whole.
    pub(super) torn: Option<Error>,
    /// Remarks for a person.
    pub(super) remarks: Vec<String>,
}

/// The parts of a source that reads these files.
///
/// # Errors
/// When one cannot be read.
pub(super) fn inputs<'a>(files: impl IntoIterator<Item = &'a Found>) -> Result<Vec<Input>> {
    files.into_iter().map(input).collect()
}

/// Finds the files of an earlier run among those that there are now.
///
/// # Errors
/// When one that is needed is gone, or one has changed.
pub(super) fn find_again(
    mut now: Files,
    inputs: &[Input],
    progress: Progress<'_>,
    opener: Opener<'_>,
) -> Result<Again> {
    keep_names(&mut now, inputs);
    let Files { found, other_names } = now;
    let mut places: HashMap<Vec<u8>, usize> = found.iter().enumerate().map(|(i, file)| (name(file), i)).collect();
    let mut files: Vec<Option<Found>> = found.into_iter().map(Some).collect();
    let mut again = Again { other_names, ..Again::default() };
    for (index, then) in inputs.iter().enumerate() {
        let place = places.remove(&then.name);
        let now = place.and_then(|place| files.get_mut(place)?.take());
        again.add(then, now, Role::of(index, progress), opener)?;
    }
    for file in files.into_iter().flatten() {
        again.inputs.push(input(&file)?);
        again.files.push_back(file);
    }
    Ok(again)
}

/// Files are read by the names that they had: a new name that comes before the old one of a file changes nothing.
fn keep_names(now: &mut Files, inputs: &[Input]) {
    let then: HashSet<&[u8]> = inputs.iter().map(|input| input.name.as_slice()).collect();
    let Files { found, other_names } = now;
    let mut new: HashMap<Arc<Path>, &mut Found> = found
        .iter_mut()
        .filter(|file| !then.contains(name(file).as_slice()))
        .map(|file| (Arc::clone(&file.path), file))
        .collect();
    let mut renamed: HashMap<Arc<Path>, Arc<Path>> = HashMap::new();
    for (other, read_as) in other_names.iter_mut() {
        if then.contains(name(other).as_slice())
            && let Some(file) = new.remove(read_as)
        {
            std::mem::swap(file, other);
            renamed.insert(Arc::clone(read_as), Arc::clone(&file.path));
        }
    }
    for (_, read_as) in other_names {
        if let Some(path) = renamed.get(read_as) {
            *read_as = Arc::clone(path);
        }
    }
}

/// A file's role in the earlier run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Read to its end: what was read, where that is known.
    Done(Option<Prefix>),
    /// Read in part; whether the rest may hold anything.
    Begun(bool),
    ToCome,
}

impl Role {
    fn of(index: usize, progress: Progress<'_>) -> Self {
        match index.cmp(&progress.done) {
            std::cmp::Ordering::Less => {
                let unknown = progress.done - progress.seen.len().min(progress.done);
                let seen = index.checked_sub(unknown).and_then(|index| *progress.seen.get(index)?);
                Self::Done(seen)
            }
            std::cmp::Ordering::Equal if progress.has_begun => Self::Begun(progress.accepts_changes),
            std::cmp::Ordering::Equal | std::cmp::Ordering::Greater => Self::ToCome,
        }
    }
}

impl Again {
    fn add(&mut self, then: &Input, now: Option<Found>, role: Role, opener: Opener<'_>) -> Result<()> {
        let Some(file) = now else {
            self.inputs.push(then.clone());
            return if matches!(role, Role::Done(_)) { Ok(()) } else { Err(self.missing(then)) };
        };
        let stamp: Option<Stamp> = serde_json::from_str(&then.what)
            .map_err(|error| Error::config("what the earlier run knew of a file cannot be read").caused_by(error))?;
        // Without one, the earlier run could not read it either, and has passed or will pass over it.
        if let Some(stamp) = stamp {
            self.compare(&stamp, &file.path, role, opener)?;
        }
        self.inputs.push(input(&file)?);
        match role {
            Role::Done(_) => self.bytes_done += file.bytes.unwrap_or_default(),
            Role::Begun(_) | Role::ToCome => self.files.push_back(file),
        }
        Ok(())
    }

    fn compare(&mut self, stamp: &Stamp, path: &Path, role: Role, opener: Opener<'_>) -> Result<()> {
        let failed = |error| fault::unreadable(path, error);
        let file = File::open(path).map_err(failed)?;
        match role {
            Role::Begun(accepts_changes) => {
                let rest = stamp.rest(&file, path).map_err(failed)?;
                self.compare_rest(rest, path, accepts_changes);
            }
            Role::Done(seen) => {
                let likeness = stamp.likeness(&file).map_err(failed)?;
                match (likeness, seen) {
                    (Likeness::Untouched, _) => {}
                    (Likeness::Other(what), _) => return Err(changed(&format!("\"{}\" {what}", path.display()))),
                    (_, Some(seen)) if begins_with(opener(path)?, seen).map_err(failed)? => {}
                    (_, Some(_)) => {
                        let path = path.display();
                        return Err(changed(&format!(
                            "\"{path}\" was read to its end, and its content has changed since"
                        )));
                    }
                    (Likeness::Rewritten, None) => {
                        let path = path.display();
                        return Err(changed(&format!("\"{path}\" was written to after it had been read")));
                    }
                    (Likeness::Touched, None) => self.remarks.push(touched(path)),
                    (Likeness::Alike, None) => {}
                }
            }
            Role::ToCome => {
                if let Likeness::Other(what) = stamp.likeness(&file).map_err(failed)? {
                    return Err(changed(&format!("\"{}\" {what}", path.display())));
                }
            }
        }
        Ok(())
    }

    /// What was read of it is compared byte by byte when it is opened.
    fn compare_rest(&mut self, rest: Rest, path: &Path, accepts_changes: bool) {
        let path = path.display();
        match rest {
            Rest::Untouched => self.is_untouched = true,
            Rest::Alike => {}
            Rest::Torn(what) if !accepts_changes => {
                let error = format!("\"{path}\" became shorter than the part that was read: {what}");
                let error = Error::config(error)
                    .hint("its last record may be incomplete: restore what was there, or start over with --fresh")
                    .hint("if this change is intended, --resume continues with the file as it is now");
                self.torn = Some(error);
            }
            Rest::Edited | Rest::Torn(_) => self.remarks.push(format!(
                "\"{path}\" was edited after the place up to which it was read: the rest is read as it is now"
            )),
        }
    }

    /// A file that is needed is not there under its name.
    fn missing(&self, then: &Input) -> Error {
        match self.other_names.iter().find(|(other, _)| name(other) == then.name) {
            Some((other, read_as)) => {
                let (other, read_as) = (other.path.display(), read_as.display());
                changed(&format!("\"{other}\" leads to the same file as \"{read_as}\" now"))
            }
            None => {
                let name = then.name.splitn(2, |byte| *byte == b':').nth(1).unwrap_or_default();
                changed(&format!("\"{}\" is gone", String::from_utf8_lossy(name)))
            }
        }
    }
}

fn touched(path: &Path) -> String {
    format!(
        "\"{}\" was touched after it had been read (a new mode, owner, name or link): its size, its time and both its ends \
         are unchanged, and the middle was not compared",
        path.display()
    )
}

/// The list of files is another one.
fn changed(what: &str) -> Error {
    Error::config(format!("the files of the source have changed since the interrupted run: {what}")).hint(FRESH)
}

fn input(file: &Found) -> Result<Input> {
    let stamp = File::open(&file.path).and_then(|open| Stamp::of(&open)).map(Some).or_else(|error| match file.id {
        // One of several that cannot be read: this is reported when its turn comes.
        None => Ok(None),
        Some(_) => Err(fault::unreadable(&file.path, error)),
    })?;
    let what = serde_json::to_string(&stamp).expect("a stamp is made of numbers");
    Ok(Input { name: name(file), what })
}

/// Wherever the folder is that holds them all: the pattern, and the name below its fixed part.
fn name(file: &Found) -> Vec<u8> {
    [format!("{}:", file.pattern).as_bytes(), file.name.as_os_str().as_encoded_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::kind;
    use crate::source::find::find;

    fn found(patterns: &[String]) -> Result<Files> {
        let (format, record_bytes_max) =
            (kind::SourceFormat::Lines, sandmill_engine::plan::bounds::RECORD_BYTES_DEFAULT);
        let source = kind::FileSource { patterns: patterns.to_vec(), format, record_bytes_max };
        find(&source)
    }

    fn open(path: &Path) -> Result<Box<dyn io::Read + Send>> {
        Ok(Box::new(File::open(path).unwrap()))
    }

    /// All of a file.
    fn seen(path: &Path) -> VecDeque<Option<Prefix>> {
        let text = fs::read(path).unwrap();
        [Some(Prefix { bytes: text.len() as u64, checksum: crc32fast::hash(&text) })].into()
    }

    /// Long enough for its ends not to meet.
    fn text() -> String {
        (0..2000).map(|line| format!("line {line}\n")).collect()
    }

    /// What a file was to the first of two runs.
    const ROLES: [(usize, bool, bool); 4] = [(1, false, true), (1, false, false), (0, true, false), (0, false, false)];

    /// What becomes of a file, whatever is done to it between two runs, by what it was to the first: read to its end,
    /// with and without a checksum of it; read in part; not read yet.
    fn outcomes(change: impl Fn(&Path)) -> [Result<Vec<String>, String>; 4] {
        ROLES.map(|(done, has_begun, is_seen)| {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a.log");
            fs::write(&path, text()).unwrap();
            let patterns = [folder.path().join("*.log").to_str().unwrap().to_owned()];
            put_back(&path, SystemTime::now() - Duration::from_secs(5));
            let before = inputs(&found(&patterns).unwrap().found).unwrap();
            let seen = if is_seen { seen(&path) } else { VecDeque::new() };
            change(&path);
            let now = found(&patterns).unwrap_or_default();
            let progress = Progress { done, seen: &seen, has_begun, accepts_changes: false };
            let again = find_again(now, &before, progress, &open);
            let again = again.and_then(|again| again.torn.map_or(Ok(again.remarks), Err));
            again.map_err(|error| error.to_string())
        })
    }

    /// Sets the time at which a file was written.
    fn put_back(path: &Path, time: SystemTime) {
        File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
    }

    /// Waits until the clock of the file system has moved on: it is read when something is changed.
    fn tick(path: &Path) {
        let changed = |path: &Path| fs::metadata(path).map(|status| (status.ctime(), status.ctime_nsec())).unwrap();
        let (before, probe) = (changed(path), path.with_extension("probe"));
        while fs::write(&probe, "").is_ok_and(|()| changed(&probe) <= before) {}
        fs::remove_file(probe).unwrap();
    }

    /// Accepted; accepted with a remark; refused.
    fn is(outcomes: &[Result<Vec<String>, String>; 4], expected: &str) {
        let letter = |outcome: &Result<Vec<String>, String>| match outcome {
            Ok(remarks) if remarks.is_empty() => "a",
            Ok(_) => "r",
            Err(_) => "-",
        };
        assert_eq!(outcomes.iter().map(letter).collect::<String>(), expected, "{outcomes:?}");
    }

    #[test]
    fn what_was_done_to_a_file_decides_whether_a_run_can_resume() {
        let write = |path: &Path, text: &str| fs::write(path, text).unwrap();
        let copy = |path: &Path| {
            let aside = path.with_extension("old");
            fs::rename(path, &aside).unwrap();
            fs::copy(&aside, path).unwrap();
        };
        let middle = text().replace("line 1000\n", "LINE 1000\n");
        is(&outcomes(|_| {}), "aaaa");
        is(&outcomes(copy), "aaaa");
        is(&outcomes(|path| write(path, &format!("{}more\n", text()))), "aaaa");
        // Mended where it had not been read yet, or spoilt where it had been.
        is(&outcomes(|path| write(path, &middle)), "--aa");
        is(&outcomes(|path| write(path, &text().replace("line 1\n", "line x\n"))), "--r-");
        is(&outcomes(|path| fs::remove_file(path).unwrap()), "aa--");
        // Written again, as it was.
        is(&outcomes(|path| write(path, &text())), "a-aa");
    }

    /// An edit after which the time was put back was not noticed (12).
    #[test]
    fn the_time_of_an_edit_may_be_put_back() {
        let then = SystemTime::now() - Duration::from_secs(5);
        let edit = |path: &Path| {
            let then = fs::metadata(path).unwrap().modified().unwrap();
            tick(path);
            fs::write(path, text().replace("line 1000\n", "LINE 1000\n")).unwrap();
            put_back(path, then);
        };
        is(&outcomes(edit), "-raa");
        // What changes nothing but that time.
        let chmod = |path: &Path| {
            tick(path);
            fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
        };
        is(&outcomes(chmod), "araa");
        let link = |path: &Path| {
            tick(path);
            fs::hard_link(path, path.with_extension("other")).unwrap();
        };
        is(&outcomes(link), "araa");
        is(&outcomes(|path| put_back(path, then - Duration::from_secs(9))), "a-aa");
    }

    /// The beginning of a record was taken for a whole one (12).
    #[test]
    fn a_file_that_was_cut_after_the_place_is_refused_unless_it_ends_as_it_did() {
        let write = |path: &Path, text: &str| fs::write(path, text).unwrap();
        let shorter = text().replace("line 1000\n", "");
        is(&outcomes(|path| write(path, &text()[..9000])), "----");
        is(&outcomes(|path| write(path, &format!("{}grown\n", &text()[..9000]))), "----");
        is(&outcomes(|path| write(path, &shorter)), "--r-");
        // Its last line was completed; or so it seems.
        is(&outcomes(|path| write(path, &text().replace("1999\n", "1999 mended\n"))), "--r-");
        is(&outcomes(|path| write(path, &text().replace("1999\n", "1999 and more"))), "----");
    }

    #[test]
    fn somebody_may_say_that_a_cut_is_meant() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        fs::write(&path, text()).unwrap();
        let patterns = [path.to_str().unwrap().to_owned()];
        let before = inputs(&found(&patterns).unwrap().found).unwrap();
        fs::write(&path, &text()[..9000]).unwrap();
        let seen = VecDeque::new();
        let again = |accepts_changes| {
            let progress = Progress { done: 0, seen: &seen, has_begun: true, accepts_changes };
            find_again(found(&patterns).unwrap(), &before, progress, &open)
        };
        let refusal = again(false).unwrap().torn.unwrap();
        assert!(refusal.to_string().contains("it has 9000 bytes now, had 18890, and ends differently"), "{refusal}");
        assert!(refusal.hints().iter().any(|hint| hint.contains("--resume")));
        let accepted = again(true).unwrap();
        assert!(accepted.torn.is_none() && accepted.remarks.len() == 1);
    }

    /// Was told to be gone (12).
    #[test]
    fn a_new_name_of_a_file_does_not_hide_its_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let pattern = [folder.path().join("*").to_str().unwrap().to_owned()];
        let path = |name: &str| folder.path().join(name);
        ["b", "c"].iter().for_each(|name| fs::write(path(name), text()).unwrap());
        let before = inputs(&found(&pattern).unwrap().found).unwrap();
        symlink("b", path("a")).unwrap();
        fs::hard_link(path("c"), path("aa")).unwrap();
        let seen = VecDeque::new();
        let progress = Progress { done: 0, seen: &seen, has_begun: true, accepts_changes: false };
        let again = find_again(found(&pattern).unwrap(), &before, progress, &open).unwrap();
        let names: Vec<_> = again.files.iter().map(|file| file.name.to_str().unwrap()).collect();
        assert_eq!(names, ["b", "c"]);
        fs::remove_file(path("c")).unwrap();
        symlink("b", path("c")).unwrap();
        let error = find_again(found(&pattern).unwrap(), &before, progress, &open).unwrap_err().to_string();
        assert!(error.contains("c\" leads to the same file as \"") && error.contains("b\" now"), "{error}");
    }

    #[test]
    fn files_that_have_come_since_are_read_behind_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let pattern = [folder.path().join("*").to_str().unwrap().to_owned()];
        let write = |name: &&str| fs::write(folder.path().join(name), name).unwrap();
        ["b", "d"].iter().for_each(write);
        let before = inputs(&found(&pattern).unwrap().found).unwrap();
        ["a", "c", "e"].iter().for_each(write);
        let seen = VecDeque::new();
        let progress = Progress { done: 1, seen: &seen, has_begun: false, accepts_changes: false };
        let again = find_again(found(&pattern).unwrap(), &before, progress, &open).unwrap();
        let names: Vec<_> = again.files.iter().map(|file| file.name.to_str().unwrap()).collect();
        assert_eq!(names, ["d", "a", "c", "e"]);
        let inputs: Vec<_> = again.inputs.iter().map(|input| String::from_utf8_lossy(&input.name)).collect();
        assert_eq!(inputs, ["0:b", "0:d", "0:a", "0:c", "0:e"], "numbered so for the next time, too");
    }
}
