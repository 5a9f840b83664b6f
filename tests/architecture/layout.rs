//! Files and folders.

use std::collections::{BTreeMap, BTreeSet};

use crate::{assert_none, source};

/// The most lines a file may have.
const MAX_LINES: usize = 400;

/// What the median file has to be shorter than.
const MAX_MEDIAN: usize = 150;

/// The most Rust files side by side.
const MAX_FILES: usize = 14;

#[test]
fn files_are_short() {
    let mut lengths: Vec<(usize, &str)> =
        source::all().iter().map(|source| (source.lines, source.file.as_str())).collect();
    lengths.sort();
    let long = lengths.iter().filter(|(lines, _)| *lines > MAX_LINES);
    assert_none(
        &long
            .map(|(lines, file)| format!("src/{file}: {lines} lines, more than {MAX_LINES}"))
            .collect(),
    );
    let (median, file) = lengths[lengths.len() / 2];
    assert!(
        median < MAX_MEDIAN,
        "the median is {median} lines (src/{file}), not below {MAX_MEDIAN}"
    );
}

#[test]
fn the_layout_is_mod_rs() {
    let files = source::files("src", "");
    let beside = |file: &str| file.strip_suffix(".rs").map(|stem| format!("{stem}/"));
    let broken: BTreeSet<String> = files
        .iter()
        .filter_map(|file| Some((file, beside(file)?)))
        .filter(|(_, folder)| files.iter().any(|file| file.starts_with(folder)))
        .map(|(file, folder)| format!("{file}: it belongs in {folder}mod.rs"))
        .collect();
    assert_none(&broken);
}

#[test]
fn a_folder_has_at_most_14_files() {
    let mut folders: BTreeMap<String, usize> = BTreeMap::new();
    for file in source::files("src", "rs") {
        let (folder, _) = file.rsplit_once('/').unwrap();
        *folders.entry(folder.to_owned()).or_default() += 1;
    }
    let broken: BTreeSet<String> = folders
        .into_iter()
        .filter(|(_, count)| *count > MAX_FILES)
        .map(|(folder, count)| {
            format!("{folder}: {count} Rust files side by side, more than {MAX_FILES}")
        })
        .collect();
    assert_none(&broken);
}
