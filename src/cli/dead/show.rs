//! `ticketd dead list` and `ticketd dead show`. The letters stay in their queue.

use anyhow::{Result, bail};
use serde_json::Value;

use super::letter::{LetterHeaders, LetterKey};
use crate::broker::{Broker, DeadLetter};
use crate::cli::output::{LineWidth, escape, print, print_error, print_line};

pub(super) async fn list(broker: &Broker, limit: usize, json: bool) -> Result<()> {
    let mut queue = broker.dead_letters().await?;
    let (mut seen, mut rows) = (Vec::new(), Vec::new());
    while seen.len() < limit {
        let Some(letter) = queue.next().await? else { break };
        let headers = LetterHeaders::of(&letter);
        if json {
            println!("{}", headers.as_json());
        } else {
            rows.push(row(&letter));
        }
        // Only the handle is kept: bodies can be large.
        seen.push(letter.ack_handle);
    }
    let more = seen.len() == limit && queue.next().await?.is_some();
    queue.close().await?;
    if !json {
        print_rows(rows);
    }
    if more {
        print_error("there are more dead letters; use --limit");
    }
    Ok(())
}

fn print_rows(rows: Vec<[String; 5]>) {
    if rows.is_empty() {
        return print_line("there are no dead letters");
    }
    let header = ["key", "at", "reason", "job", "problem"];
    print(&LineWidth::of_stdout().table(header, rows));
}

fn row(letter: &DeadLetter) -> [String; 5] {
    let headers = LetterHeaders::of(letter);
    let problem = headers.problems().lines().next().unwrap_or_default();
    let at = headers.dead_lettered_at().get(..19).unwrap_or(headers.dead_lettered_at());
    [LetterKey::of(letter).as_str(), at, headers.reason(), &headers.job(), problem]
        .map(str::to_owned)
}

pub(super) async fn one(broker: &Broker, key: &LetterKey, json: bool) -> Result<()> {
    let mut queue = broker.dead_letters().await?;
    let mut seen = Vec::new();
    let found = loop {
        match queue.next().await? {
            Some(letter) if LetterKey::of(&letter) == *key => break letter,
            Some(letter) => seen.push(letter.ack_handle),
            None => bail!("no dead letter has the key {}; run `ticketd dead list`", key.as_str()),
        }
    };
    if json {
        println!("{:#}", as_json(&found));
    } else {
        print(&text(key, &found, LineWidth::of_stdout()));
    }
    drop(seen);
    Ok(queue.close().await?)
}

fn as_json(letter: &DeadLetter) -> Value {
    let mut whole = LetterHeaders::of(letter).as_json();
    whole["body"] = String::from_utf8_lossy(&letter.body).into();
    whole["content_type"] = Value::from(letter.properties.content_type.clone());
    whole["correlation_id"] = Value::from(letter.properties.correlation_id.clone());
    whole["reply_to"] = Value::from(letter.properties.reply_to.clone());
    whole
}

fn text(key: &LetterKey, letter: &DeadLetter, width: LineWidth) -> String {
    let headers = LetterHeaders::of(letter);
    let mut lines = vec![width.wrap("", 4, &format!("{}  {}", key.as_str(), headers.reason()))];
    for (name, value) in [
        ("at", headers.dead_lettered_at()),
        ("from", headers.source_queue()),
        ("job", &headers.job()),
    ] {
        lines.push(width.wrap(&format!("  {name:<6}"), 8, value));
    }
    lines.extend(headers.problems().lines().map(|problem| width.wrap("  ", 6, problem)));
    lines.push(width.wrap("", 0, &escape(&String::from_utf8_lossy(&letter.body))));
    lines.join("\n") + "\n"
}
