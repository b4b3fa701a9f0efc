//! The linker's settings, and an index of the library's definitions.

use std::env;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// Where definitions are, in the order in which they see each other: each may call itself and those before it. The first
/// three are copies of what the crates of the language keep to themselves.
const LIBRARY: [&str; 4] = ["core", "std", "json", "stage"];

/// What begins a definition, at the beginning of a line.
const BEGIN: &str = "def ";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/library");
    if env::var("TARGET").is_ok_and(|target| target.starts_with("wasm32")) {
        // A deeper stack than other stages have: this one reads values in values in values, and runs what others wrote.
        println!("cargo::rustc-link-arg=-zstack-size=1048576");
    }
    let mut index = String::from("[\n");
    for file in LIBRARY {
        let text = fs::read_to_string(format!("src/library/{file}.jq"))?;
        for definition in definitions(&text) {
            let names: Vec<&str> = names(&definition).collect();
            let name = names.first().ok_or("a definition without a name")?;
            writeln!(index, "Definition {{ name: {name:?}, text: {definition:?}, names: &{names:?} }},")?;
        }
    }
    index.push(']');
    fs::write(Path::new(&env::var("OUT_DIR")?).join("library.rs"), index)?;
    Ok(())
}

/// The definitions of a file, without its comments.
fn definitions(text: &str) -> Vec<String> {
    let mut definitions: Vec<String> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        match definitions.last_mut() {
            Some(definition) if !line.starts_with(BEGIN) => definition.push_str(line),
            _ => definitions.push(line.to_owned()),
        }
        if let Some(definition) = definitions.last_mut() {
            definition.push('\n');
        }
    }
    definitions
}

/// The words of a definition that may be names, its own first.
fn names(definition: &str) -> impl Iterator<Item = &str> {
    let words = definition.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '@')));
    words.filter(|word| !word.is_empty() && *word != BEGIN.trim_end())
}
