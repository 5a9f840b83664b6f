//! The command line, and nothing else.

use std::process::ExitCode;

use clap::Parser;
use ticketd::cli::{Cli, install_tls_provider};

#[tokio::main]
async fn main() -> ExitCode {
    install_tls_provider();
    Cli::parse().run().await
}
