//! Tells the world: events, replies, dead letters.

use std::collections::BTreeMap;

use jiff::Timestamp;
use tracing::{Instrument, info, warn};

use super::incoming::user;
use super::{Error, Metrics, spans};
use crate::broker::{
    BrokerSettings, Confirm, Delivery, ExchangeName, Message, Properties, Publisher, RouteResult,
};
use crate::job::cloud_event::{self, CloudEvent};
use crate::job::message::Rejection;
use crate::job::state::ExecutionState;
use crate::job::{Job, Milestone, Outcome, ReplyTo};

/// As much of the problems as a header should hold.
const MAX_PROBLEMS: usize = 16 * 1024;

/// How often a reply is sent to a queue that does not take it.
const REPLY_TRIES: u32 = 2;

/// As much of a producer's headers as a dead letter keeps, in bytes. All headers of a message go in
/// one frame of 128 KiB, and the broker closes the connection over a larger one.
const MAX_HEADERS: usize = 64 * 1024;

/// The headers of a dead letter that are ours.
pub mod header {
    /// Why it is one, in a word.
    pub const REASON: &str = "x-ticketd-reason";
    /// Everything that is wrong, a line each.
    pub const PROBLEMS: &str = "x-ticketd-problems";
    /// When it became one, as RFC 3339.
    pub const AT: &str = "x-ticketd-at";
    /// The queue it came from.
    pub const FROM: &str = "x-ticketd-from";
    /// The user who sent it. On the way of wake-ups, where only workers write, that of a message
    /// which was put off.
    pub const USER: &str = "x-ticketd-user";
}

/// Why a message is kept as a dead letter.
pub(super) mod dead {
    /// It is no valid job.
    pub const INVALID: &str = "invalid";
    /// It came as a wake-up, and this version can't read it.
    pub const UNREADABLE: &str = "unreadable";
    /// Workers die of it.
    pub const POISON: &str = "poison";
}

/// Publishes what a job's way is worth telling of.
pub struct EventPublisher {
    publisher: Publisher,
    source: String,
    broker: BrokerSettings,
    metrics: Metrics,
}

impl EventPublisher {
    /// `source` is the CloudEvents source of every event.
    pub fn new(
        publisher: Publisher,
        source: String,
        broker: BrokerSettings,
        metrics: Metrics,
    ) -> Self {
        Self { publisher, source, broker, metrics }
    }

    /// Sends an event along the way; awaited before the delivery is settled, not before the call.
    pub async fn milestone(
        &self,
        job: &Job,
        execution: &ExecutionState,
        milestone: Milestone,
        now: Timestamp,
    ) -> Result<Confirm, Error> {
        let mut event = CloudEvent::milestone(&self.source, job, execution, milestone, now);
        let span = spans::publish(&mut event);
        let message = message(&event, job.correlation_id.clone())?;
        let key = event.routing_key();
        let sending = self.publisher.send(ExchangeName::Events, &key, &message);
        Ok(sending.instrument(span).await?)
    }

    /// Publishes an outcome, and its copy to the job's `reply_to`; both are confirmed.
    pub async fn outcome(&self, job: &Job, outcome: &Outcome) -> Result<(), Error> {
        let event = CloudEvent::outcome(&self.source, job, outcome);
        self.publish_outcome(event, job.correlation_id.clone(), job.reply_to.as_ref()).await
    }

    /// Publishes a rejection and keeps the message, byte for byte, as a dead letter.
    pub async fn rejected(&self, delivery: &Delivery, rejection: &Rejection) -> Result<(), Error> {
        let event = CloudEvent::rejected(&self.source, rejection);
        let (job, operation) = (&rejection.job_id, event.data.operation.clone());
        let reply_to = rejection.reply_to.as_ref();
        self.publish_outcome(event, rejection.correlation_id.clone(), reply_to).await?;
        info!(job, operation, step = "rejected", problems = rejection.problems.len(), "job");
        self.metrics.rejected(&operation);
        let problems: Vec<String> = rejection.problems.iter().map(ToString::to_string).collect();
        self.dead_letter(delivery, dead::INVALID, &problems.join("\n"), rejection.at).await
    }

    /// Keeps a message as a dead letter.
    pub async fn dead_letter(
        &self,
        delivery: &Delivery,
        reason: &str,
        problems: &str,
        at: Timestamp,
    ) -> Result<(), Error> {
        let mut headers = fitting(&delivery.properties.headers, MAX_HEADERS);
        headers.insert(header::REASON.into(), reason.into());
        headers.insert(header::PROBLEMS.into(), cut(problems, MAX_PROBLEMS).into());
        headers.insert(header::AT.into(), at.to_string());
        headers.insert(header::FROM.into(), delivery.queue.full_name(&self.broker.prefix));
        headers.remove(header::USER);
        headers.extend(user(delivery).map(|user| (header::USER.into(), user.into())));
        let mut letter = delivery.message();
        letter.properties.headers = headers;
        self.publisher.publish(ExchangeName::Dead, reason, &letter).await?;
        self.metrics.dead_letter(reason);
        Ok(())
    }

    async fn publish_outcome(
        &self,
        mut event: CloudEvent,
        correlation_id: Option<String>,
        reply_to: Option<&ReplyTo>,
    ) -> Result<(), Error> {
        let span = spans::publish(&mut event);
        let message = message(&event, correlation_id)?;
        let key = event.routing_key();
        let publishing = self.publisher.publish(ExchangeName::Events, &key, &message);
        publishing.instrument(span).await?;
        if let Some(reply_to) = reply_to {
            self.reply(&reply_to.queue, &message, &event).await;
        }
        Ok(())
    }

    /// Sends an outcome's copy to a producer's own queue. The outcome itself is with the events
    /// exchange by now: a queue that is gone, full or out of order costs this copy, and holds
    /// nobody up.
    async fn reply(&self, queue: &str, message: &Message, event: &CloudEvent) {
        let event = &event.id;
        if !self.broker.may_reply_to(queue) {
            warn!(queue, event, "reply_to is not allowed here; no copy is sent to it");
            return self.metrics.reply_dropped();
        }
        for _ in 0..REPLY_TRIES {
            match self.publisher.publish_mandatory("", queue, message).await {
                Ok(RouteResult::Routed) => return,
                Ok(RouteResult::Unroutable) => {
                    warn!(queue, event, "the reply_to queue does not exist; the copy is dropped");
                    return self.metrics.reply_dropped();
                }
                Err(error) => warn!(queue, event, %error, "the reply_to queue took no copy"),
            }
        }
        self.metrics.reply_dropped();
    }
}

fn message(event: &CloudEvent, correlation_id: Option<String>) -> Result<Message, Error> {
    let headers = event.trace.headers().map(|(name, value)| (name.to_owned(), value.clone()));
    Ok(Message {
        body: serde_json::to_vec(event)?,
        properties: Properties {
            content_type: Some(cloud_event::CONTENT_TYPE.to_owned()),
            message_id: Some(event.id.clone()),
            correlation_id,
            headers: headers.collect(),
            ..Properties::default()
        },
    })
}

/// What a header takes on the wire beside its name and value: two lengths and a type.
const HEADER_OVERHEAD: usize = 6;

/// The headers that fit into `limit` bytes together; small ones before large ones.
fn fitting(headers: &BTreeMap<String, String>, limit: usize) -> BTreeMap<String, String> {
    let size = |(name, value): &(&String, &String)| name.len() + value.len() + HEADER_OVERHEAD;
    let mut sorted: Vec<_> = headers.iter().collect();
    sorted.sort_by_key(size);
    let mut total = 0;
    sorted
        .into_iter()
        .take_while(|header| {
            total += size(header);
            total <= limit
        })
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// At most `limit` bytes of a text.
fn cut(text: &str, limit: usize) -> &str {
    let end = (0..=limit.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_too_many_headers_the_small_ones_are_kept() {
        let header = |name: &str, length| (name.to_owned(), "x".repeat(length));
        let headers = BTreeMap::from([header("a", 9), header("b", 1), header("c", 4)]);
        assert_eq!(fitting(&headers, 35), headers);
        assert_eq!(fitting(&headers, 34).into_keys().collect::<Vec<_>>(), ["b", "c"]);
        assert!(fitting(&headers, 7).is_empty());
    }

    #[test]
    fn a_cut_never_splits_a_character() {
        assert_eq!(cut("aé", 2), "a");
        assert_eq!(cut("aé", 3), "aé");
    }
}
