//! Takes deliveries in, as long as the worker wants any.

use std::sync::Arc;

use futures_util::StreamExt;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, Consumer};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::connection::{Backoff, SupervisedConnection, lost};
use super::delivery::{Delivery, SourceQueue};
use super::error::Error;
use super::names::Names;
use super::priority::PriorityReceiver;
use super::topology::TopologySpec;
use crate::error_chain::chain;
use crate::job::Kind;

/// The deliveries of some kinds of jobs, of their wake-ups, and of wishes that any job ends.
/// Dropped, it stops taking, and what was not handed out goes back.
#[derive(Debug)]
pub struct Deliveries {
    lanes: PriorityReceiver<Delivery>,
    blocked: watch::Receiver<bool>,
    stop: CancellationToken,
    intakes: JoinSet<()>,
}

impl Deliveries {
    pub(super) fn start(
        consuming: Arc<SupervisedConnection>,
        blocked: watch::Receiver<bool>,
        plan: Arc<TopologySpec>,
        names: &Names,
        kinds: &[Kind],
        prefetch: u16,
    ) -> Self {
        // Small: what waits here is out of reach of other replicas.
        let (wakes_in, wakes) = mpsc::channel(1);
        let (jobs_in, jobs) = mpsc::channel(1);
        let stop = CancellationToken::new();
        // A wish that a job ends is worth little if it comes late.
        let mut sources = vec![(SourceQueue::Cancel, names.cancel_queue(), &wakes_in)];
        for kind in kinds {
            sources.push((SourceQueue::Wake(*kind), names.wake_queue(*kind), &wakes_in));
            sources.push((SourceQueue::Job(*kind), names.job_queue(*kind), &jobs_in));
        }
        let mut intakes = JoinSet::new();
        for (origin, queue, out) in sources {
            let intake = QueueConsumer {
                link: consuming.clone(),
                plan: plan.clone(),
                origin,
                queue,
                prefetch,
                out: out.clone(),
                stop: stop.clone(),
            };
            intakes.spawn(intake.run());
        }
        Self { lanes: PriorityReceiver::new(wakes, jobs), blocked, stop, intakes }
    }

    /// The next delivery; wake-ups come first, and a new job at least every fourth time while
    /// any wait. `None` after [`stop`](Self::stop), or once the broker is closed. Hands out nothing
    /// while the broker takes nothing from us, as no outcome could be reported. Nothing is lost if
    /// the future is dropped.
    pub async fn next(&mut self) -> Option<Delivery> {
        // An error says that the connection is closed for good, and then the lanes end too.
        self.blocked.wait_for(|blocked| !blocked).await.ok();
        loop {
            let delivery = self.lanes.next().await?;
            // One whose channel was lost on the way comes again, and can't be settled here.
            if delivery.receipt.is_valid() {
                return Some(delivery);
            }
        }
    }

    /// Stops taking, and gives back what was not handed out. What was can still be settled.
    pub async fn stop(&mut self) {
        self.stop.cancel();
        self.lanes.close();
        while let Some(delivery) = self.lanes.next().await {
            // Dropped, it goes back.
            drop(delivery);
        }
        while self.intakes.join_next().await.is_some() {}
    }
}

impl Drop for Deliveries {
    fn drop(&mut self) {
        self.stop.cancel();
        // Each ends by itself, after it has given back what it holds.
        self.intakes.detach_all();
    }
}

/// Takes from one queue. Each has a channel of its own, so that an error about one delivery ends
/// the deliveries of one queue only.
struct QueueConsumer {
    link: Arc<SupervisedConnection>,
    plan: Arc<TopologySpec>,
    origin: SourceQueue,
    queue: String,
    prefetch: u16,
    out: mpsc::Sender<Delivery>,
    stop: CancellationToken,
}

impl QueueConsumer {
    async fn run(self) {
        let mut backoff = Backoff::default();
        loop {
            match self.stop.run_until_cancelled(self.subscribe()).await {
                None => return,
                Some(Ok((channel, consumer))) => {
                    backoff.reset();
                    self.link.note_unavailable(&self.queue, None);
                    self.forward(channel, consumer).await;
                }
                Some(Err(_)) if self.link.is_closed() => return,
                Some(Err(error)) => {
                    let why = chain(&error);
                    if self.link.note_unavailable(&self.queue, Some(&why)) {
                        warn!(queue = self.queue, "{why}");
                    }
                }
            }
            let pause = tokio::time::sleep(backoff.next());
            if self.stop.run_until_cancelled(pause).await.is_none() {
                return;
            }
        }
    }

    async fn subscribe(&self) -> Result<(Channel, Consumer), Error> {
        let connection = self.link.connection(TAKE).await?;
        match self.consume(&connection).await {
            Ok(subscribed) => Ok(subscribed),
            Err(error) if is_missing(&error) => {
                // Somebody deleted the queue. Declare it again, where that is ours to do.
                self.plan.enforce(&connection).await?;
                self.consume(&connection).await.map_err(|error| lost(TAKE, error))
            }
            Err(error) if error.is_amqp_soft_error() => {
                Err(Error::Refused { what: TAKE.into(), source: error.into() })
            }
            Err(error) => Err(lost(TAKE, error)),
        }
    }

    async fn consume(&self, connection: &lapin::Connection) -> lapin::Result<(Channel, Consumer)> {
        let channel = connection.create_channel().await?;
        channel.basic_qos(self.prefetch, BasicQosOptions::default()).await?;
        let queue = ShortString::try_new(self.queue.as_str())
            .map_err(|error| lapin::Error::from(std::io::Error::other(error)))?;
        let (options, arguments) = (BasicConsumeOptions::default(), FieldTable::default());
        let consumer = channel.basic_consume(queue, "".into(), options, arguments).await?;
        Ok((channel, consumer))
    }

    /// Returns when the stream has ended, has failed, or its channel is gone without a word.
    async fn forward(&self, channel: Channel, mut consumer: Consumer) {
        let mut glance = tokio::time::interval(GLANCE);
        while channel.status().connected() {
            tokio::select! {
                message = consumer.next() => match message {
                    Some(Ok(message)) => {
                        self.link.metrics().delivery(self.origin);
                        let delivery = Delivery::new(self.origin, &channel, message);
                        if self.hand_over(delivery).await.is_none() {
                            return self.requeue(channel, consumer).await;
                        }
                    }
                    // A lost connection is reported by its own supervisor.
                    Some(Err(error)) if !error.is_amqp_soft_error() => {
                        return debug!(queue = self.queue, "deliveries ended: {error}");
                    }
                    Some(Err(error)) => {
                        return warn!(queue = self.queue, "the broker closed our channel: {error}");
                    }
                    None => return warn!(queue = self.queue, "the broker ended our deliveries"),
                },
                () = self.stop.cancelled() => return self.requeue(channel, consumer).await,
                _ = glance.tick() => {}
            }
        }
        debug!(queue = self.queue, "the channel of deliveries is gone");
    }

    /// `None` when we are to stop; the delivery then goes back as it is dropped.
    async fn hand_over(&self, delivery: Delivery) -> Option<()> {
        self.stop.run_until_cancelled(self.out.send(delivery)).await?.ok()
    }

    /// Ends the stream and returns everything in it, up to its end. After a failure the broker
    /// takes it all back by itself.
    async fn requeue(&self, channel: Channel, mut consumer: Consumer) {
        let cancelled = channel.basic_cancel(consumer.tag(), BasicCancelOptions::default()).await;
        if let Err(error) = cancelled {
            return debug!(queue = self.queue, "could not cancel: {error}");
        }
        while let Some(Ok(message)) = consumer.next().await {
            let delivery = Delivery::new(self.origin, &channel, message);
            if let Err(error) = delivery.requeue().await {
                return debug!(queue = self.queue, "{}", chain(&error));
            }
        }
    }
}

const TAKE: &str = "take deliveries";

/// How often we look at a stream that says nothing: after some errors it stays silent for ever.
const GLANCE: std::time::Duration = std::time::Duration::from_secs(1);

fn is_missing(error: &lapin::Error) -> bool {
    use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
    matches!(error.kind(), lapin::ErrorKind::ProtocolError(refusal)
        if *refusal.kind() == AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND))
}
