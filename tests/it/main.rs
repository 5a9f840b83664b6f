//! All tests that need a real broker, in one program with one broker.
//!
//! Run it with `cargo test`. A runner with a process per test would start a broker per test.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod broker;
mod broker_faults;
mod cancel_resolve;
mod cli;
mod harness;
mod jobs;
mod ledger;
mod messages;
mod providers;
mod replicas;
mod security;
#[path = "../support/mod.rs"]
mod support;
mod telemetry;
