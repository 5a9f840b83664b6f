//! Looks at dead letters and leaves them where they are.

use anyhow::{Result, bail};
use serde_json::Value;

use super::letter::{Key, Label};
use crate::broker::{Broker, DeadLetter};
use crate::cli::show::{cut, plain};

/// Lists the letters, oldest first.
pub async fn list(broker: &Broker, limit: usize, json: bool) -> Result<()> {
    let mut shelf = broker.dead_letters().await?;
    let mut seen = Vec::new();
    while seen.len() < limit {
        let Some(letter) = shelf.next().await? else { break };
        println!("{}", if json { Label::of(&letter).as_json().to_string() } else { line(&letter) });
        // The body of each would be a lot to keep.
        seen.push(letter.ack_handle);
    }
    let more = seen.len() == limit && shelf.next().await?.is_some();
    shelf.close().await?;
    if more {
        eprintln!("there are more; --limit shows them");
    } else if seen.is_empty() && !json {
        println!("there are no dead letters");
    }
    Ok(())
}

fn line(letter: &DeadLetter) -> String {
    let label = Label::of(letter);
    let first = label.problems().lines().next().unwrap_or_default();
    let (key, at, reason, job) = (Key::of(letter), label.at(), label.reason(), label.job());
    let at = at.get(..19).unwrap_or(at);
    cut(&format!("{}  {at:<19}  {reason:<14}  {job:<16}  {first}", key.as_str()))
}

/// Shows one letter, whole.
pub async fn one(broker: &Broker, key: &Key, json: bool) -> Result<()> {
    let mut shelf = broker.dead_letters().await?;
    let mut seen = Vec::new();
    let found = loop {
        match shelf.next().await? {
            Some(letter) if Key::of(&letter) == *key => break letter,
            Some(letter) => seen.push(letter.ack_handle),
            None => {
                bail!("there is no dead letter {}; `ticketd dead list` shows them", key.as_str())
            }
        }
    };
    let body = String::from_utf8_lossy(&found.body);
    let label = Label::of(&found);
    if json {
        let mut whole = label.as_json();
        whole["body"] = body.into();
        whole["content_type"] = Value::from(found.properties.content_type.clone());
        whole["correlation_id"] = Value::from(found.properties.correlation_id.clone());
        whole["reply_to"] = Value::from(found.properties.reply_to.clone());
        println!("{whole:#}");
    } else {
        println!("{}  {}", key.as_str(), plain(label.reason()));
        for (name, value) in [("at", label.at()), ("from", label.from()), ("job", &label.job())] {
            println!("  {name:<6}{}", plain(value));
        }
        for problem in label.problems().lines() {
            println!("  {}", plain(problem));
        }
        println!("{}", plain(&body));
    }
    drop(seen);
    Ok(shelf.close().await?)
}
