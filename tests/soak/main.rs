//! Runs replicas of ticketd under continuous faults: replicas are killed and frozen, the broker and
//! the database restart, connections are cut, providers reply with errors or not at all. At the end
//! every job is verified against the effects that the simulator recorded.
//!
//! Plain `cargo test` does not run it; `make soak` does. `--help` lists the arguments.

mod arguments;
mod broker_faults;
mod counters;
mod database_faults;
mod jobs;
mod journal;
mod listener;
mod network_faults;
mod producer;
mod provider_faults;
mod random;
mod raw_client;
mod replica_faults;
mod replicas;
mod report;
mod run;
#[path = "../support/mod.rs"]
#[expect(dead_code, clippy::unwrap_used, reason = "the soak needs a part of it")]
mod support;
mod verify;
mod worker_config;

use std::process::ExitCode;

use clap::Parser;

/// A job was lost, doubled or wrong.
const VIOLATIONS: u8 = 1;

/// The soak itself failed.
const SOAK_FAILED: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    let scale = arguments::Arguments::parse().scale();
    match Box::pin(run::run(scale)).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(VIOLATIONS),
        Err(error) => {
            eprintln!("soak: {error:#}");
            ExitCode::from(SOAK_FAILED)
        }
    }
}
