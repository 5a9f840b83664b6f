//! Consumes the queues of jobs, wake-ups and cancel requests.

mod priority;

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::FieldTable;
use lapin::{Channel, Consumer};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::connection::{RECONNECT_BACKOFF, SupervisedConnection};
use super::delivery::Delivery;
use super::error::Error;
use super::names::{SourceQueue, short};
use super::topology::TopologySpec;
use crate::error_chain::chain;
use crate::job::Kind;
use priority::PriorityReceiver;

/// How often the channel of a silent stream is checked: after some errors the library's stream
/// stays silent for ever.
const CHANNEL_CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// What errors say we tried to do.
const CONSUME: &str = "consume deliveries";

/// Deliveries of jobs and wake-ups of some kinds, and of all cancel requests. Dropped, it stops
/// consuming and requeues what it has not returned yet.
#[derive(Debug)]
pub struct Deliveries {
    receiver: PriorityReceiver<Delivery>,
    blocked: watch::Receiver<bool>,
    stop: CancellationToken,
    consumers: JoinSet<()>,
}

impl Deliveries {
    pub(super) fn start(
        consuming: Arc<SupervisedConnection>,
        blocked: watch::Receiver<bool>,
        topology: Arc<TopologySpec>,
        kinds: &[Kind],
        prefetch: u16,
    ) -> Self {
        // Small, because other replicas can't get what waits here.
        let (wake_sender, wakes) = mpsc::channel(1);
        let (job_sender, jobs) = mpsc::channel(1);
        let stop = CancellationToken::new();
        // Cancel requests have priority: they are worth little if they arrive late.
        let mut queues = vec![(SourceQueue::Cancel, &wake_sender)];
        for kind in kinds {
            queues.push((SourceQueue::Wake(*kind), &wake_sender));
            queues.push((SourceQueue::Job(*kind), &job_sender));
        }
        let mut consumers = JoinSet::new();
        for (queue, sender) in queues {
            let consumer = QueueConsumer {
                connection: consuming.clone(),
                queue,
                queue_name: queue.full_name(topology.prefix()),
                topology: topology.clone(),
                prefetch,
                sender: sender.clone(),
                stop: stop.clone(),
            };
            consumers.spawn(consumer.run());
        }
        Self { receiver: PriorityReceiver::new(wakes, jobs), blocked, stop, consumers }
    }

    /// The next delivery. Wake-ups come first; while both wait, at least every fourth delivery is a
    /// new job. `None` after [`stop`](Self::stop), or once the broker is closed. Returns nothing
    /// while the broker accepts no messages, because no outcome could be published. Cancel safe.
    pub async fn next(&mut self) -> Option<Delivery> {
        // An error means that the connection is closed for good; the receiver then ends too.
        self.blocked.wait_for(|blocked| !blocked).await.ok();
        loop {
            let delivery = self.receiver.recv().await?;
            // If its channel was lost meanwhile, the broker delivers the message again.
            if delivery.ack_handle.is_valid() {
                return Some(delivery);
            }
        }
    }

    /// Stops consuming and requeues what was not returned yet. What was returned can still be
    /// settled.
    pub async fn stop(&mut self) {
        self.stop.cancel();
        self.receiver.close();
        while let Some(delivery) = self.receiver.recv().await {
            // Dropped, it is requeued.
            drop(delivery);
        }
        while self.consumers.join_next().await.is_some() {}
    }
}

impl Drop for Deliveries {
    fn drop(&mut self) {
        self.stop.cancel();
        // Each consumer ends by itself, after it has requeued what it holds.
        self.consumers.detach_all();
    }
}

/// Consumes one queue. It has a channel of its own, so that an error about one delivery ends the
/// deliveries of one queue only.
struct QueueConsumer {
    connection: Arc<SupervisedConnection>,
    queue: SourceQueue,
    queue_name: String,
    topology: Arc<TopologySpec>,
    prefetch: u16,
    sender: mpsc::Sender<Delivery>,
    stop: CancellationToken,
}

impl QueueConsumer {
    async fn run(self) {
        let mut failures = 0;
        loop {
            match self.stop.run_until_cancelled(self.subscribe()).await {
                None => return,
                Some(Ok((channel, consumer))) => {
                    failures = 0;
                    self.connection.note_unavailable(&self.queue_name, None);
                    self.forward(channel, consumer).await;
                }
                Some(Err(_)) if self.connection.is_closed() => return,
                Some(Err(error)) => {
                    let why = chain(&error);
                    if self.connection.note_unavailable(&self.queue_name, Some(&why)) {
                        warn!(queue = self.queue_name, "{why}");
                    }
                }
            }
            failures += 1;
            let pause = tokio::time::sleep(RECONNECT_BACKOFF.delay(failures, rand::random()));
            if self.stop.run_until_cancelled(pause).await.is_none() {
                return;
            }
        }
    }

    async fn subscribe(&self) -> Result<(Channel, Consumer), Error> {
        let connection = self.connection.connection(CONSUME).await?;
        match self.consume(&connection).await {
            Ok(subscribed) => Ok(subscribed),
            Err(error) if is_not_found(&error) => {
                // The queue was deleted. In mode `apply` this declares it again.
                self.topology.enforce(&connection).await?;
                self.consume(&connection).await.map_err(|error| Error::lost(CONSUME, error))
            }
            Err(error) => Err(Error::request(CONSUME, error)),
        }
    }

    async fn consume(&self, connection: &lapin::Connection) -> lapin::Result<(Channel, Consumer)> {
        let channel = connection.create_channel().await?;
        channel.basic_qos(self.prefetch, BasicQosOptions::default()).await?;
        let queue = short(&self.queue_name)?;
        let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
        let consumer = channel.basic_consume(queue, "".into(), options, arguments).await?;
        Ok((channel, consumer))
    }

    /// Returns when the stream has ended or failed, or when its channel has closed silently.
    async fn forward(&self, channel: Channel, mut consumer: Consumer) {
        let mut check = tokio::time::interval(CHANNEL_CHECK_INTERVAL);
        let queue = &self.queue_name;
        while channel.status().connected() {
            tokio::select! {
                message = consumer.next() => match message {
                    Some(Ok(message)) => {
                        self.connection.metrics().delivery(self.queue.name());
                        let delivery = Delivery::new(self.queue, &channel, message);
                        if self.hand_over(delivery).await.is_none() {
                            return self.requeue_rest(channel, consumer).await;
                        }
                    }
                    // The supervisor reports a lost connection.
                    Some(Err(error)) if !error.is_amqp_soft_error() => {
                        return debug!(queue, "deliveries ended: {error}");
                    }
                    Some(Err(error)) => {
                        return warn!(queue, "the broker closed our channel: {error}");
                    }
                    None => return warn!(queue, "the broker ended our deliveries"),
                },
                () = self.stop.cancelled() => return self.requeue_rest(channel, consumer).await,
                _ = check.tick() => {}
            }
        }
        debug!(queue, "the channel of deliveries is closed");
    }

    /// `None` when we are stopping; the delivery is then requeued, because it is dropped.
    async fn hand_over(&self, delivery: Delivery) -> Option<()> {
        self.stop.run_until_cancelled(self.sender.send(delivery)).await?.ok()
    }

    /// Cancels the consumer and requeues every delivery still in the stream. After a failure the
    /// broker requeues them by itself.
    async fn requeue_rest(&self, channel: Channel, mut consumer: Consumer) {
        let queue = &self.queue_name;
        let cancelled = channel.basic_cancel(consumer.tag(), BasicCancelOptions::default()).await;
        if let Err(error) = cancelled {
            return debug!(queue, "the consumer could not be cancelled: {error}");
        }
        while let Some(Ok(message)) = consumer.next().await {
            let delivery = Delivery::new(self.queue, &channel, message);
            if let Err(error) = delivery.requeue().await {
                return debug!(queue, "{}", chain(&error));
            }
        }
    }
}

fn is_not_found(error: &lapin::Error) -> bool {
    matches!(error.kind(), lapin::ErrorKind::ProtocolError(refusal)
        if *refusal.kind() == AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND))
}
