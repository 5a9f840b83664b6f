//! Talks to RabbitMQ. The only folder that knows `lapin`.
//!
//! Two connections, so that a broker short of memory, which stops reading from publishers, still
//! hears our acks. Both are supervised here: the library's own recovery leaves holes.

mod connection;
mod consumer;
mod dead_letter_queue;
pub mod delay;
mod delivery;
mod endpoint;
mod error;
mod event_stream;
mod flapping;
mod mandatory;
mod message;
mod metrics;
mod names;
mod priority;
mod publisher;
pub mod settings;
pub mod topology;

use std::sync::Arc;

use lapin::options::QueueDeclareOptions;
use lapin::types::{FieldTable, ShortString};

pub use consumer::Deliveries;
pub use dead_letter_queue::{DeadLetter, DeadLetterHandle, DeadLetterQueue};
pub use delivery::{AckHandle, Delivery, SourceQueue};
pub use error::{Cause, Error, PublishError};
pub use event_stream::{EventStream, Published};
pub use message::{Message, Properties};
pub use metrics::Metrics;
pub use publisher::{Confirm, ExchangeName, Publisher, RouteResult};
pub use settings::{BrokerSettings, TopologyMode};

use connection::{SupervisedConnection, lost};
use endpoint::Endpoint;
use names::Names;
use topology::TopologySpec;

use crate::job::Kind;

/// A broker we are connected to. Cheap to clone; both connections close with the last clone, or
/// with [`close`](Self::close).
#[derive(Clone)]
pub struct Broker {
    names: Names,
    plan: Arc<TopologySpec>,
    consuming: Arc<SupervisedConnection>,
    publishing: Arc<SupervisedConnection>,
    publisher: Publisher,
    endpoint: Arc<Endpoint>,
}

/// How many messages wait for a person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct QueueDepths {
    /// Results and jobs that no queue was bound for.
    pub unrouted: u32,
    /// Dead letters.
    pub dead: u32,
}

impl Broker {
    /// Connects and sees to the topology. From then on the connections, and the topology on each
    /// new one, are looked after until [`close`](Self::close).
    pub async fn connect(settings: &BrokerSettings) -> Result<Self, Error> {
        let endpoint = Arc::new(Endpoint::read(settings)?);
        let plan = Arc::new(TopologySpec::new(settings, settings.topology));
        topology::ensure(&endpoint, &plan).await?;
        let consuming = endpoint.dial("taking").await?;
        let publishing = endpoint.dial("giving").await?;
        let metrics = Metrics::default();
        let consuming = SupervisedConnection::over(
            consuming,
            endpoint.clone(),
            "taking",
            Some(plan.clone()),
            metrics.clone(),
        );
        let publishing =
            SupervisedConnection::over(publishing, endpoint.clone(), "giving", None, metrics);
        let names = Names::new(&settings.prefix);
        let publisher = Publisher::new(publishing.clone(), names.clone());
        Ok(Self { names, plan, consuming, publishing, publisher, endpoint })
    }

    /// Where the broker is, without a password.
    pub fn address(&self) -> &str {
        self.endpoint.address()
    }

    /// Whom the broker takes us for; none if not our address but a certificate says so.
    pub fn user(&self) -> Option<&str> {
        self.endpoint.user()
    }

    /// Whether both connections stand, and the broker takes messages from us.
    pub fn is_up(&self) -> bool {
        let connected = self.consuming.is_connected() && self.publishing.is_connected();
        connected && !*self.publishing.blocked().borrow()
    }

    /// A queue that nothing can be taken from, and why, if there is one.
    pub fn unavailable_queue(&self) -> Option<String> {
        self.consuming.unavailable_queue()
    }

    /// What is counted of the way to and from the broker.
    pub fn metrics(&self) -> &Metrics {
        self.publishing.metrics()
    }

    /// Starts taking the jobs of some kinds, their wake-ups, and wishes that any job ends. At most
    /// `prefetch` unsettled deliveries of each queue are lent to us.
    pub fn consume(&self, kinds: &[Kind], prefetch: u16) -> Deliveries {
        let blocked = self.publishing.blocked();
        Deliveries::start(
            self.consuming.clone(),
            blocked,
            self.plan.clone(),
            &self.names,
            kinds,
            prefetch,
        )
    }

    /// Publishes.
    pub fn publisher(&self) -> Publisher {
        self.publisher.clone()
    }

    /// Follows the events whose routing key fits a pattern, `#` for all, from now on.
    pub async fn follow_events(&self, pattern: &str) -> Result<EventStream, Error> {
        EventStream::open(self.consuming.clone(), self.names.events(), pattern).await
    }

    /// Looks through the dead letters.
    pub async fn dead_letters(&self) -> Result<DeadLetterQueue, Error> {
        DeadLetterQueue::open(self.consuming.clone(), &self.names.dead()).await
    }

    /// Counts what waits for a person.
    pub async fn lengths(&self) -> Result<QueueDepths, Error> {
        Ok(QueueDepths {
            unrouted: self.length(&self.names.unrouted()).await?,
            dead: self.length(&self.names.dead()).await?,
        })
    }

    /// Counts the messages that are ready in each queue that somebody should empty: new jobs,
    /// wake-ups that are due, and what waits for a person. The names are without the prefix.
    pub async fn waiting(&self) -> Result<Vec<(String, u32)>, Error> {
        let (names, prefix) = (&self.names, self.names.of(""));
        let of_kinds = Kind::ALL.map(|kind| [names.job_queue(kind), names.wake_queue(kind)]);
        let others = [names.cancel_queue(), names.unrouted(), names.dead()];
        let channel = self.consuming.channel(COUNT).await?;
        let mut waiting = Vec::new();
        for queue in of_kinds.into_iter().flatten().chain(others) {
            let length = length(&channel, &queue).await?;
            let name = queue.strip_prefix(&prefix).unwrap_or(&queue);
            waiting.push((name.to_owned(), length));
        }
        Ok(waiting)
    }

    async fn length(&self, queue: &str) -> Result<u32, Error> {
        length(&self.consuming.channel(COUNT).await?, queue).await
    }

    /// Closes both connections. Deliveries not settled by then go back.
    pub async fn close(&self) {
        tokio::join!(self.consuming.close(), self.publishing.close());
    }
}

const COUNT: &str = "count messages";

async fn length(channel: &lapin::Channel, queue: &str) -> Result<u32, Error> {
    let refused = |error: lapin::Error| Error::Refused { what: COUNT.into(), source: error.into() };
    let name = ShortString::try_new(queue)
        .map_err(|error| Error::Refused { what: COUNT.into(), source: error.into() })?;
    let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    match channel.queue_declare(name, options, FieldTable::default()).await {
        Ok(queue) => Ok(queue.message_count()),
        Err(error) if error.is_amqp_soft_error() => Err(refused(error)),
        Err(error) => Err(lost(COUNT, error)),
    }
}
