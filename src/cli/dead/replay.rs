//! Sends dead letters to where they came from.

use anyhow::{Context, Result, bail};

use super::Which;
use super::letter::{Key, Label};
use crate::broker::{Broker, DeadLetter, Message, Properties, RouteResult};
use crate::worker::header;

/// Replays letters: each is confirmed in its queue before it is removed here. Cut off in between,
/// it is sent twice, which a job's id makes harmless.
pub async fn run(broker: &Broker, prefix: &str, which: &Which) -> Result<()> {
    let publisher = broker.publisher();
    // What comes back at once, because its cause is not mended, has to wait for the next time.
    let mut letters = broker.dead_and_unrouted().await?.dead;
    let mut shelf = broker.dead_letters().await?;
    let mut left = Vec::new();
    let mut replayed = Vec::new();
    while letters > 0 {
        letters -= 1;
        let Some(letter) = shelf.next().await? else { break };
        let key = Key::of(&letter);
        if !which.wants(&key) || replayed.contains(&key) {
            left.push(letter.ack_handle);
            continue;
        }
        let from = Label::of(&letter).from();
        if !is_worked_on(from, prefix) {
            eprintln!("{} is left: it came from {from:?}, which no worker reads", key.as_str());
            left.push(letter.ack_handle);
            continue;
        }
        let sent = publisher.publish_mandatory("", from, &message(&letter, broker.user())).await;
        match sent.with_context(|| format!("{} was not sent", key.as_str()))? {
            RouteResult::Routed => {}
            RouteResult::Unroutable => {
                bail!("{} was not sent: there is no queue {from}", key.as_str())
            }
        }
        letter.ack_handle.ack().await?;
        which.said(&key, "replayed");
        replayed.push(key);
    }
    shelf.close().await?;
    which.missing(&replayed)
}

/// Whether it is one of our queues of jobs or wake-ups. A letter's headers are its sender's to
/// write, and no reason to send it anywhere else.
fn is_worked_on(queue: &str, prefix: &str) -> bool {
    let ours = queue.strip_prefix(prefix).unwrap_or_default();
    ours.starts_with(".jobs.") || ours.starts_with(".wake.")
}

/// The message as it first came. Whoever replays it answers for it.
fn message(letter: &DeadLetter, user: Option<&str>) -> Message {
    let ours = [header::REASON, header::PROBLEMS, header::AT, header::FROM, header::USER];
    let is_producers = |name: &str| {
        !ours.contains(&name)
            && !name.starts_with("x-first-death")
            && !name.starts_with("x-last-death")
    };
    let mut properties = letter.properties.clone();
    let headers = std::mem::take(&mut properties.headers);
    let headers = headers.into_iter().filter(|(name, _)| is_producers(name)).collect();
    Message {
        body: letter.body.clone(),
        properties: Properties { user_id: user.map(str::to_owned), headers, ..properties },
    }
}
