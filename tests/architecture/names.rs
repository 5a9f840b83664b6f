//! Names of types and modules.

use std::collections::{BTreeMap, BTreeSet};

use crate::{assert_none, source};

/// Type names that every folder may have for itself.
const SHARED_TYPE_NAMES: [&str; 5] = ["Error", "Metrics", "Params", "Arguments", "Command"];

/// Module names that say nothing. `service` is not one of them: a provider has services.
const EMPTY_NAMES: [&str; 10] = [
    "util", "utils", "common", "manager", "managers", "handler", "handlers", "helper", "helpers",
    "misc",
];

#[test]
fn a_type_name_is_used_once() {
    let mut places: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for source in source::all() {
        for name in &source.types {
            places.entry(&name.text).or_default().push(source.at(name.line));
        }
    }
    places.retain(|name, places| places.len() > 1 && !SHARED_TYPE_NAMES.contains(name));
    let broken: BTreeSet<String> = places
        .into_iter()
        .map(|(name, places)| {
            let (first, others) = places.split_first().unwrap();
            let others = others.join(", ");
            format!("{first}: the type {name} is also defined at {others}")
        })
        .collect();
    assert_none(&broken);
}

#[test]
fn a_module_is_named_by_what_it_is_about() {
    let mut broken = BTreeSet::new();
    for file in source::files("src", "") {
        let stem = file.rsplit_once('.').map_or(file.as_str(), |(stem, _)| stem);
        for name in stem.split('/').filter(|name| EMPTY_NAMES.contains(name)) {
            broken.insert(format!("{file}: the name {name} says nothing"));
        }
    }
    assert_none(&broken);
}
