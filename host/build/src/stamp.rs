//! Stamps record the inputs of a component, so that an unchanged stage is recognised without starting a compiler.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::compiler::Compiler;
use super::folder::Stage;

/// Changes when this program makes components in another way.
const WAY: u32 = 2;

/// How a component is made, beside what its files say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Recipe {
    /// This program.
    program: String,
    language: String,
    /// What the language tells its compiler.
    maker: String,
    /// What the user keeps the choice of a toolchain to.
    choice: Option<String>,
    debug: bool,
}

impl Recipe {
    pub(super) fn of(stage: &Stage, debug: bool) -> Self {
        Self {
            program: format!("sandmill {}, way {WAY}", env!("CARGO_PKG_VERSION")),
            language: stage.language.name().to_owned(),
            maker: stage.language.maker(),
            choice: stage.language.choice(),
            debug,
        }
    }
}

/// The inputs of a build, each with its size and time.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    recipe: Recipe,
    /// What compiled it.
    pub(super) compiler: Compiler,
    /// The component, then its inputs.
    files: Vec<FileStamp>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct FileStamp {
    path: PathBuf,
    /// None: there is no such file.
    bytes: Option<u64>,
    modified_nanos: u128,
}

impl Stamp {
    /// Stamps `component` and all its `inputs`, as they are now.
    pub(super) fn take(
        component: &Path,
        inputs: &BTreeSet<PathBuf>,
        recipe: Recipe,
        compiler: Compiler,
    ) -> io::Result<Self> {
        let all = std::iter::once(component).chain(inputs.iter().map(PathBuf::as_path));
        let files = all.map(FileStamp::take).collect::<io::Result<_>>()?;
        Ok(Self { recipe, compiler, files })
    }

    /// The stamp beside a component, if there is one that can be read.
    pub(super) fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }

    /// Whether a build of this component by this recipe would find everything as it was. The stamp in a copied folder
    /// is about the files of the other one. A file of `watched` that is not in the stamp is a new one.
    pub(super) fn holds(&self, component: &Path, recipe: &Recipe, watched: &BTreeSet<PathBuf>) -> bool {
        let same = |file: &FileStamp| FileStamp::take(&file.path).is_ok_and(|now| now == *file);
        let is_of = self.files.first().is_some_and(|file| file.path == component);
        let known: BTreeSet<&Path> = self.files.iter().map(|file| &*file.path).collect();
        is_of
            && self.recipe == *recipe
            && watched.iter().all(|file| known.contains(&**file))
            && self.files.iter().all(same)
            && self.compiler.is_there()
    }
}

impl FileStamp {
    fn take(path: &Path) -> io::Result<Self> {
        let metadata = match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self { path: path.to_owned(), bytes: None, modified_nanos: 0 });
            }
            metadata => metadata?,
        };
        let modified = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Self { path: path.to_owned(), bytes: Some(metadata.len()), modified_nanos: modified.as_nanos() })
    }
}

/// Whether the author may have changed an input after a compiler, started at `begun`, had read it. Then nobody but the
/// compiler knows whether the component is up to date. Lock files do not count: tools write them.
pub(super) fn changed_since(begun: SystemTime, inputs: &BTreeSet<PathBuf>) -> bool {
    let changed = |file: &PathBuf| fs::metadata(file).and_then(|it| it.modified()).is_ok_and(|at| at >= begun);
    let is_lock = |file: &PathBuf| ["Cargo.lock", "go.sum"].iter().any(|name| file.ends_with(name));
    inputs.iter().filter(|file| !is_lock(file)).any(changed)
}

#[cfg(test)]
impl Stamp {
    /// A stamp for tests of what makes it stale.
    pub(super) fn of(component: &Path, inputs: &BTreeSet<PathBuf>) -> Self {
        Self::take(component, inputs, Recipe::for_tests(false), Compiler::default()).unwrap()
    }

    pub(super) fn is_current_for(&self, component: &Path) -> bool {
        self.holds(component, &Recipe::for_tests(false), &BTreeSet::new())
    }
}

#[cfg(test)]
impl Recipe {
    fn for_tests(debug: bool) -> Self {
        Self { program: String::new(), language: "test".to_owned(), maker: String::new(), choice: None, debug }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_holds_until_an_input_changes_or_goes() {
        let folder = tempfile::tempdir().unwrap();
        let (component, source) = (folder.path().join("a.wasm"), folder.path().join("lib.rs"));
        fs::write(&component, "wasm").unwrap();
        fs::write(&source, "one").unwrap();
        let inputs = BTreeSet::from([source.clone()]);
        let stamp = Stamp::of(&component, &inputs);
        assert!(stamp.is_current_for(&component));
        assert!(!stamp.holds(&component, &Recipe::for_tests(true), &inputs), "a debug build was asked for");
        fs::write(&source, "other").unwrap();
        assert!(!stamp.is_current_for(&component), "the source changed");
        let stamp = Stamp::of(&component, &inputs);
        fs::remove_file(&source).unwrap();
        assert!(!stamp.is_current_for(&component), "the source went");
    }

    #[test]
    fn a_file_that_is_added_makes_a_component_stale() {
        let folder = tempfile::tempdir().unwrap();
        let [component, source, added] = ["a.wasm", "a.py", "b.py"].map(|name| folder.path().join(name));
        [&component, &source].into_iter().for_each(|path| fs::write(path, "").unwrap());
        let mut watched = BTreeSet::from([source]);
        let stamp = Stamp::of(&component, &watched);
        assert!(stamp.holds(&component, &Recipe::for_tests(false), &watched));
        watched.insert(added);
        assert!(!stamp.holds(&component, &Recipe::for_tests(false), &watched));
    }

    /// Without it, a copy of a stage's folder runs the code of the original, whatever is changed in it (issue 12).
    #[test]
    fn a_stamp_does_not_hold_for_a_copy_of_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let [component, copy] = ["a.wasm", "copy.wasm"].map(|name| folder.path().join(name));
        [&component, &copy].into_iter().for_each(|path| fs::write(path, "wasm").unwrap());
        let stamp = Stamp::of(&component, &BTreeSet::new());
        assert!(stamp.is_current_for(&component) && !stamp.is_current_for(&copy));
    }

    #[test]
    fn an_input_that_changed_while_the_compiler_ran_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let [source, lock] = ["lib.rs", "Cargo.lock"].map(|name| folder.path().join(name));
        let begun = SystemTime::now() - std::time::Duration::from_secs(1);
        fs::write(&lock, "").unwrap();
        assert!(!changed_since(begun, &BTreeSet::from([source.clone(), lock.clone()])), "cargo writes the lock file");
        fs::write(&source, "").unwrap();
        assert!(changed_since(begun, &BTreeSet::from([source, lock])));
    }
}
