//! The command line, and nothing else.

use std::process::ExitCode;

use clap::Parser;
use ticketd::cli::{Cli, chain, install_tls_provider};

#[tokio::main]
async fn main() -> ExitCode {
    install_tls_provider();
    match Cli::parse().run().await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("ticketd: {}", chain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}
