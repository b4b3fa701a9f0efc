//! Finds the folder of this user's caches.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// `$SANDMILL_CACHE`, else `$XDG_CACHE_HOME/sandmill`, else `~/.cache/sandmill`.
pub fn user_folder() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("SANDMILL_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|folder| folder.join("sandmill")))
        .or_else(|| set("HOME").map(|folder| folder.join(".cache/sandmill")))
}

/// Makes the folder; none when it is a link, or somebody else could write into it.
pub fn private(folder: &Path) -> Option<PathBuf> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).ok()?;
    let metadata = fs::symlink_metadata(folder).ok()?;
    let ours = metadata.is_dir() && metadata.uid() == rustix::process::geteuid().as_raw();
    (ours && metadata.mode() & 0o022 == 0).then(|| folder.to_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_folder_that_is_a_link_or_open_to_others_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let (ours, link) = (folder.path().join("ours"), folder.path().join("link"));
        assert_eq!(private(&ours).as_ref(), Some(&ours));
        symlink("ours", &link).unwrap();
        assert_eq!(private(&link), None);
        fs::set_permissions(&ours, fs::Permissions::from_mode(0o770)).unwrap();
        assert_eq!(private(&ours), None);
    }
}
