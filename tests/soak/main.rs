//! Hours of bad luck in minutes: replicas that are killed and frozen, a broker and a database that
//! restart, connections that are cut, clouds that answer wrongly or not at all. At the end it is
//! counted what became of every job; the simulated clouds know the truth.
//!
//! It is left out of plain `cargo test`; `make soak` runs it, and `--help` says what can be set.

mod arguments;
mod book;
mod broker;
mod configuration;
mod database;
mod faults;
mod harness;
mod jobs;
mod killer;
mod listener;
mod outsider;
mod plan;
mod producer;
mod proxy;
mod reckoning;
mod replicas;
mod run;
mod table;
mod tally;

use std::process::ExitCode;

use clap::Parser;

/// Something was lost, doubled or wrong.
const DAMAGE: u8 = 1;

/// The soak itself could not be done.
const TROUBLE: u8 = 2;

#[tokio::main]
async fn main() -> ExitCode {
    let measure = arguments::Arguments::parse().measure();
    match Box::pin(run::run(measure)).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(DAMAGE),
        Err(error) => {
            eprintln!("soak: {error:#}");
            ExitCode::from(TROUBLE)
        }
    }
}
