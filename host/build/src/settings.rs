//! Reads `sandmill.toml`: the settings in a stage's folder.

use std::fs;
use std::path::{Path, PathBuf};

use bytesize::ByteSize;
use serde::Deserialize;

use super::folder::unreadable;
use super::language::Language;
use sandmill_engine::error::{Error, Result};
use sandmill_engine::plan::{Reuse, Suggested};

/// The file's name.
pub(super) const FILE: &str = "sandmill.toml";

/// What the file says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Settings {
    /// The language of the stage.
    pub(super) language: Option<String>,
    /// The name of the component. Default: what the language's manifest says, else the folder's name.
    pub(super) name: Option<String>,
    /// The file with the function. Default: the language's own.
    pub(super) entry: Option<PathBuf>,
    /// What the component exports.
    #[serde(default)]
    pub(super) world: World,
    /// What the sources call of the system. The pipeline file must still grant it.
    #[serde(default)]
    pub(super) reach: Vec<Reach>,
    /// What instances need when the pipeline file says nothing.
    #[serde(default)]
    limits: Limits,
    /// How long an instance should live when the pipeline file says nothing.
    reuse: Option<Reuse>,
    /// `custom` only: the command that builds the module.
    #[serde(default)]
    pub(super) build: Vec<String>,
    /// `custom` only: the module or component that the command leaves.
    pub(super) output: Option<PathBuf>,
    /// `custom` only: globs of the files that the module is made of. Default: all files of the folder.
    #[serde(default)]
    pub(super) inputs: Vec<String>,
}

/// A world of the stage interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum World {
    /// Turns batches into batches.
    #[default]
    Stage,
    /// Makes records.
    RecordSource,
}

impl World {
    /// Whether it makes records.
    pub(super) fn is_source(self) -> bool {
        self == Self::RecordSource
    }

    /// As the interface names it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Stage => "stage",
            Self::RecordSource => "record-source",
        }
    }
}

/// A part of the system that a language's runtime can be built with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Reach {
    /// Clocks.
    Time,
    /// Files and folders.
    Files,
    /// Environment variables.
    Env,
    /// Random numbers.
    Random,
}

impl Reach {
    /// All parts.
    pub(super) const ALL: &'static [Self] = &[Self::Time, Self::Files, Self::Env, Self::Random];

    /// As the settings name it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Files => "files",
            Self::Env => "env",
            Self::Random => "random",
        }
    }
}

/// Limits that the author suggests, as a pipeline file writes them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limits {
    memory: Option<String>,
    cpu: Option<String>,
}

impl Settings {
    /// The settings in `folder`, if it has any.
    ///
    /// # Errors
    /// When the file cannot be read, or says what nobody understands: with its line.
    pub(super) fn read(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(&path, error)),
        };
        toml::from_str(&text).map(Some).map_err(|error| {
            Error::config(format!("\"{}\" is not valid", path.display())).caused_by(error.to_string().trim_end())
        })
    }

    /// Refuses what would do nothing in this language.
    ///
    /// # Errors
    /// When there is something of that kind.
    pub(super) fn fit(&self, language: &dyn Language, folder: &Path) -> Result<()> {
        let file = folder.join(FILE);
        let refused = |what: &str| {
            Error::config(format!("\"{}\": {what} cannot be used for stages in {}", file.display(), language.title()))
        };
        let has_command = !self.build.is_empty() || self.output.is_some() || !self.inputs.is_empty();
        if has_command && !language.has_command() {
            return Err(refused("a command (`build`, `output`, `inputs`)").hint("only `language = \"custom\"` has it"));
        }
        let Some(reach) = self.reach.iter().find(|reach| !language.reaches().contains(reach)) else { return Ok(()) };
        let error = refused(&format!("`reach = [\"{}\"]`", reach.name()));
        let possible: Vec<String> = language.reaches().iter().map(|it| format!("\"{}\"", it.name())).collect();
        Err(if possible.is_empty() {
            error.hint("the README of its SDK says what such a stage can reach")
        } else {
            error.hint(format!("it may be {}", possible.join(", ")))
        })
    }

    /// What the author suggests for every pipeline that runs the stage.
    ///
    /// # Errors
    /// When a size or a time is not one.
    pub(super) fn suggested(&self, folder: &Path) -> Result<Suggested> {
        let wrong = |key: &str, value: &str, example: &str| {
            Error::config(format!("\"{}\": `limits.{key}` is {value:?}", folder.join(FILE).display()))
                .hint(format!("write it as {example}"))
        };
        let memory = |text: &String| {
            text.parse::<ByteSize>().map(|size| size.0).map_err(|_| wrong("memory", text, "\"128MiB\""))
        };
        let cpu = |text: &String| humantime::parse_duration(text).map_err(|_| wrong("cpu", text, "\"500ms\""));
        Ok(Suggested {
            memory: self.limits.memory.as_ref().map(memory).transpose()?,
            cpu: self.limits.cpu.as_ref().map(cpu).transpose()?,
            reuse: self.reuse,
            ..Suggested::default()
        })
    }

    /// The entry, or the language's own. It must lie in the stage's folder.
    ///
    /// # Errors
    /// When there is no such file.
    pub(super) fn entry(&self, folder: &Path, default: &str) -> Result<PathBuf> {
        let entry = self.entry.clone().unwrap_or_else(|| PathBuf::from(default));
        let file = folder.join(&entry);
        if file.is_file() {
            return Ok(entry);
        }
        let error = Error::config(format!("there is no file \"{}\"", file.display()));
        Err(match &self.entry {
            Some(_) => error.hint(format!("`entry` in {FILE} names it")),
            None => error.hint(format!(
                "the stage's function belongs in {default}; or name another file: `entry = \"…\"` in {FILE}"
            )),
        })
    }

    /// The name that the settings give, else that of the folder.
    ///
    /// # Errors
    /// When it cannot be the name of a file.
    pub(super) fn name(&self, folder: &Path) -> Result<String> {
        let name = match &self.name {
            Some(name) => name.clone(),
            None => {
                let folder = folder.canonicalize().map_err(|error| unreadable(folder, error))?;
                folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
            }
        };
        let is_plain = !name.is_empty() && name.len() <= 64 && !name.starts_with('.');
        if is_plain && name.chars().all(|c| c.is_alphanumeric() || "-_. ".contains(c)) {
            return Ok(name);
        }
        Err(Error::config(format!("{name:?} cannot be the name of a stage"))
            .hint(format!("give it one of at most 64 letters, digits, - and _: `name = \"…\"` in {FILE}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Settings> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), text).unwrap();
        Settings::read(folder.path()).map(Option::unwrap)
    }

    #[test]
    fn a_key_that_nobody_knows_is_refused_with_its_line() {
        let error = read("language = \"go\"\nentri = \"main.go\"\n").unwrap_err();
        assert!(error.to_string().contains("sandmill.toml\" is not valid"), "{error}");
        assert!(error.causes()[0].contains("line 2") && error.causes()[0].contains("entri"), "{:?}", error.causes());
    }

    #[test]
    fn settings_are_read() {
        let settings =
            read("language = \"c\"\nreach = [\"time\"]\nreuse = \"worker\"\n[limits]\nmemory = \"1MiB\"\n").unwrap();
        assert_eq!((settings.language.as_deref(), settings.reuse), (Some("c"), Some(Reuse::Worker)));
        assert_eq!((settings.world.name(), &settings.reach[..]), ("stage", &[Reach::Time][..]));
    }

    #[test]
    fn limits_are_suggested_as_a_pipeline_file_writes_them() {
        let here = Path::new("stage");
        let suggested = |text: &str| read(text).unwrap().suggested(here);
        let limits = suggested("reuse = \"record\"\n[limits]\nmemory = \"1MiB\"\ncpu = \"2s\"\n").unwrap();
        assert_eq!((limits.memory, limits.cpu.map(|cpu| cpu.as_secs())), (Some(1 << 20), Some(2)));
        let error = suggested("[limits]\ncpu = \"fast\"\n").unwrap_err();
        assert_eq!(error.to_string(), "\"stage/sandmill.toml\": `limits.cpu` is \"fast\"");
    }

    /// They were read, and nothing came of them.
    #[test]
    fn what_would_do_nothing_in_a_language_is_refused() {
        let fit = |text: &str| {
            let settings = read(text).unwrap();
            let language = crate::languages::named(settings.language.as_deref().unwrap()).unwrap();
            settings.fit(language, Path::new("s")).map_err(|error| (error.to_string(), error.hints().join(" ")))
        };
        let (why, hint) = fit("language = \"javascript\"\nreach = [\"time\", \"files\"]\n").unwrap_err();
        assert_eq!(why, "\"s/sandmill.toml\": `reach = [\"files\"]` cannot be used for stages in JavaScript");
        assert_eq!(hint, "it may be \"time\", \"random\"");
        assert!(fit("language = \"rust\"\nreach = [\"time\"]\n").is_err());
        assert!(fit("language = \"go\"\nreach = [\"time\"]\n").is_ok());
        assert!(fit("language = \"zig\"\nbuild = [\"make\"]\n").unwrap_err().0.contains("a command"));
        assert!(fit("language = \"python\"\nreach = [\"env\", \"files\"]\n").is_ok());
        assert!(fit("language = \"custom\"\nbuild = [\"make\"]\noutput = \"a.wasm\"\n").is_ok());
    }

    #[test]
    fn a_folder_without_the_file_has_none() {
        assert_eq!(Settings::read(tempfile::tempdir().unwrap().path()).unwrap(), None);
    }
}
