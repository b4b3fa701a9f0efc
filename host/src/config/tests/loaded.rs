use std::fs;
use std::path::Path;

use crate::config::{FILE_BYTES_MAX, load};
use crate::error::Error;
use crate::settings::Snippet;

fn refused(path: &Path) -> Error {
    load(path).map(|_| ()).expect_err("the file is bad")
}

#[test]
fn a_file_is_read_and_its_folder_is_where_paths_begin() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("p.toml");
    fs::write(&path, "name = 'p'\n[source]\nkind = 'stdin'\n[sink]\nkind = 'folder'\npath = 'o'\n").expect("written");
    assert_eq!(load(&path).expect("good").state.path, folder.path().join("p.state.db"));
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_the_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = refused(&folder.path().join("no.toml"));
    assert!(missing.to_string().starts_with("cannot read the pipeline file \""), "{missing}");
    assert!(missing.to_string().ends_with("no.toml\""), "{missing}");
    assert_eq!(missing.causes().len(), 1);

    let error = refused(folder.path());
    assert!(error.hints()[0].contains("pipeline.toml"), "{:?}", error.hints());
}

#[test]
fn text_in_another_encoding_is_shown_where_it_begins() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("p.toml");
    fs::write(&path, b"name = 'p'\n# \xc3\xa4 caf\xe9\n").expect("written");
    let error = refused(&path);
    assert!(error.to_string().ends_with("p.toml:2:8: the text is not UTF-8"), "{error}");
    assert_eq!(Snippet::of(&error).map(ToString::to_string).as_deref(), Some("2 | # ä caf\n  |        ^"));
}

#[test]
fn a_file_that_is_too_long_is_not_read_to_its_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("p.toml");
    fs::File::create(&path).and_then(|file| file.set_len(FILE_BYTES_MAX * 1000)).expect("a long file");
    assert!(refused(&path).to_string().ends_with("is longer than 4194304 bytes"));
}
