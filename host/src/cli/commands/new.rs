//! `sandmill new`: a stage to begin with.

use crate::build;
use crate::cli::args::NewArguments;
use crate::cli::print;
use crate::cli::render::text::one_line;
use crate::error::Result;
use crate::exit::Exit;

/// Makes a stage folder, and says what to do next.
///
/// # Errors
/// When the name is not one, or the folder is there already.
pub(super) fn new(arguments: &NewArguments, quiet: bool) -> Result<Exit> {
    let build::Made { folder, entry } = build::new_stage(&arguments.name, &arguments.lang, &arguments.path)?;
    if !quiet {
        // `./shout` reads worse than `shout`, and means the same.
        let folder = folder.strip_prefix(".").unwrap_or(&folder);
        let shown = one_line(&folder.display().to_string());
        print::message(&format!(
            "made {shown}: change its function in {}\n\n\
             next:\n  echo hello | sandmill run {shown}/pipeline.toml\n\n\
             and in a pipeline:\n  [[stage]]\n  name = \"{}\"\n  component = \"{shown}\"\n",
            one_line(&folder.join(entry).display().to_string()),
            arguments.name,
        ));
    }
    Ok(Exit::Ok)
}
