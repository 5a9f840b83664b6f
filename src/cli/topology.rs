//! `ticketd topology apply|check|print`.

use std::process::ExitCode;

use anyhow::Result;

use crate::broker::topology;
use crate::config::Settings;

/// What can be done with exchanges and queues.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Declare what is missing; say what differs
    Apply,
    /// Say what is missing or differs, and change nothing
    Check,
    /// Show what there has to be
    Print {
        /// Write JSON
        #[arg(long)]
        json: bool,
    },
}

/// Runs the subcommand.
pub async fn run(command: Command, settings: Settings) -> Result<ExitCode> {
    let broker = &settings.broker;
    match command {
        Command::Apply => {
            topology::apply(broker).await?;
            println!("topology {:?} is in place", broker.prefix);
        }
        Command::Check => {
            topology::check(broker).await?;
            println!("topology {:?} is as it should be", broker.prefix);
        }
        Command::Print { json } => {
            let objects = topology::describe(&broker.prefix, broker.unrouted_max);
            if json {
                println!("{}", serde_json::to_string_pretty(&objects)?);
            } else {
                for object in objects {
                    println!("{object}");
                }
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
