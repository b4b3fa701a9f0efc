//! What a stage runs: a component, or a script in the pipeline file or in a file of its own.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::json;
use super::keys;
use super::pipeline::Setting;
use crate::kept;
use crate::plan::{Code, Script, Show};
use crate::settings::Table;
use crate::settings::Value;
use crate::settings::{Fault, Key};

/// Longest script, bytes. Arbitrary, as of the pipeline file.
const SCRIPT_BYTES_MAX: u64 = 4 << 20;
/// The keys of which a stage has one.
const KINDS: [&str; 3] = ["component", "jq", "script"];
/// The languages of a `script`, and what runs it. The first is the default.
const LANGUAGES: [(&str, &str); 2] = [("javascript", "std:script-javascript"), ("python", "std:script-python")];

/// What runs `jq`.
const JQ: Interpreter = Interpreter { component: "std:jq", key: "filter" };

/// A component that runs scripts, and the key of its configuration under which it finds one.
struct Interpreter {
    component: &'static str,
    key: &'static str,
}

/// What a stage runs.
pub(super) struct Work {
    pub(super) code: Code,
    pub(super) config: String,
    pub(super) script: Option<Script>,
    /// Whether it certainly gives no results at its end, whatever its component says.
    pub(super) holds_nothing: bool,
}

/// A script's text, and where it stands.
struct Text<'a> {
    text: String,
    /// The file of its own, if it has one.
    file: Option<PathBuf>,
    /// What else is said of it.
    options: Option<Table<'a>>,
    span: Range<usize>,
}

/// Reads what a stage runs.
pub(super) fn work(section: &Table<'_>, setting: &Setting<'_>) -> Result<Work, Fault> {
    let folder = setting.folder;
    let kinds: Vec<Value<'_>> = KINDS.iter().filter_map(|kind| section.get(kind)).collect();
    if let [_, second, ..] = kinds.as_slice() {
        let message = format!("{}: a stage has one of \"component\", \"jq\" and \"script\"", second.what);
        return Err(Fault::at(second.span.clone(), message).hint("split it into two stages"));
    }
    if let Some(language) = section.get("language") {
        language.choice(&LANGUAGES)?;
        if section.get("script").is_none() {
            return Err(language.fault("is only for a stage that has a \"script\""));
        }
    }
    if let (Some(command), false) = (section.get("command"), section.get("component").is_some() || kinds.is_empty()) {
        return Err(command.fault("is only for a \"component\" that is a program which reads lines and writes lines"));
    }
    if let Some(value) = section.get("jq") {
        let text = text(&value, folder, keys::JQ)?;
        return scripted(section, setting, text, &JQ);
    }
    if let Some(value) = section.get("script") {
        let text = text(&value, folder, keys::SCRIPT)?;
        let component = section.get("language").map_or(Ok(LANGUAGES[0].1), |language| language.choice(&LANGUAGES))?;
        return scripted(section, setting, text, &Interpreter { component, key: "script" });
    }
    let component = component(&section.require("component")?, folder)?;
    let (config, script) = (json::config(section)?, None);
    Ok(Work { code: Code::Component(component), config, script, holds_nothing: false })
}

/// A path, or the name of a component that travels inside the program.
fn component(value: &Value<'_>, folder: &Path) -> Result<PathBuf, Fault> {
    let text = value.path_text()?;
    let Some(name) = text.strip_prefix(kept::PREFIX) else { return value.path(folder) };
    kept::known(name).map_err(|hint| value.fault(&format!("there is no component {text:?}")).hint(hint))?;
    Ok(PathBuf::from(text))
}

/// `"…"`, `{ file = "…" }` or `{ code = "…" }`.
fn text<'a>(value: &Value<'a>, folder: &Path, known: &[Key]) -> Result<Text<'a>, Fault> {
    if !value.value.is_table() {
        let text = value.text()?.to_owned();
        return Ok(Text { text, file: None, options: None, span: value.span.clone() });
    }
    let table = value.table()?;
    table.refuse_unknown(known)?;
    let (file, code) = (table.get("file"), table.get("code").filter(|_| Key::names(known).contains(&"code")));
    match (file, code) {
        (Some(_), Some(code)) => Err(code.fault("write the script here or name a file, not both")),
        (None, Some(code)) => {
            Ok(Text { text: code.text()?.to_owned(), file: None, options: Some(table), span: code.span })
        }
        (None, None) => Err(table.missing("file")),
        (Some(file), None) => {
            let path = file.path(folder)?;
            let text = read(&path).map_err(|why| file.fault(&format!("{:?} {why}", path.display())))?;
            Ok(Text { text, file: Some(path), options: Some(table), span: file.span })
        }
    }
}

fn read(path: &Path) -> Result<String, String> {
    let length = fs::metadata(path).map_err(|error| format!("cannot be read: {error}"))?.len();
    if length > SCRIPT_BYTES_MAX {
        return Err(format!("is longer than {SCRIPT_BYTES_MAX} bytes"));
    }
    fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"))
}

/// A stage that runs a script: the stage's own `config` is what the script finds in its arguments.
fn scripted(
    section: &Table<'_>,
    setting: &Setting<'_>,
    text: Text<'_>,
    interpreter: &Interpreter,
) -> Result<Work, Fault> {
    let mut config = Map::new();
    let holds_nothing = !text.text.contains("flush");
    let name = text.file.as_ref().and_then(|file| file.file_name()).map(|name| name.to_string_lossy().into_owned());
    if let Some(name) = &name {
        config.insert("file".to_owned(), name.as_str().into());
    }
    if let Some(input) = text.options.as_ref().and_then(|options| options.get("input")) {
        let inputs = [("json", "json"), ("text", "text"), ("bytes", "bytes")];
        config.insert("input".to_owned(), input.choice(&inputs)?.into());
    }
    config.insert("arguments".to_owned(), json::config_value(section)?);
    config.insert(interpreter.key.to_owned(), text.text.as_str().into());
    let path = text.file.clone();
    let script = Script { file: name.unwrap_or_default(), path, show: show(section, setting, text) };
    let config = Json::Object(config).to_string();
    Ok(Work { code: Code::Component(interpreter.component.into()), config, script: Some(script), holds_nothing })
}

/// Maps a place in the script to a place in the file that contains it.
fn show(section: &Table<'_>, setting: &Setting<'_>, text: Text<'_>) -> Arc<Show> {
    let Text { text, file: own, span, .. } = text;
    let (pipeline, whole): (PathBuf, Arc<str>) = (setting.file.to_owned(), setting.text.into());
    let label = section.label.clone();
    Arc::new(move |line, column, what| match &own {
        Some(path) => {
            let at = offset(&text, line, column);
            Fault::at(at..at, format!("{label}: {what}")).in_file(path, &text)
        }
        None => {
            let characters = text.get(..offset(&text, line, column)).unwrap_or_default().chars().count();
            let at = span.start + behind(whole.get(span.clone()).unwrap_or_default(), characters);
            Fault::at(at..at, format!("{label}: {what}")).in_file(&pipeline, &whole)
        }
    })
}

/// Where a line and a column of a text are, in bytes.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let rest = text.get(start..).unwrap_or_default();
    let line = rest.lines().next().unwrap_or_default();
    start + line.char_indices().nth(column.saturating_sub(1)).map_or(line.len(), |(at, _)| at)
}

/// Where a string of TOML, as it is written, has yielded this many characters, in bytes.
fn behind(written: &str, characters: usize) -> usize {
    let quote = written.chars().next().unwrap_or('"');
    let long = quote.to_string().repeat(3);
    let mut at = if written.starts_with(&long) { 3 } else { 1 };
    if at == 3 {
        let rest = written.get(at..).unwrap_or_default();
        at += if rest.starts_with("\r\n") { 2 } else { usize::from(rest.starts_with('\n')) };
    }
    for _ in 0..characters {
        at = beyond(written, at, quote == '"');
    }
    at
}

/// Where the character at `at` ends, which may be written as an escape.
fn beyond(written: &str, at: usize, has_escapes: bool) -> usize {
    let rest = written.get(at..).unwrap_or_default();
    let mut characters = rest.chars();
    let Some(first) = characters.next() else { return at };
    if first != '\\' || !has_escapes {
        return at + first.len_utf8();
    }
    match characters.next() {
        Some('x') => at + 4,
        Some('u') => at + 6,
        Some('U') => at + 10,
        // At the end of a line: the white space up to the next character is not part of the text.
        Some(space) if space.is_whitespace() => {
            let skipped = rest.get(1..).unwrap_or_default();
            beyond(written, at + 1 + skipped.len() - skipped.trim_start().len(), has_escapes)
        }
        Some(_) | None => at + 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands where the text's character `number` is written.
    fn at(written: &str, number: usize) -> &str {
        &written[behind(written, number)..]
    }

    #[test]
    fn a_place_of_a_text_is_found_in_what_is_written() {
        assert_eq!(at("'ab'", 1), "b'");
        assert_eq!(at(r#""a\"b""#, 2), r#"b""#);
        assert_eq!(at(r#""\u00e9\tb""#, 2), r#"b""#);
        assert_eq!(at("\"\"\"\na\\\n   b\nc\"\"\"", 1), "\\\n   b\nc\"\"\"");
        assert_eq!(at("\"\"\"\na\\\n   b\nc\"\"\"", 2), "\nc\"\"\"");
        assert_eq!(at("'''\na\\\nb'''", 3), "b'''");
        assert_eq!(behind("'ab'", 99), 4);
    }

    #[test]
    fn lines_and_columns_are_counted_from_one_and_in_characters() {
        let text = "ab\n\u{fc}x\n";
        assert_eq!([offset(text, 1, 1), offset(text, 2, 2), offset(text, 2, 9), offset(text, 9, 9)], [0, 5, 6, 7]);
    }
}
