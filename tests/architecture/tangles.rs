//! Files that import each other.

use std::collections::{BTreeMap, BTreeSet};

use crate::modules::{self, Imports, Tree};
use crate::{assert_none, source};

#[test]
fn no_two_files_import_each_other() {
    let imports = modules::production().imports();
    let tangles = tangles(&imports);
    assert_none(&tangles.iter().map(|tangle| describe(tangle, &imports)).collect());
}

/// The files of a tangle, and what each imports from which.
fn describe(tangle: &[&str], imports: &Imports) -> String {
    let mut lines = vec![format!("{} files import each other:", tangle.len())];
    for file in tangle {
        for (from, names) in imports[file].iter().filter(|(from, _)| tangle.contains(from)) {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            lines.push(format!("  src/{file}: imports {} from {from}", names.join(", ")));
        }
    }
    lines.join("\n")
}

/// The groups of files that import each other, directly or by way of others.
fn tangles<'a>(imports: &Imports<'a>) -> Vec<Vec<&'a str>> {
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        imports.keys().map(|file| (*file, reached(file, imports))).collect();
    let each_other = |a: &str, b: &str| reached[a].contains(b) && reached[b].contains(a);
    let mut tangles: Vec<Vec<&'a str>> = Vec::new();
    for file in imports.keys().filter(|file| each_other(file, file)) {
        match tangles.iter_mut().find(|tangle| each_other(tangle[0], file)) {
            Some(tangle) => tangle.push(file),
            None => tangles.push(vec![file]),
        }
    }
    tangles
}

/// Every file that a file imports, directly or by way of others.
fn reached<'a>(file: &'a str, imports: &Imports<'a>) -> BTreeSet<&'a str> {
    let (mut seen, mut next) = (BTreeSet::new(), vec![file]);
    while let Some(file) = next.pop() {
        let from = imports.get(file).into_iter().flat_map(BTreeMap::keys);
        next.extend(from.filter(|file| seen.insert(**file)));
    }
    seen
}

#[test]
fn imports_are_seen_however_they_are_written() {
    let files = [
        ("lib.rs", "pub mod shop; #[cfg(test)] mod tests;"),
        (
            "shop/mod.rs",
            "mod desk; mod till; pub use desk::Desk; pub use till::*; pub const OPEN: u8 = 9;",
        ),
        (
            "shop/desk.rs",
            "pub struct Desk; impl Desk { fn pay() { println!(\"{}\", super::till::sum()) } }",
        ),
        ("shop/till.rs", "use crate::shop; pub fn sum() -> u8 { let _: shop::Desk; shop::OPEN }"),
        ("tests.rs", "use crate::shop::{Desk, sum};"),
    ];
    let sources = source::parsed(&files);
    let production = sources.iter().filter(|source| !source.test);
    let imports = Tree::new(production).imports();
    let seen: Vec<(&str, &str, String)> = imports
        .iter()
        .flat_map(|(file, from)| {
            from.iter().map(|(from, names)| (*file, *from, format!("{names:?}")))
        })
        .collect();
    let expected = [
        ("shop/desk.rs", "shop/till.rs", r#"{"sum"}"#),
        ("shop/till.rs", "shop/desk.rs", r#"{"Desk"}"#),
        ("shop/till.rs", "shop/mod.rs", r#"{"OPEN"}"#),
    ];
    assert_eq!(seen, expected.map(|(file, from, names)| (file, from, names.to_owned())));
    assert_eq!(tangles(&imports), [["shop/desk.rs", "shop/till.rs"]]);
}
