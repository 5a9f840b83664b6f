//! The dead letters, to look through: what is not removed stays.

use std::sync::Arc;

use lapin::Channel;
use lapin::message::BasicGetMessage;
use lapin::options::{BasicAckOptions, BasicGetOptions};
use lapin::types::ShortString;

use super::connection::{SupervisedConnection, lost};
use super::error::Error;
use super::message::Properties;

/// The queue of dead letters, lent to us one by one. All that are not [removed](DeadLetterQueue::remove) go
/// back when it is dropped; until then nobody else sees them.
pub struct DeadLetterQueue {
    channel: Channel,
    queue: ShortString,
}

/// A dead letter.
#[derive(Debug)]
pub struct DeadLetter {
    /// The body, byte for byte.
    pub body: Vec<u8>,
    /// What it says beside its body.
    pub properties: Properties,
    place: DeadLetterHandle,
}

/// Where a letter stands, to remove it by.
#[derive(Debug)]
pub struct DeadLetterHandle(lapin::Acker);

impl DeadLetter {
    /// Its place alone, of a letter whose contents are no longer needed.
    pub fn into_handle(self) -> DeadLetterHandle {
        self.place
    }
}

impl DeadLetterQueue {
    pub(super) async fn open(link: Arc<SupervisedConnection>, queue: &str) -> Result<Self, Error> {
        let channel = link.channel(LOOK).await?;
        let queue = ShortString::try_new(queue)
            .map_err(|error| Error::Refused { what: LOOK.into(), source: error.into() })?;
        Ok(Self { channel, queue })
    }

    /// The next letter; none after the last.
    pub async fn next(&mut self) -> Result<Option<DeadLetter>, Error> {
        let taken = self.channel.basic_get(self.queue.clone(), BasicGetOptions::default()).await;
        match taken {
            Ok(None) => Ok(None),
            Ok(Some(BasicGetMessage { delivery, .. })) => Ok(Some(DeadLetter {
                properties: Properties::from(&delivery.properties),
                body: delivery.data,
                place: DeadLetterHandle(delivery.acker),
            })),
            Err(error) if error.is_amqp_soft_error() => {
                Err(Error::Refused { what: LOOK.into(), source: error.into() })
            }
            Err(error) => Err(lost(LOOK, error)),
        }
    }

    /// Removes a letter for good.
    pub async fn remove(&self, place: DeadLetterHandle) -> Result<(), Error> {
        match place.0.ack(BasicAckOptions::default()).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Error::Lost { what: REMOVE.into(), source: None }),
            Err(error) => Err(lost(REMOVE, error)),
        }
    }

    /// Gives back what was not removed, and sees to it that the rest is gone: what was asked of
    /// a channel just before its connection closes may be lost.
    pub async fn close(self) -> Result<(), Error> {
        let closed = self.channel.close(200, "looked through".into()).await;
        closed.map_err(|error| lost(LOOK, error))
    }
}

const LOOK: &str = "look through the dead letters";
const REMOVE: &str = "remove a dead letter";
