//! The command line, and nothing else.

use std::process::ExitCode;

use clap::Parser;
use ticketd::cli::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    Cli::parse().run().await
}
