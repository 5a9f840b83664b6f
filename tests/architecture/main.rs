//! The rules that hold the sources together, checked against the sources themselves.
//!
//! `source`, `syntax` and `modules` read the sources with `syn`; the other modules are the rules.
//! `open` lists what breaks a rule for now.

#![expect(clippy::unwrap_used, reason = "tests")]

mod imports;
mod layout;
mod literals;
mod modules;
mod names;
mod old_words;
mod open;
mod source;
mod syntax;
mod tangles;

use std::collections::BTreeSet;

#[track_caller]
fn assert_none(broken: &BTreeSet<String>) {
    let lines: Vec<&str> = broken.iter().map(String::as_str).collect();
    assert!(broken.is_empty(), "\n{}\n", lines.join("\n"));
}

/// Fails for everything that breaks a rule and is not listed in `open.rs`, and for everything
/// that is listed there without need. `broken` is what breaks the rule, with a message each.
#[track_caller]
fn assert_only(open: &[&str], broken: &[(String, String)]) {
    let new = broken.iter().filter(|(name, _)| !open.contains(&name.as_str()));
    let needless = open.iter().filter(|listed| !broken.iter().any(|(name, _)| name == *listed));
    let needless = needless.map(|listed| {
        format!("tests/architecture/open.rs: {listed} no longer breaks a rule, remove it")
    });
    assert_none(&new.map(|(_, message)| message.clone()).chain(needless).collect());
}
