//! Everything that needs a real broker, as one program: one build, one broker, all tests at once.
//!
//! Run it with plain `cargo test`. A runner with a process per test would start a broker per test.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod broker;
mod demo;
mod harness;
mod identity;
mod lost_answers;
mod messaging;
mod operations;
mod promises;
mod reads;
mod rejections;
mod replies;
mod times;
mod unreachable;
mod unrouted;
mod working;
