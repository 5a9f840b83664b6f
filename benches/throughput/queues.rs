//! Both sides' queues: all quorum queues, filled before a round and counted after it.

use std::time::Duration;

use anyhow::{Result, ensure};
use futures_util::future::try_join_all;
use lapin::options::{
    BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions, ExchangeDeleteOptions,
    QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions, QueuePurgeOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, ExchangeKind,
};
use ticketd::broker::topology::TopologyObject;

/// The most publishes waiting for their confirm.
const WINDOW: usize = 1_000;

/// How long the broker may take to count what it has.
const COUNTING: Duration = Duration::from_secs(10);

/// A connection of our own, to fill, count and clear.
pub struct Queues {
    connection: Connection,
    channel: Channel,
    prefix: String,
}

impl Queues {
    /// Declares the floor's queues, and the queue that ticketd's events go to.
    pub async fn open(url: &str, prefix: &str) -> Result<Self> {
        let connection = Connection::connect(url, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        let queues = Self { connection, channel, prefix: prefix.to_owned() };
        queues.declare(&queues.floor_jobs()).await?;
        queues.bind(&queues.floor_results(), &queues.floor_exchange()).await?;
        Ok(queues)
    }

    /// The name of the floor's jobs.
    pub fn floor_jobs(&self) -> String {
        format!("{}.floor.jobs", self.prefix)
    }

    /// The name of the floor's results.
    pub fn floor_results(&self) -> String {
        format!("{}.floor.results", self.prefix)
    }

    /// The name of the exchange that the floor publishes to.
    pub fn floor_exchange(&self) -> String {
        format!("{}.floor", self.prefix)
    }

    /// The name of the queue of ticketd's events.
    pub fn results(&self) -> String {
        format!("{}.results", self.prefix)
    }

    /// Binds a new queue to everything that goes to a topic exchange, which may exist already.
    pub async fn bind(&self, queue: &str, exchange: &str) -> Result<()> {
        let durable = ExchangeDeclareOptions { durable: true, ..Default::default() };
        // Its own channel: a passive declare of what is missing closes it.
        let look = self.connection.create_channel().await?;
        let passive = ExchangeDeclareOptions { passive: true, ..durable };
        let none = FieldTable::default;
        let known = look.exchange_declare(short(exchange)?, ExchangeKind::Topic, passive, none());
        if known.await.is_err() {
            let (name, kind) = (short(exchange)?, ExchangeKind::Topic);
            self.channel.exchange_declare(name, kind, durable, none()).await?;
        }
        self.declare(queue).await?;
        let (queue, exchange) = (short(queue)?, short(exchange)?);
        let options = QueueBindOptions::default();
        Ok(self.channel.queue_bind(queue, exchange, "#".into(), options, none()).await?)
    }

    /// Publishes a round's jobs to a queue and waits until the broker has them all.
    pub async fn fill(&self, queue: &str, jobs: impl Iterator<Item = Vec<u8>>) -> Result<()> {
        let properties = BasicProperties::default()
            .with_delivery_mode(2)
            .with_content_type("application/json".into());
        let mut confirms = Vec::new();
        for job in jobs {
            let options = BasicPublishOptions::default();
            let (key, properties) = (short(queue)?, properties.clone());
            confirms
                .push(self.channel.basic_publish("".into(), key, options, &job, properties).await?);
            if confirms.len() == WINDOW {
                confirmed(&mut confirms).await?;
            }
        }
        confirmed(&mut confirms).await
    }

    /// Sees that a queue has so many messages, and removes them.
    pub async fn take(&self, queue: &str, expected: usize) -> Result<()> {
        let counted = async {
            while self.length(queue).await? != expected {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            anyhow::Ok(())
        };
        if tokio::time::timeout(COUNTING, counted).await.is_err() {
            let length = self.length(queue).await?;
            ensure!(length == expected, "{queue} has {length} messages in place of {expected}");
        }
        self.channel.queue_purge(short(queue)?, QueuePurgeOptions::default()).await?;
        Ok(())
    }

    /// Deletes everything that either side has declared.
    pub async fn clear(self, topology: &[TopologyObject]) -> Result<()> {
        let ours = [self.floor_jobs(), self.floor_results(), self.results()];
        let theirs = topology.iter().filter_map(|object| match object {
            TopologyObject::Queue(queue) => Some(queue.name.clone()),
            TopologyObject::Exchange(_) => None,
        });
        for queue in ours.into_iter().chain(theirs) {
            self.channel.queue_delete(short(&queue)?, QueueDeleteOptions::default()).await?;
        }
        let exchanges = topology.iter().filter_map(|object| match object {
            TopologyObject::Exchange(exchange) => Some(exchange.name.clone()),
            TopologyObject::Queue(_) => None,
        });
        for exchange in exchanges.chain([self.floor_exchange()]) {
            let options = ExchangeDeleteOptions::default();
            self.channel.exchange_delete(short(&exchange)?, options).await?;
        }
        Ok(self.connection.close(200, "done".into()).await?)
    }

    async fn declare(&self, queue: &str) -> Result<()> {
        let mut arguments = FieldTable::default();
        arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
        let options = QueueDeclareOptions { durable: true, ..Default::default() };
        self.channel.queue_declare(short(queue)?, options, arguments).await?;
        Ok(())
    }

    async fn length(&self, queue: &str) -> Result<usize> {
        let options = QueueDeclareOptions { passive: true, ..Default::default() };
        let arguments = FieldTable::default();
        let queue = self.channel.queue_declare(short(queue)?, options, arguments).await?;
        Ok(queue.message_count() as usize)
    }
}

async fn confirmed(confirms: &mut Vec<lapin::PublisherConfirm>) -> Result<()> {
    for confirm in try_join_all(confirms.drain(..)).await? {
        ensure!(matches!(confirm, Confirmation::Ack(None)), "a job could not be published");
    }
    Ok(())
}

pub fn short(name: &str) -> Result<ShortString> {
    Ok(ShortString::try_new(name)?)
}
