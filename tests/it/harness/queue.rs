//! A queue, read without ticketd's own broker code.

use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{BasicConsumeOptions, BasicPublishOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, Consumer};

use super::env::LIMIT;

/// A queue being consumed, with automatic acks.
pub(crate) struct Queue {
    /// The name.
    pub name: String,
    channel: Channel,
    consumer: Consumer,
    _connection: Connection,
}

impl Queue {
    /// Consumes an existing queue.
    pub(crate) async fn read(name: &str) -> Self {
        Self::over(channel().await, name).await
    }

    /// Declares an exclusive queue and consumes it.
    pub(crate) async fn new(name: &str) -> Self {
        let (connection, channel) = channel().await;
        let options = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(name.into(), options, FieldTable::default()).await.unwrap();
        Self::over((connection, channel), name).await
    }

    /// Declares a queue that accepts no message while the connection is open.
    pub(crate) async fn full(name: &str) -> Connection {
        let (connection, channel) = channel().await;
        let options = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
        let mut arguments = FieldTable::default();
        arguments.insert("x-max-length".into(), AMQPValue::LongInt(0));
        arguments.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
        channel.queue_declare(name.into(), options, arguments).await.unwrap();
        connection
    }

    /// The next message, within the limit.
    pub(crate) async fn next(&mut self) -> Delivery {
        let next = tokio::time::timeout(LIMIT, self.consumer.next()).await;
        next.expect("a message arrives within the limit").unwrap().unwrap()
    }

    /// All messages so far, oldest first.
    pub(crate) async fn so_far(&mut self) -> Vec<Delivery> {
        let end = super::prefix();
        self.publish("", &self.name, end.as_bytes(), BasicProperties::default()).await;
        let mut found = Vec::new();
        loop {
            let message = self.next().await;
            if message.data == end.as_bytes() {
                return found;
            }
            found.push(message);
        }
    }

    /// Publishes on the same channel.
    pub(crate) async fn publish(
        &self,
        exchange: &str,
        key: &str,
        body: &[u8],
        with: BasicProperties,
    ) {
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        self.channel.basic_publish(exchange.into(), key.into(), options, body, with).await.unwrap();
    }

    async fn over((connection, channel): (Connection, Channel), name: &str) -> Self {
        let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
        let consumer = channel
            .basic_consume(name.into(), "".into(), options, FieldTable::default())
            .await
            .unwrap();
        Self { name: name.to_owned(), channel, consumer, _connection: connection }
    }
}

async fn channel() -> (Connection, Channel) {
    let url = &super::broker().await.url;
    let connection = Connection::connect(url, ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    (connection, channel)
}

/// A message's header, as text.
pub(crate) fn header(message: &Delivery, name: &str) -> Option<String> {
    match message.properties.headers().as_ref()?.inner().get(name)? {
        AMQPValue::LongString(text) => Some(text.to_string()),
        AMQPValue::ShortString(text) => Some(text.to_string()),
        other => panic!("{name} is {other:?}"),
    }
}
