//! `sandmill new`: creates a stage, or a pipeline with a script.

use crate::build;
use crate::cli::args::NewArguments;
use crate::cli::print;
use crate::cli::render::text::one_line;
use crate::error::Result;
use crate::exit::Exit;

/// Makes the folder of a stage or of a script, and says what to do next.
///
/// # Errors
/// When the name is not one, or the folder is there already.
pub(super) fn new(arguments: &NewArguments, quiet: bool) -> Result<Exit> {
    let NewArguments { name, lang, script, path } = arguments;
    let build::Made { folder, entry } = match script {
        Some(language) => build::new_script(name, language, path)?,
        None => build::new_stage(name, lang, path)?,
    };
    if quiet {
        return Ok(Exit::Ok);
    }
    // `./shout` reads worse than `shout`, and means the same.
    let folder = folder.strip_prefix(".").unwrap_or(&folder);
    let shown = one_line(&folder.display().to_string());
    let entry = one_line(&folder.join(entry).display().to_string());
    print::message(&if script.is_some() {
        format!("created {shown}: edit its script in {entry}\n\nnext:\n  sandmill run {shown}\n")
    } else {
        format!(
            "created {shown}: edit its function in {entry}\n\n\
             next:\n  echo hello | sandmill run {shown}/pipeline.toml\n\n\
             and in a pipeline:\n  [[stage]]\n  name = \"{name}\"\n  component = \"{shown}\"\n"
        )
    });
    Ok(Exit::Ok)
}
