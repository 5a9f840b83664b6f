//! Follows result events as they are published.

use std::sync::Arc;

use futures_util::StreamExt;
use lapin::options::{BasicConsumeOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Consumer};

use super::connection::SupervisedConnection;
use super::error::Error;
use super::message::Properties;
use super::names::short;

/// What errors say we tried to do.
const FOLLOW: &str = "follow events";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventMessage {
    /// `<kind>.<operation>.<state>`.
    pub routing_key: String,
    pub body: Vec<u8>,
    pub properties: Properties,
}

/// The events published from now on whose routing key matches a pattern.
pub struct EventStream {
    connection: Arc<SupervisedConnection>,
    exchange: String,
    pattern: String,
    // The consumer ends when its channel is dropped.
    subscription: Option<(Channel, Consumer)>,
}

impl EventStream {
    pub(super) async fn open(
        connection: Arc<SupervisedConnection>,
        exchange: String,
        pattern: &str,
    ) -> Result<Self, Error> {
        let pattern = pattern.to_owned();
        let mut stream = Self { connection, exchange, pattern, subscription: None };
        stream.subscription = Some(stream.subscribe().await?);
        Ok(stream)
    }

    /// The next event. Returns [`Error::Lost`] once after each loss of the connection, because
    /// events may have been missed; the next call subscribes again.
    pub async fn next(&mut self) -> Result<EventMessage, Error> {
        if self.subscription.is_none() {
            self.subscription = Some(self.subscribe().await?);
        }
        let message = match &mut self.subscription {
            Some((_, consumer)) => consumer.next().await,
            None => None,
        };
        match message {
            Some(Ok(message)) => Ok(EventMessage {
                routing_key: message.routing_key.to_string(),
                properties: Properties::from(&message.properties),
                body: message.data,
            }),
            Some(Err(error)) => {
                self.subscription = None;
                Err(Error::lost(FOLLOW, error))
            }
            None => {
                self.subscription = None;
                Err(Error::lost(FOLLOW, None))
            }
        }
    }

    async fn subscribe(&self) -> Result<(Channel, Consumer), Error> {
        let channel = self.connection.channel(FOLLOW).await?;
        let subscribed = async {
            // Exclusive: the queue is deleted with the connection, and RabbitMQ 4.3 refuses
            // transient queues that are not exclusive.
            let options = QueueDeclareOptions {
                exclusive: true,
                auto_delete: true,
                ..QueueDeclareOptions::default()
            };
            let no_arguments = FieldTable::default;
            let queue = channel.queue_declare("".into(), options, no_arguments()).await?;
            let queue = queue.name().clone();
            let (exchange, pattern) = (short(&self.exchange)?, short(&self.pattern)?);
            let options = QueueBindOptions::default();
            channel.queue_bind(queue.clone(), exchange, pattern, options, no_arguments()).await?;
            let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
            channel.basic_consume(queue, "".into(), options, no_arguments()).await
        };
        match subscribed.await {
            Ok(consumer) => Ok((channel, consumer)),
            Err(error) => Err(Error::request(FOLLOW, error)),
        }
    }
}
