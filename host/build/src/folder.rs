//! The folder of a stage: which language it is in, and where its component belongs.

use std::path::{Path, PathBuf};

use super::kit::Unpacked;
use super::language::{Language, Read};
use super::languages;
use super::settings::{FILE, Settings};
use sandmill_engine::error::{Error, Result};
use sandmill_engine::plan::Suggested;
use sandmill_engine::suggest;

/// A stage's folder, and where its component belongs.
#[derive(Clone, Debug)]
pub(super) struct Stage {
    pub(super) name: String,
    pub(super) folder: PathBuf,
    pub(super) language: &'static dyn Language,
    pub(super) settings: Settings,
    pub(super) component: PathBuf,
    pub(super) stamp_file: PathBuf,
    /// The SDK in the folder, where the stage's sources expect it there.
    pub(super) sdk: Option<Unpacked>,
}

impl Stage {
    /// Looks at `folder`.
    ///
    /// # Errors
    /// When the folder is not a stage.
    pub(super) fn find(folder: &Path) -> Result<Self> {
        if !folder.is_dir() {
            let what = if folder.exists() { "is a file, not the folder of a stage" } else { "is not there" };
            return Err(Error::config(format!("\"{}\" {what}", folder.display()))
                .hint("name the folder that holds the stage's sources"));
        }
        let settings = Settings::read(folder)?;
        let language = language(folder, settings.as_ref())?;
        let settings = settings.unwrap_or_default();
        settings.fit(language, folder)?;
        let Read { name, sdk } = language.read(folder, &settings)?;
        let folder = folder.canonicalize().map_err(|error| unreadable(folder, error))?;
        let outputs = folder.join("target/sandmill");
        let component = outputs.join(format!("{name}.wasm"));
        let stamp_file = outputs.join(format!("{name}.stamp"));
        let sdk = sdk.map(|sdk| sdk.within(&folder));
        Ok(Self { name, folder, language, settings, component, stamp_file, sdk })
    }

    /// What its component suggests: what its language needs, unless its author says otherwise. `None` where that is
    /// nothing.
    ///
    /// # Errors
    /// When the author writes a size or a time that is not one.
    pub(super) fn suggests(&self, toolchain: &str) -> Result<Option<Suggested>> {
        let Suggested { memory, cpu, compile, reuse, warm, .. } = self.language.defaults();
        let own = self.settings.suggested(&self.folder)?;
        let needs = Suggested {
            memory: own.memory.or(memory),
            cpu: own.cpu.or(cpu),
            compile,
            reuse: own.reuse.or(reuse),
            // No image is taken of what has asked the host for something, and a runtime does so when it starts.
            warm: warm.filter(|_| self.settings.reach.is_empty()),
            ..Suggested::default()
        };
        let (language, toolchain) = (Some(self.language.name().to_owned()), Some(toolchain.to_owned()));
        Ok((needs != Suggested::default()).then_some(Suggested { language, toolchain, ..needs }))
    }

    /// Where a build may leave what it needs for the next one.
    pub(super) fn scratch(&self) -> PathBuf {
        self.folder.join("target").join(self.language.name())
    }
}

/// Whether `folder` is one that `sandmill build` would build: it has settings, or the manifest of a language.
#[must_use]
pub fn is_stage(folder: &Path) -> bool {
    folder.join(FILE).is_file() || languages::ALL.iter().any(|language| language.evidence(folder).is_some())
}

fn language(folder: &Path, settings: Option<&Settings>) -> Result<&'static dyn Language> {
    if let Some(name) = settings.and_then(|settings| settings.language.as_deref()) {
        return languages::named(name).ok_or_else(|| unknown(folder, name));
    }
    let shown: Vec<(&'static dyn Language, &str)> = languages::ALL
        .iter()
        .filter_map(|language| language.evidence(folder).map(|evidence| (*language, evidence)))
        .collect();
    match shown.as_slice() {
        [(language, _)] => Ok(*language),
        [] => Err(none(folder, settings.is_some())),
        several => {
            let names: Vec<String> =
                several.iter().map(|(language, file)| format!("{file} ({})", language.title())).collect();
            let error = Error::config(format!(
                "\"{}\" could be a stage in {} languages: it has {}",
                folder.display(),
                several.len(),
                names.join(" and ")
            ));
            Err(error.hint(format!("say which one in {FILE}: {}", alternatives(several.iter().map(|(it, _)| *it)))))
        }
    }
}

fn none(folder: &Path, has_settings: bool) -> Error {
    let folder = folder.display();
    if has_settings {
        return Error::config(format!("\"{folder}\" does not say what language it is in"))
            .hint(format!("write `language = \"…\"` in {FILE}: {}", all_names()));
    }
    Error::config(format!("\"{folder}\" is not a stage: it has neither a {FILE} nor a known manifest"))
        .hint("`sandmill new NAME` creates a stage; to use a component that is already built, name its .wasm file")
}

fn unknown(folder: &Path, name: &str) -> Error {
    let error = Error::config(format!("\"{}\": there is no language \"{name}\"", folder.join(FILE).display()));
    match suggest::hint(name, languages::ALL.iter().map(|language| language.name())) {
        Some(meant) => error.hint(meant),
        None => error.hint(format!("known languages: {}; use `custom` for any other", all_names())),
    }
}

fn all_names() -> String {
    languages::ALL.iter().map(|language| format!("\"{}\"", language.name())).collect::<Vec<_>>().join(", ")
}

fn alternatives(languages: impl Iterator<Item = &'static dyn Language>) -> String {
    languages.map(|language| format!("`language = \"{}\"`", language.name())).collect::<Vec<_>>().join(" or ")
}

/// A file of a stage that cannot be read.
pub(super) fn unreadable(path: &Path, error: std::io::Error) -> Error {
    Error::config(format!("\"{}\" cannot be read", path.display())).caused_by(error)
}
