//! The dead letters that a command applies to.

use anyhow::{Result, bail};

use super::letter::LetterKey;

#[derive(Debug, clap::Args)]
pub(crate) struct Selection {
    /// The keys of the dead letters, from the list
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    keys: Vec<LetterKey>,
    /// Select all dead letters
    #[arg(long)]
    all: bool,
    /// Print JSON, one object a line
    #[arg(long)]
    json: bool,
}

impl Selection {
    /// Fails if a selected key belongs to no dead letter.
    pub(crate) fn require_all(&self, done: &[LetterKey]) -> Result<()> {
        let missing: Vec<&str> =
            self.keys.iter().filter(|key| !done.contains(key)).map(LetterKey::as_str).collect();
        if !missing.is_empty() {
            bail!("no dead letter has the key {}; run `ticketd dead list`", missing.join(", "));
        }
        Ok(())
    }

    pub(crate) fn contains(&self, key: &LetterKey) -> bool {
        self.all || self.keys.contains(key)
    }

    pub(crate) fn print(&self, action: &str, key: &LetterKey) {
        if self.json {
            println!("{}", serde_json::json!({ action: key.as_str() }));
        } else {
            println!("{action} {}", key.as_str());
        }
    }
}
