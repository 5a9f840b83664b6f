//! `ticketd dead list|show|replay|drop`.

mod letter;
mod replay;
mod show;

use std::process::ExitCode;

use anyhow::{Result, bail};

use self::letter::Key;
use crate::broker::Broker;
use crate::config::Settings;

/// What can be done with dead letters.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// List the dead letters, oldest first
    List {
        /// How many at most
        #[arg(long, default_value_t = 50)]
        limit: usize,
        /// Write JSON, one object a line
        #[arg(long)]
        json: bool,
    },
    /// Show one dead letter: where it came from, what is wrong, and its body
    Show {
        /// Its key, as the list has it
        key: Key,
        /// Write JSON
        #[arg(long)]
        json: bool,
    },
    /// Send dead letters to where they came from, once their cause is mended
    Replay(Which),
    /// Remove dead letters for good
    Drop(Which),
}

/// Some of the dead letters.
#[derive(Debug, clap::Args)]
pub struct Which {
    /// Their keys, as the list has them
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    keys: Vec<Key>,
    /// All of them
    #[arg(long)]
    all: bool,
    /// Write JSON, one object a line
    #[arg(long)]
    json: bool,
}

impl Which {
    /// Says which of the keys belong to no dead letter.
    fn missing(&self, done: &[Key]) -> Result<()> {
        let missing: Vec<&str> =
            self.keys.iter().filter(|key| !done.contains(key)).map(Key::as_str).collect();
        if !missing.is_empty() {
            bail!("there is no dead letter {}; `ticketd dead list` shows them", missing.join(", "));
        }
        Ok(())
    }

    fn wants(&self, key: &Key) -> bool {
        self.all || self.keys.contains(key)
    }
}

/// Runs the subcommand.
pub async fn run(command: Command, settings: Settings) -> Result<ExitCode> {
    let broker = Broker::connect(&settings.broker).await?;
    match command {
        Command::List { limit, json } => show::list(&broker, limit, json).await?,
        Command::Show { key, json } => show::one(&broker, &key, json).await?,
        Command::Replay(which) => replay::run(&broker, &settings.broker.prefix, &which).await?,
        Command::Drop(which) => drop_letters(&broker, &which).await?,
    }
    broker.close().await;
    Ok(ExitCode::SUCCESS)
}

async fn drop_letters(broker: &Broker, which: &Which) -> Result<()> {
    let mut shelf = broker.dead_letters().await?;
    let mut dropped = Vec::new();
    let mut left = Vec::new();
    while let Some(letter) = shelf.next().await? {
        let key = Key::of(&letter);
        if which.wants(&key) {
            letter.ack_handle.ack().await?;
            which.said(&key, "dropped");
            dropped.push(key);
        } else {
            left.push(letter.ack_handle);
        }
    }
    shelf.close().await?;
    which.missing(&dropped)
}

impl Which {
    fn said(&self, key: &Key, what: &str) {
        if self.json {
            println!("{}", serde_json::json!({ what: key.as_str() }));
        } else {
            println!("{what} {}", key.as_str());
        }
    }
}
