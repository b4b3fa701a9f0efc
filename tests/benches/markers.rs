//! Parts of pages that the benches write: what stands between `<!-- NAME: written by … -->` and `<!-- end -->`.

use std::fmt::{Result as Written, Write};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

const END: &str = "<!-- end -->";

/// Writes a part with its markers.
pub(crate) fn around(name: &str, page: &mut String, part: impl FnOnce(&mut String) -> Written) -> Written {
    writeln!(page, "{}", begin(name))?;
    part(page)?;
    writeln!(page, "{END}\n")
}

/// The part of a page.
pub(crate) fn between<'a>(page: &'a str, name: &str) -> Result<&'a str> {
    let (_, rest) = page.split_once(&begin(name)).with_context(|| format!("no part \"{name}\""))?;
    let (part, _) = rest.split_once(END).with_context(|| format!("the part \"{name}\" does not end"))?;
    Ok(part.trim_matches('\n'))
}

/// Puts another part in its place.
pub(crate) fn replace(path: &Path, name: &str, part: &str) -> Result<()> {
    let page = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    let old = between(&page, name).with_context(|| path.display().to_string())?;
    let (before, _) = page.split_once(&begin(name)).unwrap_or_default();
    let (_, after) = page.split_once(&begin(name)).unwrap_or_default();
    let (_, after) = after.split_at(after.find(END).unwrap_or(old.len()));
    Ok(fs::write(path, format!("{before}{}\n{}\n{after}", begin(name), part.trim_matches('\n')))?)
}

fn begin(name: &str) -> String {
    format!("<!-- {name}: written by `make bench` -->")
}
