//! Where this user's caches lie.

use std::path::PathBuf;

/// `$SANDMILL_CACHE`, else `$XDG_CACHE_HOME/sandmill`, else `~/.cache/sandmill`.
pub(crate) fn user_folder() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("SANDMILL_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|folder| folder.join("sandmill")))
        .or_else(|| set("HOME").map(|folder| folder.join(".cache/sandmill")))
}
