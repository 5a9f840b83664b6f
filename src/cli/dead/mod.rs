//! `ticketd dead list|show|replay|drop`.

mod letter;
mod replay;
mod selection;
mod show;

use std::process::ExitCode;

use anyhow::Result;

use self::letter::LetterKey;
use self::selection::Selection;
use crate::broker::Broker;
use crate::config::Settings;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// List the dead letters, oldest first
    List {
        /// The maximum number of dead letters to list
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// Print JSON, one object a line
        #[arg(long)]
        json: bool,
    },
    /// Show one dead letter: its source queue, its problems and its body
    Show {
        /// The key of the dead letter, from the list
        key: LetterKey,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Send dead letters back to their source queues, after their cause is fixed
    Replay(Selection),
    /// Delete dead letters
    Drop(Selection),
}

pub(super) async fn run(command: Command, settings: Settings) -> Result<ExitCode> {
    let broker = Broker::connect(&settings.broker).await?;
    match command {
        Command::List { limit, json } => show::list(&broker, limit, json).await?,
        Command::Show { key, json } => show::one(&broker, &key, json).await?,
        Command::Replay(selection) => {
            replay::run(&broker, &settings.broker.prefix, &selection).await?
        }
        Command::Drop(selection) => drop_letters(&broker, &selection).await?,
    }
    broker.close().await;
    Ok(ExitCode::SUCCESS)
}

async fn drop_letters(broker: &Broker, selection: &Selection) -> Result<()> {
    let mut queue = broker.dead_letters().await?;
    let mut dropped = Vec::new();
    // Unacknowledged until the queue is closed, so that each letter is delivered once.
    let mut kept = Vec::new();
    while let Some(letter) = queue.next().await? {
        let key = LetterKey::of(&letter);
        if selection.contains(&key) {
            letter.ack_handle.ack().await?;
            selection.print("dropped", &key);
            dropped.push(key);
        } else {
            kept.push(letter.ack_handle);
        }
    }
    queue.close().await?;
    selection.require_all(&dropped)
}
