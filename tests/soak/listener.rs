//! Hears every event, over all restarts of the broker: its queue is durable, and an event is
//! acknowledged only after it was written down. And reads what nobody else has taken.

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

use crate::book::Book;
use crate::jobs::Group;
use crate::outsider::Outsider;

/// The queue that every event goes to.
const QUEUE: &str = "soak-heard";

/// How long a request may take: when its connection ends meanwhile, it may never be answered.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often a stream that says nothing is looked at: a lost connection may leave it silent.
const GLANCE: Duration = Duration::from_secs(1);

/// How long nothing may be ready in the queue before all is heard.
const SILENCE: Duration = Duration::from_millis(500);

/// Listens until it is dropped.
pub struct Listener {
    task: JoinHandle<()>,
}

impl Listener {
    /// Hears everything from now on. The exchanges must be there.
    pub async fn start(url: String, book: Arc<Book>) -> Result<Self> {
        let mut outsider = Outsider::new(url);
        let channel = outsider.channel().await;
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
                let channel = outsider.channel().await;
                // Lost connections are no news here.
                let _ = listen(&channel, &book).await;
                outsider.hang_up();
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

async fn listen(channel: &Channel, book: &Book) -> Result<()> {
    let (options, nothing) = (BasicConsumeOptions::default(), FieldTable::default());
    let consuming = channel.basic_consume(QUEUE.into(), "".into(), options, nothing);
    let mut consumer = timeout(PATIENCE, consuming).await??;
    while channel.status().connected() {
        let Ok(next) = timeout(GLANCE, consumer.next()).await else { continue };
        let Some(delivery) = next.transpose()? else { break };
        book.hear(&correlation_id(&delivery.properties), &delivery.data);
        timeout(PATIENCE, delivery.ack(BasicAckOptions::default())).await??;
    }
    Ok(())
}

/// Waits until nothing is left to be heard.
pub async fn heard_out(outsider: &mut Outsider) -> Result<()> {
    let mut silent = false;
    loop {
        let waiting = length(outsider, QUEUE).await?;
        if waiting == 0 && silent {
            return Ok(());
        }
        silent = waiting == 0;
        sleep(SILENCE).await;
    }
}

/// Messages that nobody has been lent.
pub async fn length(outsider: &mut Outsider, queue: &str) -> Result<u32> {
    let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let channel = outsider.channel().await;
    let found = channel.queue_declare(queue.into(), options, FieldTable::default()).await?;
    Ok(found.message_count())
}

/// A message that nobody has taken.
pub struct DeadLetter {
    /// What it is about.
    pub correlation_id: String,
    /// The message's own id: a job's, in one that is to wake it.
    pub id: String,
    /// What it was published with.
    pub routing_key: String,
    /// Why it is where it is, if its headers say so.
    pub reason: String,
}

/// Where messages about jobs are left that nobody works on any more, and their ids.
pub async fn left(outsider: &mut Outsider, group: Group) -> Result<Vec<(String, String)>> {
    let rungs = delay::rungs().map(|rung| format!("delay.{rung}s"));
    let worked_on = ["jobs", "wake"]
        .into_iter()
        .flat_map(|what| Kind::ALL.map(|kind| format!("{what}.{kind}")));
    let mut left = Vec::new();
    for queue in rungs.chain(worked_on) {
        for letter in take_all(outsider, &format!("{}.{queue}", group.prefix())).await? {
            left.push((queue.clone(), letter.id));
        }
    }
    Ok(left)
}

/// Takes everything out of a queue.
pub async fn take_all(outsider: &mut Outsider, queue: &str) -> Result<Vec<DeadLetter>> {
    let channel = outsider.channel().await;
    let mut taken = Vec::new();
    let options = BasicGetOptions { no_ack: true };
    while let Some(message) = channel.basic_get(queue.into(), options).await? {
        let properties = &message.delivery.properties;
        let header = |name: &str| match properties.headers().as_ref()?.inner().get(name)? {
            AMQPValue::LongString(text) => Some(text.to_string()),
            _ => None,
        };
        let reason = header("x-ticketd-reason").or_else(|| header("x-first-death-reason"));
        taken.push(DeadLetter {
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
