//! What each folder may import.

use std::collections::BTreeSet;

use crate::assert_none;
use crate::modules::{self, Target};
use crate::source;

/// What each folder may import, besides its own modules.
const IMPORTS: [(&str, &[&str]); 13] = [
    ("job", &[]),
    ("error_chain", &[]),
    ("secret", &[]),
    ("clock", &[]),
    ("cloud", &["job", "secret", "telemetry", "clock"]),
    ("broker", &["job", "secret", "error_chain"]),
    ("ledger", &["job", "secret"]),
    ("worker", &["cloud", "broker", "ledger", "job", "telemetry", "error_chain", "clock"]),
    ("admin", &["worker", "broker", "ledger"]),
    ("simulator", &["cloud", "job", "secret"]),
    // From folders that act only settings types: see `SETTINGS`.
    ("config", &["cloud", "broker", "ledger", "job", "secret"]),
    ("telemetry", &["job"]),
    (
        "app",
        &["admin", "worker", "cloud", "broker", "ledger", "job", "config", "telemetry", "clock"],
    ),
];

/// What `config` may import from folders that act.
const SETTINGS: [&str; 5] = [
    "broker::settings",
    "cloud::account",
    "cloud::http",
    "cloud::service",
    "ledger::postgres::PostgresSettings",
];

/// Crates, and the file or folder where each may be named.
const CRATES: [(&str, &[&str]); 8] = [
    ("reqwest", &["cloud/http"]),
    ("lapin", &["broker"]),
    ("rusqlite", &["ledger/sqlite"]),
    ("tokio_postgres", &["ledger/postgres"]),
    ("deadpool_postgres", &["ledger/postgres"]),
    ("backoff", &["job/backoff.rs"]),
    ("opentelemetry", &["telemetry"]),
    ("anyhow", &["main.rs", "app.rs", "cli"]),
];

/// What `job` must not use: input and output, clocks and chance.
const NOT_IN_JOB: [&str; 14] = [
    "tokio",
    "lapin",
    "reqwest",
    "rusqlite",
    "rand",
    "std::fs",
    "std::env",
    "std::net",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "jiff::Timestamp::now",
    "jiff::Zoned::now",
];

/// Whether a path is `above`, or goes on from it.
fn starts_with(path: &[String], above: &str) -> bool {
    let above: Vec<&str> = above.split("::").collect();
    path.len() >= above.len() && above.iter().zip(path).all(|(a, b)| a == b)
}

#[test]
fn imports_go_in_one_direction() {
    let mut broken = BTreeSet::new();
    for source in source::production() {
        let folder = source.folder();
        let Some((_, allowed)) = IMPORTS.iter().find(|(name, _)| *name == folder) else {
            assert!(matches!(folder, "main" | "lib" | "cli"), "{folder} has no rule for imports");
            continue;
        };
        for (line, path) in source.own_paths() {
            let root = path[0].as_str();
            if root != folder && !allowed.contains(&root) {
                broken.insert(format!("{}: {folder} must not import {root}", source.at(line)));
            }
        }
    }
    assert_none(&broken);
}

#[test]
fn config_imports_settings_types_only() {
    let mut broken = BTreeSet::new();
    for source in source::production().filter(|source| source.folder() == "config") {
        for (line, path) in source.own_paths() {
            let acts = ["broker", "cloud", "ledger"].contains(&path[0].as_str());
            if acts && !SETTINGS.iter().any(|settings| starts_with(&path, settings)) {
                let (place, path) = (source.at(line), path.join("::"));
                broken.insert(format!("{place}: config must not import {path}, only settings"));
            }
        }
    }
    assert_none(&broken);
}

#[test]
fn main_imports_cli_only() {
    let main = source::production().find(|source| source.file == "main.rs").unwrap();
    let imports: Vec<_> = main.own_paths().collect();
    assert!(!imports.is_empty(), "src/main.rs: it imports nothing of this crate");
    let others = imports.iter().filter(|(_, path)| path[0] != "cli");
    assert_none(
        &others
            .map(|(line, path)| format!("{}: main must not import {}", main.at(*line), path[0]))
            .collect(),
    );
}

#[test]
fn a_crate_is_named_where_it_belongs() {
    let tree = modules::production();
    let mut broken = BTreeSet::new();
    for source in source::production() {
        for (module, line, path) in source.paths() {
            let Some((name, places)) = CRATES.iter().find(|(name, _)| *name == path[0]) else {
                continue;
            };
            let foreign = |target: &Target| matches!(target, Target::Foreign(_));
            if !source.is_within(places) && tree.resolve(&module, path).iter().any(foreign) {
                let (place, belongs) = (source.at(line), places.join(", "));
                broken.insert(format!("{place}: {name} belongs in {belongs}"));
            }
        }
    }
    assert_none(&broken);
}

#[test]
fn job_uses_no_clock_no_chance_and_no_io() {
    let tree = modules::production();
    let mut broken = BTreeSet::new();
    for source in source::production().filter(|source| source.folder() == "job") {
        for (module, line, path) in source.paths() {
            for target in tree.resolve(&module, path) {
                let Target::Foreign(path) = target else { continue };
                for name in NOT_IN_JOB.iter().filter(|name| starts_with(&path, name)) {
                    broken.insert(format!("{}: job must not use {name}", source.at(line)));
                }
            }
        }
    }
    assert_none(&broken);
}

#[test]
fn every_import_is_found() {
    let tree = modules::production();
    let mut broken = BTreeSet::new();
    for source in source::production() {
        for (module, line, path) in source.paths() {
            if tree.resolve(&module, path).is_empty() {
                let (place, path) = (source.at(line), path.join("::"));
                broken.insert(format!("{place}: modules.rs finds no {path}"));
            }
        }
    }
    assert_none(&broken);
}
