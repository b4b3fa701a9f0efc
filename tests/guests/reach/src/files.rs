//! Verbs for the grants `read` and `write`.
//!
//! | verb | does |
//! |---|---|
//! | `read PATH`, `list PATH`, `exists PATH` | gives what is there |
//! | `write PATH TEXT`, `append PATH TEXT`, `mkdir PATH`, `remove PATH` | changes it |
//! | `folders` | gives the names of the granted folders |
//! | `symlink FOLDER TARGET NAME`, `hard-link …`, `rename …` | in a granted folder, as the host is asked, without a look |
//! | `storm PATH N` | asks so many times whether there is such a file |

use sandmill_stage::{Failure, files};

use crate::{Answer, number, said, told, two};

/// See above.
pub fn verbs(verb: &str, rest: &str) -> Answer {
    let (path, text) = two(rest);
    Some(match verb {
        "read" => told(files::read_text(path).map(|text| text.trim_end().to_owned())),
        "list" => told(files::list(path).map(|names| names.join(" "))),
        "exists" => told(files::exists(path).map(|is_there| is_there.to_string())),
        "write" => told(files::write(path, text).map(|()| "written")),
        "append" => told(files::append(path, text).map(|()| "written")),
        "mkdir" => told(files::create_folder(path).map(|()| "made")),
        "remove" => told(files::remove(path).map(|()| "removed")),
        "storm" => number(text).and_then(|calls| storm(path, calls)),
        #[cfg(target_arch = "wasm32")]
        "folders" | "symlink" | "hard-link" | "rename" => raw::verbs(verb, path, text),
        _ => return None,
    })
}

fn storm(path: &str, calls: usize) -> Result<Vec<String>, Failure> {
    let found = (0..calls).filter(|_| files::exists(path) == Ok(true)).count();
    said(format!("found it {found} times"))
}

#[cfg(target_arch = "wasm32")]
mod raw {
    use sandmill_stage::Failure;

    use crate::raw::wasi::filesystem::preopens::get_directories;
    use crate::raw::wasi::filesystem::types::PathFlags;
    use crate::{said, told, two};

    pub(super) fn verbs(verb: &str, folder: &str, names: &str) -> Result<Vec<String>, Failure> {
        let folders = get_directories();
        if verb == "folders" {
            return said(folders.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>().join(" "));
        }
        let Some((at, _)) = folders.iter().find(|(_, name)| name == folder) else {
            return said(format!("error: no folder \"{folder}\""));
        };
        let (from, to) = two(names);
        let done = match verb {
            "symlink" => at.symlink_at(from, to),
            "hard-link" => at.link_at(PathFlags::empty(), from, at, to),
            _ => at.rename_at(from, at, to),
        };
        told(done.map(|()| "done").map_err(|code| code.name()))
    }
}
