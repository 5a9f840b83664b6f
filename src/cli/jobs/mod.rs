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

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List the jobs in the ledger, last changed first
    List(list::Arguments),
    /// Show one job: its state, what it waits for and its history
    Show(show::Arguments),
    /// Cancel a job that is queued, waiting or polling
    Cancel(cancel::Arguments),
    /// Decide a job whose outcome is unknown; a worker continues it
    Resolve(resolve::Arguments),
}

pub(super) async fn run(command: Command, settings: Settings) -> Result<ExitCode> {
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

/// Opens the existing ledger. A new, empty SQLite file would hide a wrong path.
async fn ledger(settings: &Settings) -> Result<Arc<dyn Ledger>> {
    match &settings.ledger.url {
        LedgerUrl::Sqlite(path) if !path.exists() => bail!(
            "there is no ledger at {}: run this on the worker's machine, or correct ledger.url",
            path.display()
        ),
        url @ (LedgerUrl::Sqlite(_) | LedgerUrl::Postgres(_)) => app::open_ledger(url).await,
    }
}
