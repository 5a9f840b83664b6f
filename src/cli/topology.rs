//! `ticketd topology apply|check|print`.

use std::process::ExitCode;

use anyhow::Result;

use super::output::print_line;
use crate::broker::topology;
use crate::config::Settings;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Declare missing exchanges and queues; report those that differ
    Apply,
    /// Report missing and differing exchanges and queues; change nothing
    Check,
    /// Print the required exchanges and queues
    Print {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

pub(super) async fn run(command: Command, settings: Settings) -> Result<ExitCode> {
    let broker = &settings.broker;
    match command {
        Command::Apply => {
            topology::apply(broker).await?;
            print_line(format!("all exchanges and queues of {:?} are declared", broker.prefix));
        }
        Command::Check => {
            topology::check(broker).await?;
            print_line(format!("all exchanges and queues of {:?} are as required", broker.prefix));
        }
        Command::Print { json } => {
            let objects = topology::describe(&broker.prefix, broker.unrouted_max);
            if json {
                println!("{}", serde_json::to_string_pretty(&objects)?);
            } else {
                for object in objects {
                    print_line(object);
                }
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
