//! Reads the dead letters. Those that are not acknowledged stay in the queue.

use std::sync::Arc;

use lapin::Channel;
use lapin::message::BasicGetMessage;
use lapin::options::BasicGetOptions;
use lapin::types::ShortString;

use super::connection::SupervisedConnection;
use super::delivery::AckHandle;
use super::error::Error;
use super::message::Properties;
use super::names::short;

/// What errors say we tried to do.
const READ: &str = "read the dead letters";

/// The queue of dead letters, delivered one by one. All that are not acknowledged are requeued when
/// this is dropped; until then no other reader gets them.
pub struct DeadLetterQueue {
    channel: Channel,
    queue: ShortString,
}

/// A dead letter. Acknowledging it removes it for good; dropping it requeues it at once, and
/// [`next`](DeadLetterQueue::next) returns it again.
#[derive(Debug)]
pub struct DeadLetter {
    pub body: Vec<u8>,
    pub properties: Properties,
    pub ack_handle: AckHandle,
}

impl DeadLetterQueue {
    pub(super) async fn open(
        connection: Arc<SupervisedConnection>,
        queue: &str,
    ) -> Result<Self, Error> {
        let channel = connection.channel(READ).await?;
        let queue = short(queue).map_err(|error| Error::request(READ, error))?;
        Ok(Self { channel, queue })
    }

    /// The next dead letter; `None` after the last.
    pub async fn next(&mut self) -> Result<Option<DeadLetter>, Error> {
        let answer = self.channel.basic_get(self.queue.clone(), BasicGetOptions::default()).await;
        let message = answer.map_err(|error| Error::request(READ, error))?;
        Ok(message.map(|BasicGetMessage { delivery, .. }| DeadLetter {
            properties: Properties::from(&delivery.properties),
            body: delivery.data,
            ack_handle: AckHandle::new(delivery.acker, &self.channel),
        }))
    }

    /// Requeues what was not acknowledged and waits until the broker has done so: requests made
    /// just before a connection closes can be lost.
    pub async fn close(self) -> Result<(), Error> {
        let closed = self.channel.close(200, "dead letters were read".into()).await;
        closed.map_err(|error| Error::lost(READ, error))
    }
}
