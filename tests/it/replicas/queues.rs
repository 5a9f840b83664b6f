//! The queues of an environment, read without ticketd.

use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicGetOptions, BasicPublishOptions, QueueDeclareOptions, QueuePurgeOptions,
};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ConnectionProperties};
use ticketd::broker::delay;
use ticketd::job::Kind;

use crate::harness::TestEnv;

/// The queues of an environment.
pub(crate) struct Queues {
    pub channel: Channel,
    prefix: String,
    _connection: Connection,
}

impl Queues {
    pub(crate) async fn of(env: &TestEnv) -> Self {
        let connection =
            Connection::connect(&env.url, ConnectionProperties::default()).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        let prefix = env.settings.broker.prefix.clone();
        Self { channel, prefix, _connection: connection }
    }

    /// Messages ready in a queue.
    pub(crate) async fn ready(&self, queue: &str) -> u32 {
        let name = format!("{}.{queue}", self.prefix);
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let found = self.channel.queue_declare(name.into(), options, FieldTable::default()).await;
        found.unwrap().message_count()
    }

    /// Jobs on the delay ladder.
    pub(crate) async fn waiting(&self) -> u32 {
        let mut waiting = 0;
        for rung in delay::rungs() {
            waiting += self.ready(&format!("delay.{rung}s")).await;
        }
        waiting
    }

    /// Jobs and wake-ups ready for a worker.
    pub(crate) async fn to_do(&self) -> u32 {
        let mut to_do = 0;
        for kind in Kind::ALL {
            to_do += self.ready(&format!("jobs.{kind}")).await;
            to_do += self.ready(&format!("wake.{kind}")).await;
        }
        to_do
    }

    /// Delivers everything on the delay ladder now.
    pub(crate) async fn expire_delays(&self) {
        for rung in delay::rungs() {
            let queue = format!("{}.delay.{rung}s", self.prefix);
            let consuming = BasicGetOptions::default();
            while let Some(taken) =
                self.channel.basic_get(queue.as_str().into(), consuming).await.unwrap()
            {
                let Delivery { routing_key, properties, data, acker, .. } = taken.delivery;
                let wake = format!("{}.wake", self.prefix);
                let publishing = BasicPublishOptions::default();
                let sent = self.channel.basic_publish(
                    wake.into(),
                    routing_key,
                    publishing,
                    &data,
                    properties,
                );
                sent.await.unwrap();
                acker.ack(BasicAckOptions::default()).await.unwrap();
            }
        }
    }

    /// Purges the delay ladder. Returns the number of messages.
    pub(crate) async fn purge_waiting(&self) -> u32 {
        let mut lost = 0;
        for rung in delay::rungs() {
            let name = format!("{}.delay.{rung}s", self.prefix);
            let purged = self.channel.queue_purge(name.into(), QueuePurgeOptions::default()).await;
            lost += purged.unwrap();
        }
        lost
    }
}
