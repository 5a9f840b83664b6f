//! What the folders of `src/` promise each other, held against the sources themselves. Tests may
//! look wherever they like; everything else keeps to these rules.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use ticketd::cloud::operations;

#[path = "architecture/source.rs"]
mod source;

use source::Source;

/// The most lines a file may have.
const LONGEST: usize = 400;

/// What the median file has to be shorter than.
const MEDIAN: usize = 150;

/// Whom each folder may know. Names of a folder's own modules are always allowed.
const IMPORTS: [(&str, &[&str]); 12] = [
    ("job", &[]),
    ("secret", &[]),
    ("error_chain", &[]),
    ("cloud", &["job", "secret", "telemetry"]),
    ("broker", &["job", "secret", "error_chain"]),
    ("ledger", &["job", "secret"]),
    ("worker", &["cloud", "broker", "ledger", "job", "telemetry", "error_chain"]),
    ("admin", &["worker", "broker", "ledger"]),
    ("simulator", &["cloud", "job", "secret"]),
    // Settings types only; see below.
    ("config", &["cloud", "broker", "ledger", "job", "secret"]),
    ("telemetry", &["job"]),
    ("app", &["admin", "worker", "cloud", "broker", "ledger", "job", "config", "telemetry"]),
];

/// What `config` may take from folders that act: the forms of settings.
const SETTINGS: [&str; 6] = [
    "broker::settings",
    "cloud::account",
    "cloud::endpoints",
    "cloud::http",
    "cloud::protocol::Service",
    "ledger::postgres::Settings",
];

/// Crates and where they may be named: a file, or a folder.
const CRATES: [(&str, &[&str]); 8] = [
    ("reqwest", &["cloud/http.rs"]),
    ("lapin", &["broker"]),
    ("rusqlite", &["ledger/sqlite"]),
    ("tokio_postgres", &["ledger/postgres"]),
    ("deadpool_postgres", &["ledger/postgres"]),
    ("backoff", &["job/retry.rs"]),
    ("opentelemetry", &["telemetry"]),
    ("anyhow", &["main.rs", "app.rs", "cli"]),
];

/// What deciding must do without: everything that acts, and time and chance of its own.
const NOT_IN_JOB: [&str; 13] = [
    "tokio::",
    "lapin::",
    "reqwest::",
    "rusqlite::",
    "rand::",
    "std::fs",
    "std::env",
    "std::net",
    "std::process",
    "std::thread",
    "Timestamp::now",
    "SystemTime",
    "Instant",
];

/// Names that say nothing.
const EMPTY_NAMES: [&str; 12] = [
    "util", "utils", "common", "manager", "managers", "service", "services", "handler", "handlers",
    "helper", "helpers", "misc",
];

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Everything in `src/` that is not a test.
fn sources() -> &'static [Source] {
    static SOURCES: LazyLock<Vec<Source>> = LazyLock::new(|| Source::all(&src()));
    assert!(SOURCES.len() > 100, "{} sources is not all of them", SOURCES.len());
    &SOURCES
}

fn is_within(file: &str, places: &[&str]) -> bool {
    places.iter().any(|place| {
        file.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

#[track_caller]
fn nothing(broken: &[String]) {
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn imports_go_in_one_direction() {
    let mut broken = Vec::new();
    for source in sources() {
        let folder = source.folder();
        let Some((_, allowed)) = IMPORTS.iter().find(|(name, _)| *name == folder) else {
            assert!(matches!(folder, "main" | "lib" | "cli"), "{folder} has no rule for imports");
            continue;
        };
        for import in source.imports() {
            if import.root != folder && !allowed.contains(&import.root.as_str()) {
                let (place, root) = (source.at(import.offset), &import.root);
                broken.push(format!("{place}: {folder} may not know {root}"));
            }
        }
    }
    nothing(&broken);
}

#[test]
fn config_takes_settings_types_and_nothing_that_acts() {
    let mut broken = Vec::new();
    for source in sources().iter().filter(|source| source.folder() == "config") {
        for import in source.imports() {
            let acts = ["broker", "cloud", "ledger"].contains(&import.root.as_str());
            if acts && !SETTINGS.iter().any(|known| import.path.starts_with(known)) {
                let (place, path) = (source.at(import.offset), &import.path);
                broken.push(format!("{place}: config may not take {path}, only settings"));
            }
        }
    }
    nothing(&broken);
}

#[test]
fn main_is_the_command_line_and_nothing_else() {
    let main = sources().iter().find(|source| source.file == "main.rs").unwrap();
    let taken = main.paths("ticketd");
    assert!(!taken.is_empty(), "src/main.rs: where is the command line?");
    let others = taken.iter().filter(|import| import.root != "cli");
    let broken: Vec<String> = others
        .map(|import| format!("{}: main may only know cli", main.at(import.offset)))
        .collect();
    nothing(&broken);
}

#[test]
fn a_crate_is_named_where_it_belongs() {
    let mut broken = Vec::new();
    for source in sources() {
        for (name, places) in CRATES.iter().filter(|(_, places)| !is_within(&source.file, places)) {
            for offset in source.find(&format!("{name}::")) {
                let (place, belongs) = (source.at(offset), places.join(", "));
                broken.push(format!("{place}: {name} belongs in {belongs}"));
            }
        }
    }
    nothing(&broken);
}

#[test]
fn sql_is_kept_with_the_ledger() {
    let mut broken: Vec<String> = source::files(&src())
        .into_iter()
        .filter(|file| file.ends_with(".sql") && !is_within(file, &["ledger"]))
        .map(|file| format!("src/{file}: SQL belongs in ledger"))
        .collect();
    // Tickets carry SQL, and so does the simulator.
    let may = ["ledger", "simulator"];
    for source in sources().iter().filter(|source| !is_within(&source.file, &may)) {
        for (offset, text) in source.literals() {
            let text = text.trim_start();
            let words = ["SELECT ", "INSERT INTO ", "UPDATE ", "DELETE FROM ", "CREATE TABLE "];
            if words.iter().any(|word| text.starts_with(word)) {
                broken.push(format!("{}: SQL belongs in ledger", source.at(offset)));
            }
        }
    }
    nothing(&broken);
}

#[test]
fn deciding_needs_no_clock_no_chance_and_no_input_or_output() {
    let mut broken = Vec::new();
    for source in sources().iter().filter(|source| source.folder() == "job") {
        for name in NOT_IN_JOB {
            for offset in source.find(name) {
                let place = source.at(offset);
                broken.push(format!("{place}: job only decides; {name} has no place in it"));
            }
        }
    }
    nothing(&broken);
}

#[test]
fn an_operation_is_known_by_name_in_its_own_folder_only() {
    let names: Vec<&str> = operations::catalogue().iter().map(|found| found.name).collect();
    let mut broken = Vec::new();
    for source in sources() {
        // The simulator is the other side of the same conversations.
        if is_within(&source.file, &["cloud/operations", "simulator"]) {
            continue;
        }
        for (offset, text) in source.literals() {
            let bare = |name: &&str| name.split_once('.').is_some_and(|(_, bare)| bare == text);
            if names.contains(&text) || names.iter().any(bare) {
                let place = source.at(offset);
                broken.push(format!("{place}: {text} is known in cloud/operations only"));
            }
        }
    }
    nothing(&broken);
}

#[test]
fn a_module_is_named_by_what_it_is_about() {
    let mut broken = Vec::new();
    for file in source::files(&src()) {
        let stem = file.rsplit_once('.').map_or(file.as_str(), |(stem, _)| stem);
        for name in stem.split('/').filter(|name| EMPTY_NAMES.contains(name)) {
            broken.push(format!("src/{file}: {name} is no noun of the problem"));
        }
    }
    nothing(&broken);
}

#[test]
fn files_are_short() {
    let mut lengths: Vec<(usize, String)> = source::files(&src())
        .into_iter()
        .filter(|file| file.ends_with(".rs"))
        .map(|file| (std::fs::read_to_string(src().join(&file)).unwrap().lines().count(), file))
        .collect();
    lengths.sort();
    let broken: Vec<String> = lengths
        .iter()
        .filter(|(lines, _)| *lines > LONGEST)
        .map(|(lines, file)| format!("src/{file}: {lines} lines; at most {LONGEST} are allowed"))
        .collect();
    nothing(&broken);
    let (median, file) = &lengths[lengths.len() / 2];
    assert!(*median < MEDIAN, "the median is {median} lines (src/{file}); below {MEDIAN} is asked");
}
