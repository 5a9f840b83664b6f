//! Everything that needs a real broker, as one program: one build, one broker, all tests at once.
//!
//! Run it with plain `cargo test`. A runner with a process per test would start a broker per test.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod admin;
mod broker;
mod cancelling;
mod demo;
mod doctor;
mod faults;
mod harness;
mod identity;
mod ledger;
mod limits;
mod lookafter;
mod lost_answers;
mod messaging;
mod operations;
mod outages;
mod promises;
mod provider_faults;
mod reads;
mod rejections;
mod replies;
mod resolving;
mod security;
mod times;
mod tracing;
mod unreachable;
mod unrouted;
mod working;
