//! `ticketd dead replay`.

use anyhow::{Context, Result, bail};

use super::letter::{LetterHeaders, LetterKey};
use super::selection::Selection;
use crate::broker::{Broker, DeadLetter, Message, Properties, RouteResult};
use crate::cli::output::print_error;
use crate::worker::header;

/// Sends each letter to its source queue and removes it after the broker's confirm. An interruption
/// between the two sends the message twice, which is harmless: the job's id is the same.
pub(super) async fn run(broker: &Broker, prefix: &str, selection: &Selection) -> Result<()> {
    let publisher = broker.publisher();
    // Letters that return during the run, because their cause is not fixed, are left alone.
    let mut remaining = broker.dead_and_unrouted().await?.dead;
    let mut queue = broker.dead_letters().await?;
    let mut kept = Vec::new();
    let mut replayed = Vec::new();
    while remaining > 0 {
        remaining -= 1;
        let Some(letter) = queue.next().await? else { break };
        let key = LetterKey::of(&letter);
        if !selection.contains(&key) || replayed.contains(&key) {
            kept.push(letter.ack_handle);
            continue;
        }
        let from = LetterHeaders::of(&letter).source_queue();
        if !is_worker_queue(from, prefix) {
            print_error(format!("{} is kept: no worker consumes {from:?}", key.as_str()));
            kept.push(letter.ack_handle);
            continue;
        }
        let sent = publisher.publish_mandatory("", from, &message(&letter, broker.user())).await;
        match sent.with_context(|| format!("dead letter {} was not sent", key.as_str()))? {
            RouteResult::Routed => {}
            RouteResult::Unroutable => {
                bail!("dead letter {} was not sent: there is no queue {from}", key.as_str())
            }
        }
        letter.ack_handle.ack().await?;
        selection.print("replayed", &key);
        replayed.push(key);
    }
    queue.close().await?;
    selection.require_all(&replayed)
}

/// Whether workers consume the queue. A producer can write any queue name into the headers, so no
/// other queue is sent to.
fn is_worker_queue(queue: &str, prefix: &str) -> bool {
    let suffix = queue.strip_prefix(prefix).unwrap_or_default();
    suffix.starts_with(".jobs.") || suffix.starts_with(".wake.")
}

/// The original message, without the headers of dead-lettering. Its user is the operator who
/// replays it.
fn message(letter: &DeadLetter, user: Option<&str>) -> Message {
    let added = [header::REASON, header::PROBLEMS, header::AT, header::FROM, header::USER];
    let is_original = |name: &str| {
        !added.contains(&name)
            && !name.starts_with("x-first-death")
            && !name.starts_with("x-last-death")
    };
    let mut properties = letter.properties.clone();
    let headers = std::mem::take(&mut properties.headers);
    let headers = headers.into_iter().filter(|(name, _)| is_original(name)).collect();
    Message {
        body: letter.body.clone(),
        properties: Properties { user_id: user.map(str::to_owned), headers, ..properties },
    }
}
