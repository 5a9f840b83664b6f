//! Everything that needs a real broker, as one program: one build, one broker, all tests at once.
//!
//! Run it with plain `cargo test`. A runner with a process per test would start a broker per test.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod broker;
mod broker_faults;
mod cancel_resolve;
mod cli;
mod harness;
mod jobs;
mod messages;
mod providers;
mod replicas;
mod security;
mod telemetry;
