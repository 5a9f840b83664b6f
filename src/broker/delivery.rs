//! A message the broker lent us, until it is settled.

use std::pin::pin;
use std::time::Duration;

use futures_util::FutureExt;
use lapin::options::{BasicAckOptions, BasicNackOptions};
use lapin::{Acker, Channel};

use super::connection::lost;
use super::error::Error;
use super::message::{Message, Properties};
use crate::job::Kind;

/// Which queue a delivery is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SourceQueue {
    /// A job, as a producer sent it.
    Job(Kind),
    /// A wake-up, or a message that we put off.
    Wake(Kind),
    /// A wish that a job ends.
    Cancel,
}

impl SourceQueue {
    /// Without the prefix, for metrics and spans.
    pub fn name(self) -> String {
        match self {
            SourceQueue::Job(kind) => format!("jobs.{kind}"),
            SourceQueue::Wake(kind) => format!("wake.{kind}"),
            SourceQueue::Cancel => "jobs.cancel".to_owned(),
        }
    }

    /// As it is on the broker.
    pub fn full_name(self, prefix: &str) -> String {
        format!("{prefix}.{}", self.name())
    }
}

/// A message and the duty to settle it.
#[derive(Debug)]
pub struct Delivery {
    /// Which queue it is from.
    pub origin: SourceQueue,
    /// The routing key it was published with.
    pub routing_key: String,
    /// Whether it was delivered before and came back unsettled.
    pub redelivered: bool,
    /// The body, byte for byte.
    pub body: Vec<u8>,
    /// What it says beside its body.
    pub properties: Properties,
    /// What settles it; may be taken out and kept apart from the rest.
    pub receipt: AckHandle,
}

impl Delivery {
    pub(super) fn new(
        origin: SourceQueue,
        channel: &Channel,
        message: lapin::message::Delivery,
    ) -> Self {
        Self {
            origin,
            routing_key: message.routing_key.to_string(),
            redelivered: message.redelivered,
            properties: Properties::from(&message.properties),
            body: message.data,
            receipt: AckHandle { acker: message.acker, channel: channel.clone(), settled: false },
        }
    }

    /// The message, to be published again. Its user can't be: the broker vouches for ours alone.
    pub fn message(&self) -> Message {
        let Properties {
            content_type,
            content_encoding,
            message_id,
            correlation_id,
            reply_to,
            headers,
            user_id: _,
        } = self.properties.clone();
        let body = self.body.clone();
        Message {
            body,
            content_type,
            content_encoding,
            message_id,
            correlation_id,
            reply_to,
            user_id: None,
            headers,
        }
    }

    /// See [`AckHandle::ack`].
    pub async fn ack(self) -> Result<(), Error> {
        self.receipt.ack().await
    }

    /// See [`AckHandle::requeue`].
    pub async fn requeue(self) -> Result<(), Error> {
        self.receipt.requeue().await
    }
}

/// Settles one delivery, once. Dropped unsettled, as by a panic, it gives the message back.
pub struct AckHandle {
    acker: Acker,
    // A channel closes with its last owner, and a closed channel takes no more acks.
    channel: Channel,
    settled: bool,
}

impl AckHandle {
    /// Tells the broker that it may forget the message. After an error the message is not
    /// forgotten: it will be delivered again.
    pub async fn ack(mut self) -> Result<(), Error> {
        self.settled = true;
        let asked = self.acker.ack(BasicAckOptions::default());
        self.answer("ack a delivery", asked).await
    }

    /// Puts the message back at the head of its queue, for whoever is next. After an error it
    /// goes there by itself.
    pub async fn requeue(mut self) -> Result<(), Error> {
        self.settled = true;
        let asked = self.acker.nack(TO_THE_QUEUE);
        self.answer("give a delivery back", asked).await
    }

    /// What came of a request to settle. The library leaves one without an answer for ever when its
    /// connection ends at the wrong moment, so the channel is looked at while it is awaited.
    async fn answer(
        &self,
        what: &str,
        asked: impl Future<Output = lapin::Result<bool>>,
    ) -> Result<(), Error> {
        let mut asked = pin!(asked);
        let mut glance = tokio::time::interval(GLANCE);
        loop {
            tokio::select! {
                biased;
                answer = &mut asked => return settled(what, answer),
                _ = glance.tick() => {
                    if !self.channel.status().connected() {
                        return settled(what, Ok(false));
                    }
                }
            }
        }
    }

    /// Whether the delivery can still be settled: not if its channel was lost, and then the
    /// broker has lent the message to somebody else.
    pub fn is_valid(&self) -> bool {
        self.acker.usable() && self.channel.status().connected()
    }
}

/// How often a channel is looked at that owes an answer.
const GLANCE: Duration = Duration::from_secs(1);

/// A nack rather than a reject: from RabbitMQ 4.3 on it does not count against the message.
const TO_THE_QUEUE: BasicNackOptions = BasicNackOptions { multiple: false, requeue: true };

/// The library says `Ok(false)` when the channel is gone and nothing was settled.
fn settled(what: &str, answer: lapin::Result<bool>) -> Result<(), Error> {
    match answer {
        Ok(true) => Ok(()),
        Ok(false) => Err(Error::Lost { what: what.into(), source: None }),
        Err(error) => Err(lost(what, error)),
    }
}

impl Drop for AckHandle {
    fn drop(&mut self) {
        if !self.settled {
            // The request is sent when the future is first polled; there is nobody to wait for
            // its outcome, and if it fails the message goes back by itself.
            self.acker.nack(TO_THE_QUEUE).now_or_never();
        }
    }
}

impl std::fmt::Debug for AckHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Receipt").field("settled", &self.settled).finish_non_exhaustive()
    }
}
