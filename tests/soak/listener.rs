//! Receives every event, across all restarts of the broker: its queue is durable, and an event is
//! acknowledged after it is recorded. Also reads the messages that are left in other queues.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use futures_util::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicGetOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel};
use ticketd::broker::delay;
use ticketd::job::Kind;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::jobs::Group;
use crate::journal::Journal;
use crate::raw_client::RawClient;

/// Bound to the events of both groups.
const QUEUE: &str = "soak-events";

/// A request may stay unanswered if its connection ends.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// The stream may not end when its connection is lost, so the connection is checked.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// The queue must be empty twice, this long apart.
const EMPTY_INTERVAL: Duration = Duration::from_millis(500);

/// Receives events until it is dropped.
pub(crate) struct Listener {
    task: JoinHandle<()>,
}

impl Listener {
    /// The exchanges must exist.
    pub(crate) async fn start(url: String, journal: Arc<Journal>) -> Result<Self> {
        let mut client = RawClient::new(url);
        let channel = client.channel().await;
        let mut arguments = FieldTable::default();
        arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
        channel.queue_declare(QUEUE.into(), QueueDeclareOptions::durable(), arguments).await?;
        for group in Group::ALL {
            let exchange = format!("{}.events", group.prefix());
            let (options, nothing) = (QueueBindOptions::default(), FieldTable::default());
            channel.queue_bind(QUEUE.into(), exchange.into(), "#".into(), options, nothing).await?;
        }
        let task = tokio::spawn(async move {
            loop {
                let channel = client.channel().await;
                // Connections are cut on purpose.
                let _ = listen(&channel, &journal).await;
                client.disconnect();
            }
        });
        Ok(Self { task })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(channel: &Channel, journal: &Journal) -> Result<()> {
    let (options, nothing) = (BasicConsumeOptions::default(), FieldTable::default());
    let consuming = channel.basic_consume(QUEUE.into(), "".into(), options, nothing);
    let mut consumer = timeout(REQUEST_TIMEOUT, consuming).await??;
    while channel.status().connected() {
        let Ok(next) = timeout(CHECK_INTERVAL, consumer.next()).await else { continue };
        let Some(delivery) = next.transpose()? else { break };
        journal.record(&correlation_id(&delivery.properties), &delivery.data);
        timeout(REQUEST_TIMEOUT, delivery.ack(BasicAckOptions::default())).await??;
    }
    Ok(())
}

/// Waits until every event is received.
pub(crate) async fn drained(client: &mut RawClient) -> Result<()> {
    let mut empty = false;
    loop {
        let waiting = length(client, QUEUE).await?;
        if waiting == 0 && empty {
            return Ok(());
        }
        empty = waiting == 0;
        sleep(EMPTY_INTERVAL).await;
    }
}

/// Number of messages that are ready for delivery.
async fn length(client: &mut RawClient, queue: &str) -> Result<u32> {
    let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let channel = client.channel().await;
    let found = channel.queue_declare(queue.into(), options, FieldTable::default()).await?;
    Ok(found.message_count())
}

/// A message that was left in a queue.
pub(crate) struct LeftMessage {
    pub correlation_id: String,
    /// The message id; in a wake-up it is the job id.
    pub id: String,
    pub routing_key: String,
    /// The reason in its dead-letter headers.
    pub reason: String,
}

/// Messages that are left in the queues of jobs and wake-ups: the queue and the message id of each.
pub(crate) async fn left_messages(
    client: &mut RawClient,
    group: Group,
) -> Result<Vec<(String, String)>> {
    let rungs = delay::rungs().map(|rung| format!("delay.{rung}s"));
    let consumed = ["jobs", "wake"]
        .into_iter()
        .flat_map(|what| Kind::ALL.map(|kind| format!("{what}.{kind}")));
    let mut left = Vec::new();
    for queue in rungs.chain(consumed) {
        for message in take_all(client, &format!("{}.{queue}", group.prefix())).await? {
            left.push((queue.clone(), message.id));
        }
    }
    Ok(left)
}

/// Takes all messages out of a queue.
pub(crate) async fn take_all(client: &mut RawClient, queue: &str) -> Result<Vec<LeftMessage>> {
    let channel = client.channel().await;
    let mut taken = Vec::new();
    let options = BasicGetOptions { no_ack: true };
    while let Some(message) = channel.basic_get(queue.into(), options).await? {
        let properties = &message.delivery.properties;
        let header = |name: &str| match properties.headers().as_ref()?.inner().get(name)? {
            AMQPValue::LongString(text) => Some(text.to_string()),
            _ => None,
        };
        let reason = header("x-ticketd-reason").or_else(|| header("x-first-death-reason"));
        taken.push(LeftMessage {
            correlation_id: correlation_id(properties),
            id: properties.message_id().as_ref().map(ToString::to_string).unwrap_or_default(),
            routing_key: message.routing_key.to_string(),
            reason: reason.unwrap_or_default(),
        });
    }
    Ok(taken)
}

fn correlation_id(properties: &BasicProperties) -> String {
    properties.correlation_id().as_ref().map(ToString::to_string).unwrap_or_default()
}
