//! What is counted of the way to and from the broker.

use std::time::Instant;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::delivery::SourceQueue;
use super::error::PublishError;
use super::publisher::RouteResult;

/// From a node on the same machine to a confirm that is about to be given up, in seconds.
const LATENCIES: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 10.0, 60.0];

const REFUSED: &str = "refused";
const UNCONFIRMED: &str = "unconfirmed";
const LOST: &str = "lost";

/// What is counted. Clones count together.
#[derive(Clone, Debug)]
pub struct Metrics {
    publishes: Family<Publish, Histogram, fn() -> Histogram>,
    deliveries: Family<Queue, Counter>,
    connected: Family<Purpose, Gauge>,
    reconnects: Family<Purpose, Counter>,
    blocked: Family<Purpose, Gauge>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Publish {
    exchange: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Queue {
    queue: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Purpose {
    connection: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        let latencies: fn() -> Histogram = || Histogram::new(LATENCIES);
        let publishes = Family::new_with_constructor(latencies);
        // An increase from nothing would not be seen.
        for exchange in ["events", "delay", "wake", "dead"] {
            for result in [REFUSED, UNCONFIRMED, LOST] {
                drop(publishes.get_or_create(&Publish { exchange, result }));
            }
        }
        Self {
            publishes,
            deliveries: Family::default(),
            connected: Family::default(),
            reconnects: Family::default(),
            blocked: Family::default(),
        }
    }
}

impl Metrics {
    /// Makes them known.
    pub fn register(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "publish_duration",
            "Publishes by exchange: how long the broker took to confirm each, and whether it was \
             confirmed, unroutable, refused, lost or unconfirmed",
            Unit::Seconds,
            self.publishes.clone(),
        );
        registry.register(
            "deliveries",
            "Messages taken from a queue, repeats included",
            self.deliveries.clone(),
        );
        registry.register(
            "broker_connected",
            "1 while a connection to the broker stands: taking is for consuming, giving for \
             publishing",
            self.connected.clone(),
        );
        registry.register(
            "broker_reconnects",
            "Times a connection to the broker was lost and made again",
            self.reconnects.clone(),
        );
        registry.register(
            "broker_blocked",
            "1 while the broker is out of memory or disk and takes nothing from a connection",
            self.blocked.clone(),
        );
    }

    /// Begins to measure a publish.
    pub(super) fn publish(&self, exchange: &'static str) -> Publishing {
        Publishing { metrics: self.clone(), exchange, since: Instant::now() }
    }

    pub(super) fn delivery(&self, origin: SourceQueue) {
        let queue = match origin {
            SourceQueue::Job(kind) => format!("jobs.{kind}"),
            SourceQueue::Wake(kind) => format!("wake.{kind}"),
            SourceQueue::Cancel => "jobs.cancel".to_owned(),
        };
        self.deliveries.get_or_create(&Queue { queue }).inc();
    }

    /// A connection stands for the first time.
    pub(super) fn begin(&self, connection: &'static str) {
        self.connected(connection, true);
        self.blocked(connection, false);
        drop(self.reconnects.get_or_create(&Purpose { connection }));
    }

    pub(super) fn connected(&self, connection: &'static str, connected: bool) {
        self.connected.get_or_create(&Purpose { connection }).set(connected.into());
    }

    pub(super) fn reconnected(&self, connection: &'static str) {
        self.reconnects.get_or_create(&Purpose { connection }).inc();
    }

    pub(super) fn blocked(&self, connection: &'static str, blocked: bool) {
        self.blocked.get_or_create(&Purpose { connection }).set(blocked.into());
    }
}

/// A publish whose end is still to come. Dropped, it is not counted.
pub(super) struct Publishing {
    metrics: Metrics,
    exchange: &'static str,
    since: Instant,
}

impl Publishing {
    pub(super) fn ended(self, outcome: Result<RouteResult, &PublishError>) {
        let result = match outcome {
            Ok(RouteResult::Routed) => "confirmed",
            Ok(RouteResult::Unroutable) => "unroutable",
            Err(PublishError::Refused) => REFUSED,
            Err(PublishError::Unconfirmed(_)) => UNCONFIRMED,
            Err(
                PublishError::Unreachable(_) | PublishError::Lost(_) | PublishError::TooLong(_),
            ) => LOST,
        };
        let labels = Publish { exchange: self.exchange, result };
        let took = self.since.elapsed().as_secs_f64();
        self.metrics.publishes.get_or_create(&labels).observe(took);
    }
}
