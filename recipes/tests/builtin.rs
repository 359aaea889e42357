//! The recipes that come with the binary load, and are the files of their folders.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests stop at the first surprise")]

use std::collections::BTreeSet;
use std::path::Path;

use deed_recipes::{FILE_NAME, builtin, load, load_builtin, platforms};

#[test]
fn every_built_in_recipe_is_without_error_and_is_its_folders() {
    for platform in platforms() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(platform);
        let from_binary = load_builtin(platform).unwrap_or_else(|error| panic!("{error}"));
        let from_folder = load(&folder).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(from_binary, from_folder, "a baseline of {platform} is not named in src/builtin.rs");
        assert_eq!(from_binary.platform, platform);
    }
}

#[test]
fn every_folder_with_a_recipe_is_built_in() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders: BTreeSet<String> = std::fs::read_dir(here)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().join(FILE_NAME).is_file())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    assert_eq!(folders, platforms().map(str::to_owned).collect());
    assert!(builtin("nowhere").is_none());
    let error = load_builtin("nowhere").unwrap_err();
    assert_eq!(error.code(), "recipe-not-built-in");
    assert!(error.to_string().contains("practice"), "{error}");
}
