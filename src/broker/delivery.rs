//! A delivered message, until it is settled.

use std::pin::pin;
use std::time::Duration;

use futures_util::FutureExt;
use lapin::options::{BasicAckOptions, BasicNackOptions};
use lapin::{Acker, Channel};

use super::error::Error;
use super::message::{Message, Properties};
use super::names::SourceQueue;

/// How often the channel is checked while a request to settle waits for its answer.
const CHANNEL_CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// `basic.nack` instead of `basic.reject`: since RabbitMQ 4.3 a nack does not count towards the
/// delivery limit.
const REQUEUE: BasicNackOptions = BasicNackOptions { multiple: false, requeue: true };

/// A delivered message, to be settled by [`ack`](Self::ack) or [`requeue`](Self::requeue).
#[derive(Debug)]
pub struct Delivery {
    pub queue: SourceQueue,
    /// Whether an earlier delivery of the message was not acknowledged.
    pub redelivered: bool,
    pub body: Vec<u8>,
    pub properties: Properties,
    pub ack_handle: AckHandle,
}

impl Delivery {
    pub(super) fn new(
        queue: SourceQueue,
        channel: &Channel,
        message: lapin::message::Delivery,
    ) -> Self {
        Self {
            queue,
            redelivered: message.redelivered,
            properties: Properties::from(&message.properties),
            body: message.data,
            ack_handle: AckHandle::new(message.acker, channel),
        }
    }

    /// A copy to publish again, without `user_id`: RabbitMQ accepts only the connection's own user.
    pub fn message(&self) -> Message {
        let properties = Properties { user_id: None, ..self.properties.clone() };
        Message { body: self.body.clone(), properties }
    }

    /// See [`AckHandle::ack`].
    pub async fn ack(self) -> Result<(), Error> {
        self.ack_handle.ack().await
    }

    /// See [`AckHandle::requeue`].
    pub async fn requeue(self) -> Result<(), Error> {
        self.ack_handle.requeue().await
    }
}

/// Settles one delivery, once. Dropped unsettled, as by a panic, it requeues the message.
pub struct AckHandle {
    acker: Acker,
    // Keeps the channel open: it closes when its last clone is dropped, and acks then fail.
    channel: Channel,
    settled: bool,
}

impl AckHandle {
    pub(super) fn new(acker: Acker, channel: &Channel) -> Self {
        Self { acker, channel: channel.clone(), settled: false }
    }

    /// Removes the message from its queue. After an error the broker delivers it again.
    pub async fn ack(mut self) -> Result<(), Error> {
        self.settled = true;
        let request = self.acker.ack(BasicAckOptions::default());
        self.settle("acknowledge a message", request).await
    }

    /// Returns the message to its queue. After an error the broker does so by itself.
    pub async fn requeue(mut self) -> Result<(), Error> {
        self.settled = true;
        let request = self.acker.nack(REQUEUE);
        self.settle("requeue a message", request).await
    }

    /// Awaits a request to settle. The library never completes a request whose connection ends at
    /// the wrong moment, so the channel is checked as well. For a channel that is gone the library
    /// also answers `Ok(false)`.
    async fn settle(
        &self,
        what: &str,
        request: impl Future<Output = lapin::Result<bool>>,
    ) -> Result<(), Error> {
        let mut request = pin!(request);
        let mut check = tokio::time::interval(CHANNEL_CHECK_INTERVAL);
        loop {
            tokio::select! {
                biased;
                answer = &mut request => return match answer {
                    Ok(true) => Ok(()),
                    Ok(false) => Err(Error::lost(what, None)),
                    Err(error) => Err(Error::lost(what, error)),
                },
                _ = check.tick() => {
                    if !self.channel.status().connected() {
                        return Err(Error::lost(what, None));
                    }
                }
            }
        }
    }

    /// Whether the delivery can still be settled. If its channel is gone, the broker has already
    /// requeued the message.
    pub fn is_valid(&self) -> bool {
        self.acker.usable() && self.channel.status().connected()
    }
}

impl Drop for AckHandle {
    fn drop(&mut self) {
        if !self.settled {
            // The first poll sends the request. Its answer does not matter: if it fails, the
            // broker requeues the message by itself.
            self.acker.nack(REQUEUE).now_or_never();
        }
    }
}

impl std::fmt::Debug for AckHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AckHandle").field("settled", &self.settled).finish_non_exhaustive()
    }
}
