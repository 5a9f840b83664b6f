//! `ticketd jobs list|show|cancel|resolve`.

mod cancel;
mod list;
mod resolve;
mod show;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Result, bail};

use crate::app;
use crate::config::{LedgerUrl, Settings};
use crate::ledger::Ledger;

/// What can be done with jobs.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List the jobs of the ledger, last changed first
    List(list::Arguments),
    /// Show all that is known of one job, and what it waits for
    Show(show::Arguments),
    /// End a job that waits, polls or is still to come
    Cancel(cancel::Arguments),
    /// Say what became of a job whose outcome is unknown; it goes on from there
    Resolve(resolve::Arguments),
}

/// Runs the subcommand.
pub async fn run(command: Command, settings: Settings) -> Result<ExitCode> {
    match command {
        Command::List(arguments) => list::run(arguments, &*ledger(&settings).await?).await,
        Command::Show(arguments) => show::run(arguments, &*ledger(&settings).await?).await,
        Command::Cancel(arguments) => cancel::run(arguments, settings).await,
        Command::Resolve(arguments) => {
            let ledger = ledger(&settings).await?;
            resolve::run(arguments, ledger, settings).await
        }
    }
}

/// The ledger that is there. To look for jobs in one that is made only now helps nobody.
async fn ledger(settings: &Settings) -> Result<Arc<dyn Ledger>> {
    match &settings.ledger.url {
        LedgerUrl::Sqlite(path) if !path.exists() => bail!(
            "there is no ledger at {}: run this where the worker runs, or correct ledger.url",
            path.display()
        ),
        url @ (LedgerUrl::Sqlite(_) | LedgerUrl::Postgres(_)) => app::open_ledger(url).await,
    }
}
