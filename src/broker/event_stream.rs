//! Follows result events as they are published.

use std::sync::Arc;

use futures_util::StreamExt;
use lapin::options::{BasicConsumeOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, Consumer};

use super::connection::{SupervisedConnection, lost};
use super::error::Error;
use super::message::Properties;

/// A published event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The key it was published with: `<kind>.<operation>.<state>`.
    pub routing_key: String,
    /// The event.
    pub body: Vec<u8>,
    /// What it says beside its body.
    pub properties: Properties,
}

/// The events published from now on whose routing key fits a pattern.
pub struct EventStream {
    link: Arc<SupervisedConnection>,
    exchange: String,
    pattern: String,
    // The channel lives as long as the stream is wanted.
    stream: Option<(Channel, Consumer)>,
}

impl EventStream {
    pub(super) async fn open(
        link: Arc<SupervisedConnection>,
        exchange: String,
        pattern: &str,
    ) -> Result<Self, Error> {
        let mut feed = Self { link, exchange, pattern: pattern.to_owned(), stream: None };
        feed.stream = Some(feed.subscribe().await?);
        Ok(feed)
    }

    /// The next event. [`Error::Lost`] once whenever events may have been missed because the
    /// connection was lost; the call after that goes on with the events from then on.
    pub async fn next(&mut self) -> Result<Published, Error> {
        if self.stream.is_none() {
            self.stream = Some(self.subscribe().await?);
        }
        let message = match &mut self.stream {
            Some((_, consumer)) => consumer.next().await,
            None => None,
        };
        match message {
            Some(Ok(message)) => Ok(Published {
                routing_key: message.routing_key.to_string(),
                properties: Properties::from(&message.properties),
                body: message.data,
            }),
            Some(Err(error)) => {
                self.stream = None;
                Err(lost(FOLLOW, error))
            }
            None => {
                self.stream = None;
                Err(Error::Lost { what: FOLLOW.into(), source: None })
            }
        }
    }

    async fn subscribe(&self) -> Result<(Channel, Consumer), Error> {
        let channel = self.link.channel(FOLLOW).await?;
        let subscribed = async {
            // Exclusive: it goes with the connection, and RabbitMQ 4.3 refuses transient queues
            // that are not.
            let options = QueueDeclareOptions {
                exclusive: true,
                auto_delete: true,
                ..QueueDeclareOptions::default()
            };
            let nothing = FieldTable::default;
            let queue = channel.queue_declare("".into(), options, nothing()).await?;
            let queue = queue.name().clone();
            let (exchange, pattern) = (name(&self.exchange)?, name(&self.pattern)?);
            let options = QueueBindOptions::default();
            channel.queue_bind(queue.clone(), exchange, pattern, options, nothing()).await?;
            let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
            channel.basic_consume(queue, "".into(), options, nothing()).await
        };
        match subscribed.await {
            Ok(consumer) => Ok((channel, consumer)),
            Err(error) if error.is_amqp_soft_error() => {
                Err(Error::Refused { what: FOLLOW.into(), source: error.into() })
            }
            Err(error) => Err(lost(FOLLOW, error)),
        }
    }
}

const FOLLOW: &str = "follow events";

fn name(text: &str) -> lapin::Result<ShortString> {
    ShortString::try_new(text).map_err(|error| std::io::Error::other(error).into())
}
