//! `config/default.toml` is the operator's reference, so it must be complete.

use std::collections::{BTreeMap, BTreeSet};

use super::super::layers::Layers;
use super::super::reader::Reader;
use super::super::{DEFAULT, DEMO, load_with_report, read};
use super::{Layer, OPERATIONS, file, load_layers};

/// The reference with its optional settings uncommented: `#key = …` and `#[table]`.
fn uncommented() -> String {
    let uncomment = |line: &str| match line.strip_prefix('#') {
        Some(setting) if !setting.is_empty() && !setting.starts_with(' ') => setting.to_owned(),
        Some(_) | None => line.to_owned(),
    };
    DEFAULT.lines().map(|line| uncomment(line) + "\n").collect()
}

/// Replaces the names of accounts and operations by `*`.
fn generalize(key: &str) -> String {
    let operation = "operations.\"dms.CreateOrder\"";
    let key = key.replace(operation, "operations.*");
    ["accounts.dms-prod.", "accounts.dataarts-iam.", "accounts.dataarts."]
        .iter()
        .fold(key, |key, name| key.replace(name, "accounts.*."))
}

#[test]
fn the_reference_has_exactly_the_keys_that_are_read() {
    let environment = BTreeMap::new();
    let whole = [file("reference", &uncommented())];
    let (layers, unreadable) = Layers::merge(&whole, &environment, &OPERATIONS);
    assert!(unreadable.is_empty(), "{unreadable:?}");
    let mut reader = Reader::new(&layers, &environment);
    read(&mut reader, &OPERATIONS);
    let asked: BTreeSet<String> =
        reader.asked.iter().map(|key| generalize(&key.to_string())).collect();
    let present = reader.asked.iter().filter(|key| reader.is_set(key));
    let present: BTreeSet<String> = present.map(|key| generalize(&key.to_string())).collect();
    let missing: Vec<_> = asked.difference(&present).collect();
    assert!(missing.is_empty(), "config/default.toml lacks {missing:?}");
    reader.problems.clear();
    reader.reject_unknown();
    assert!(reader.problems.is_empty(), "no section reads {:?}", reader.problems);
    assert!(asked.len() > 60, "{asked:?}");
}

#[test]
fn every_key_of_the_reference_has_a_comment() {
    let lines: Vec<&str> = DEFAULT.lines().collect();
    let is_comment = |line: &str| line == "#" || line.starts_with("# ");
    for (i, line) in lines.iter().enumerate() {
        let setting = line.trim_start_matches('#');
        if is_comment(line) || !setting.contains(" = ") {
            continue;
        }
        let beside = setting.contains(" # ");
        // Two settings that belong together can share the comment above the first.
        let above = (1..=2).any(|up| {
            i >= up
                && is_comment(lines[i - up])
                && (i + 1 - up..i).all(|k| lines[k].contains(" = "))
        });
        assert!(beside || above, "line {}: {line}", i + 1);
    }
}

#[test]
fn the_reference_has_no_problem_but_missing_secrets_and_files() {
    let report = load_layers(&[file("reference", &uncommented())], &[]);
    let problems = report.settings.unwrap_err();
    // On this machine, its secrets and certificates do not exist.
    for problem in problems.0 {
        let expected = ["environment variable", "which can't be read", "amqps://"];
        assert!(expected.iter().any(|words| problem.message.contains(words)), "{problem}");
    }
}

#[test]
fn the_demo_settings_are_valid() {
    let keys = ["ALIBABA_ACCESS_KEY_ID", "ALIBABA_ACCESS_KEY_SECRET"];
    let keys = keys.into_iter().chain(["HUAWEI_ACCESS_KEY_ID", "HUAWEI_ACCESS_KEY_SECRET"]);
    let environment = keys.map(|name| (format!("SIMULATOR_{name}"), "sim".to_owned()));
    let demo = Layer::Text { name: "demo.toml".to_owned(), toml: DEMO.to_owned() };
    let settings = load_with_report(&[demo], environment, &OPERATIONS).settings.unwrap();
    assert_eq!(settings.accounts.len(), 2);
}

#[test]
fn the_production_example_lacks_only_its_secrets() {
    let example = include_str!("../../../config/production.example.toml");
    let problems =
        load_layers(&[file("production.example.toml", example)], &[]).settings.unwrap_err();
    assert_eq!(problems.0.len(), 6, "{problems}");
    assert!(problems.0.iter().all(|p| p.message.contains("can't be read")), "{problems}");
}
