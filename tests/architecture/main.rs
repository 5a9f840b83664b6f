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
mod source;
mod syntax;
mod tangles;

use std::collections::BTreeSet;

#[track_caller]
fn assert_none(broken: &BTreeSet<String>) {
    let lines: Vec<&str> = broken.iter().map(String::as_str).collect();
    assert!(broken.is_empty(), "\n{}\n", lines.join("\n"));
}
