//! The quorum queues of both consumers. They are filled before a round and counted after it.

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

/// Limit of publishes without a confirm.
const MAX_UNCONFIRMED: usize = 1_000;

/// Time until a queue must have the expected length.
const COUNT_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) struct Queues {
    connection: Connection,
    channel: Channel,
    prefix: String,
}

impl Queues {
    /// Declares the queues of the baseline.
    pub(crate) async fn open(url: &str, prefix: &str) -> Result<Self> {
        let connection = Connection::connect(url, ConnectionProperties::default()).await?;
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        let queues = Self { connection, channel, prefix: prefix.to_owned() };
        queues.declare(&queues.baseline_jobs()).await?;
        queues.bind(&queues.baseline_results(), &queues.baseline_exchange()).await?;
        Ok(queues)
    }

    pub(crate) fn baseline_jobs(&self) -> String {
        format!("{}.baseline.jobs", self.prefix)
    }

    pub(crate) fn baseline_results(&self) -> String {
        format!("{}.baseline.results", self.prefix)
    }

    pub(crate) fn baseline_exchange(&self) -> String {
        format!("{}.baseline", self.prefix)
    }

    /// The queue for ticketd's events.
    pub(crate) fn events(&self) -> String {
        format!("{}.results", self.prefix)
    }

    /// Binds a new queue to a topic exchange, and declares the exchange if it is missing.
    pub(crate) async fn bind(&self, queue: &str, exchange: &str) -> Result<()> {
        let durable = ExchangeDeclareOptions { durable: true, ..Default::default() };
        // A passive declare of a missing exchange closes its channel, so it needs its own.
        let probe = self.connection.create_channel().await?;
        let passive = ExchangeDeclareOptions { passive: true, ..durable };
        let none = FieldTable::default;
        let known = probe.exchange_declare(short(exchange)?, ExchangeKind::Topic, passive, none());
        if known.await.is_err() {
            let (name, kind) = (short(exchange)?, ExchangeKind::Topic);
            self.channel.exchange_declare(name, kind, durable, none()).await?;
        }
        self.declare(queue).await?;
        let (queue, exchange) = (short(queue)?, short(exchange)?);
        let options = QueueBindOptions::default();
        Ok(self.channel.queue_bind(queue, exchange, "#".into(), options, none()).await?)
    }

    /// Publishes jobs to a queue and waits until the broker has confirmed them all.
    pub(crate) async fn fill(
        &self,
        queue: &str,
        jobs: impl Iterator<Item = Vec<u8>>,
    ) -> Result<()> {
        let properties = BasicProperties::default()
            .with_delivery_mode(2)
            .with_content_type("application/json".into());
        let mut confirms = Vec::new();
        for job in jobs {
            let options = BasicPublishOptions::default();
            let (key, properties) = (short(queue)?, properties.clone());
            confirms
                .push(self.channel.basic_publish("".into(), key, options, &job, properties).await?);
            if confirms.len() == MAX_UNCONFIRMED {
                confirmed(&mut confirms).await?;
            }
        }
        confirmed(&mut confirms).await
    }

    /// Checks the length of a queue and purges it.
    pub(crate) async fn check_and_purge(&self, queue: &str, expected: usize) -> Result<()> {
        let counted = async {
            while self.length(queue).await? != expected {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            anyhow::Ok(())
        };
        if tokio::time::timeout(COUNT_TIMEOUT, counted).await.is_err() {
            let length = self.length(queue).await?;
            ensure!(length == expected, "{queue} has {length} messages instead of {expected}");
        }
        self.channel.queue_purge(short(queue)?, QueuePurgeOptions::default()).await?;
        Ok(())
    }

    /// Deletes all queues and exchanges of both consumers.
    pub(crate) async fn delete_all(self, topology: &[TopologyObject]) -> Result<()> {
        let ours = [self.baseline_jobs(), self.baseline_results(), self.events()];
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
        for exchange in exchanges.chain([self.baseline_exchange()]) {
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

pub(crate) fn short(name: &str) -> Result<ShortString> {
    Ok(ShortString::try_new(name)?)
}
