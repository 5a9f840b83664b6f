//! Talks to RabbitMQ. The only folder that uses `lapin`.
//!
//! Two connections, because a broker that is low on memory stops reading from connections that
//! publish: acks on the other one still arrive. Both are supervised here instead of by the library,
//! whose recovery does not restore every channel.

mod connection;
mod consumer;
mod dead_letter_queue;
pub mod delay;
mod delivery;
mod endpoint;
mod error;
mod event_stream;
mod message;
mod metrics;
mod names;
mod publisher;
pub mod settings;
pub mod topology;

use std::sync::Arc;

use lapin::Channel;
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;

pub use consumer::Deliveries;
pub use dead_letter_queue::{DeadLetter, DeadLetterQueue};
pub use delivery::{AckHandle, Delivery};
pub use error::{Cause, Error, PublishError, TopologyProblem};
pub use event_stream::{EventMessage, EventStream};
pub use message::{Message, Properties, RouteResult};
pub use metrics::Metrics;
pub use names::{CANCEL_KEY, ExchangeName, SourceQueue};
pub use publisher::{Confirm, Publisher};
pub use settings::{BrokerSettings, TopologyMode};

use connection::SupervisedConnection;
use endpoint::Endpoint;
use topology::TopologySpec;

use crate::job::Kind;

/// What errors say we tried to do.
const COUNT: &str = "count messages";

/// A connected broker. Cheap to clone. Both connections close with [`close`](Self::close) or when
/// the last clone is dropped.
#[derive(Clone)]
pub struct Broker {
    endpoint: Arc<Endpoint>,
    topology: Arc<TopologySpec>,
    consuming: Arc<SupervisedConnection>,
    publishing: Arc<SupervisedConnection>,
    publisher: Publisher,
}

/// How many messages wait for an operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct QueueDepths {
    /// Events and jobs that no queue is bound for.
    pub unrouted: u32,
    /// Dead letters.
    pub dead: u32,
}

impl Broker {
    /// Connects and enforces the topology. From then on lost connections are replaced, and the
    /// topology is enforced on each new one.
    pub async fn connect(settings: &BrokerSettings) -> Result<Self, Error> {
        let endpoint = Arc::new(Endpoint::read(settings)?);
        let topology = Arc::new(TopologySpec::new(settings, settings.topology));
        topology::ensure(&endpoint, &topology).await?;
        let metrics = Metrics::default();
        let open = |purpose, topology| {
            SupervisedConnection::open(endpoint.clone(), purpose, topology, metrics.clone())
        };
        let consuming = open("consuming", Some(topology.clone())).await?;
        let publishing = open("publishing", None).await?;
        let publisher = Publisher::new(publishing.clone(), &settings.prefix);
        Ok(Self { endpoint, topology, consuming, publishing, publisher })
    }

    /// The broker's address, without a password.
    pub fn address(&self) -> &str {
        self.endpoint.address()
    }

    /// Our user on the broker; `None` if a client certificate names it instead of the address.
    pub fn user(&self) -> Option<&str> {
        self.endpoint.user()
    }

    /// Whether both connections are open and the broker accepts messages.
    pub fn is_up(&self) -> bool {
        let connected = self.consuming.is_connected() && self.publishing.is_connected();
        connected && !*self.publishing.blocked().borrow()
    }

    /// A queue that can't be consumed and why, if there is one.
    pub fn unavailable_queue(&self) -> Option<String> {
        self.consuming.unavailable_queue()
    }

    pub fn metrics(&self) -> &Metrics {
        self.publishing.metrics()
    }

    /// Starts to consume jobs and wake-ups of some kinds, and all cancel requests, with at most
    /// `prefetch` unsettled deliveries a queue.
    pub fn consume(&self, kinds: &[Kind], prefetch: u16) -> Deliveries {
        let (consuming, blocked) = (self.consuming.clone(), self.publishing.blocked());
        Deliveries::start(consuming, blocked, self.topology.clone(), kinds, prefetch)
    }

    pub fn publisher(&self) -> Publisher {
        self.publisher.clone()
    }

    /// Follows events from now on whose routing key matches a pattern; `#` matches all.
    pub async fn follow_events(&self, pattern: &str) -> Result<EventStream, Error> {
        let exchange = self.full_name(ExchangeName::Events);
        EventStream::open(self.consuming.clone(), exchange, pattern).await
    }

    pub async fn dead_letters(&self) -> Result<DeadLetterQueue, Error> {
        DeadLetterQueue::open(self.consuming.clone(), &self.full_name(ExchangeName::Dead)).await
    }

    /// Counts the messages that wait for an operator.
    pub async fn dead_and_unrouted(&self) -> Result<QueueDepths, Error> {
        let channel = self.consuming.channel(COUNT).await?;
        Ok(QueueDepths {
            unrouted: depth(&channel, &self.full_name(ExchangeName::Unrouted)).await?,
            dead: depth(&channel, &self.full_name(ExchangeName::Dead)).await?,
        })
    }

    /// The number of ready messages in each queue of jobs, due wake-ups, cancel requests, dead
    /// letters and unrouted messages. Queue names have no prefix.
    pub async fn queue_depths(&self) -> Result<Vec<(String, u32)>, Error> {
        let prefix = self.topology.prefix();
        let of_kind = |kind| [SourceQueue::Job(kind), SourceQueue::Wake(kind)];
        let consumed = Kind::ALL.into_iter().flat_map(of_kind).chain([SourceQueue::Cancel]);
        let consumed = consumed.map(|queue| (queue.name(), queue.full_name(prefix)));
        let kept = [ExchangeName::Unrouted, ExchangeName::Dead];
        let kept = kept.map(|queue| (queue.name().to_owned(), queue.full_name(prefix)));
        let channel = self.consuming.channel(COUNT).await?;
        let mut depths = Vec::new();
        for (name, full_name) in consumed.chain(kept) {
            depths.push((name, depth(&channel, &full_name).await?));
        }
        Ok(depths)
    }

    fn full_name(&self, exchange: ExchangeName) -> String {
        exchange.full_name(self.topology.prefix())
    }

    /// Closes both connections. The broker requeues deliveries that are not settled by then.
    pub async fn close(&self) {
        tokio::join!(self.consuming.close(), self.publishing.close());
    }
}

async fn depth(channel: &Channel, queue: &str) -> Result<u32, Error> {
    let counted = async {
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        channel.queue_declare(names::short(queue)?, options, FieldTable::default()).await
    };
    let queue = counted.await.map_err(|error| Error::request(COUNT, error))?;
    Ok(queue.message_count())
}
