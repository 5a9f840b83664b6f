//! What string literals may say where.

use std::collections::BTreeSet;

use ticketd::cloud::operations;

use crate::{assert_none, source};

#[test]
fn sql_is_kept_with_the_ledger() {
    let files = source::files("src", "sql").into_iter();
    let mut broken: BTreeSet<String> = files
        .filter(|file| !source::is_within(file, &["src/ledger"]))
        .map(|file| format!("{file}: SQL belongs in ledger"))
        .collect();
    // Tickets carry SQL, and so does the simulator.
    let may = ["ledger", "simulator"];
    for source in source::production().filter(|source| !source.is_within(&may)) {
        for literal in &source.literals {
            let text = literal.text.trim_start();
            let words = ["SELECT ", "INSERT INTO ", "UPDATE ", "DELETE FROM ", "CREATE TABLE "];
            if words.iter().any(|word| text.starts_with(word)) {
                broken.insert(format!("{}: SQL belongs in ledger", source.at(literal.line)));
            }
        }
    }
    assert_none(&broken);
}

#[test]
fn an_operation_is_known_by_name_in_its_own_folder_only() {
    let names: Vec<&str> = operations::catalogue().iter().map(|found| found.name).collect();
    let mut broken = BTreeSet::new();
    // The simulator is the other side of the same conversations.
    let may = ["cloud/operations", "simulator"];
    for source in source::production().filter(|source| !source.is_within(&may)) {
        for literal in &source.literals {
            let text = literal.text.as_str();
            let bare = |name: &&str| name.split_once('.').is_some_and(|(_, bare)| bare == text);
            if names.contains(&text) || names.iter().any(bare) {
                let place = source.at(literal.line);
                broken.insert(format!("{place}: {text} is known in cloud/operations only"));
            }
        }
    }
    assert_none(&broken);
}
