//! Sends jobs to later.

use std::time::Duration;

use jiff::Timestamp;

use super::super::{Clock, Error};
use super::header;
use crate::broker::{Delivery, Message, Properties, Publisher};
use crate::job::machine::MIN_PARK;
use crate::job::{Kind, WakeUp, wakeup};

/// Publishes wake-ups to the delay ladder. Every method returns once the broker has confirmed.
#[derive(Clone)]
pub struct Scheduler {
    publisher: Publisher,
    clock: Clock,
}

impl Scheduler {
    /// Waits are computed with `clock`.
    pub fn new(publisher: Publisher, clock: Clock) -> Self {
        Self { publisher, clock }
    }

    /// Wakes a job at a time.
    pub async fn park(&self, wakeup: &WakeUp, due: Timestamp) -> Result<(), Error> {
        self.wake(wakeup, self.wait_until(due)).await
    }

    /// Wakes a job after a wait.
    pub async fn wake(&self, wakeup: &WakeUp, wait: Duration) -> Result<(), Error> {
        let message = Message {
            body: serde_json::to_vec(wakeup)?,
            properties: Properties {
                content_type: Some(wakeup::CONTENT_TYPE.to_owned()),
                message_id: Some(wakeup.job.id.to_string()),
                ..Properties::default()
            },
        };
        Ok(self.publisher.wake_after(wakeup.job.kind, wait, &message).await?)
    }

    /// Delivers a message again at a time, unchanged.
    pub async fn requeue_later(
        &self,
        delivery: &Delivery,
        kind: Kind,
        due: Timestamp,
    ) -> Result<(), Error> {
        let mut message = delivery.message();
        // The broker accepts no other user's user_id from us.
        message.properties.headers.remove(header::USER);
        let sender = header::sender(delivery).map(str::to_owned);
        message.properties.headers.extend(sender.map(|user| (header::USER.to_owned(), user)));
        Ok(self.publisher.wake_after(kind, self.wait_until(due), &message).await?)
    }

    fn wait_until(&self, due: Timestamp) -> Duration {
        due.duration_since(self.clock.now()).max(MIN_PARK).unsigned_abs()
    }
}
