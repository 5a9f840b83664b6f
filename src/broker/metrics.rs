//! Metrics of connections, deliveries and publishes.

use std::time::Instant;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Seconds: from a broker on the same machine to the confirm time-out.
const LATENCIES: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 10.0, 60.0];

/// The values of the label `result`.
pub(super) mod result {
    pub(in crate::broker) const CONFIRMED: &str = "confirmed";
    pub(in crate::broker) const UNROUTABLE: &str = "unroutable";
    pub(in crate::broker) const NACKED: &str = "nacked";
    pub(in crate::broker) const TIMEOUT: &str = "timeout";
    pub(in crate::broker) const LOST: &str = "lost";
}

/// Clones share their counters.
#[derive(Clone, Debug)]
pub struct Metrics {
    publishes: Family<PublishLabels, Histogram, fn() -> Histogram>,
    deliveries: Family<QueueLabel, Counter>,
    connected: Family<ConnectionLabel, Gauge>,
    reconnects: Family<ConnectionLabel, Counter>,
    blocked: Family<ConnectionLabel, Gauge>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PublishLabels {
    exchange: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct QueueLabel {
    queue: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ConnectionLabel {
    connection: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        let latencies: fn() -> Histogram = || Histogram::new(LATENCIES);
        let publishes = Family::new_with_constructor(latencies);
        // Prometheus sees an increase only of a series that already exists.
        for exchange in ["events", "delay", "wake", "dead"] {
            for result in [result::NACKED, result::TIMEOUT, result::LOST] {
                drop(publishes.get_or_create(&PublishLabels { exchange, result }));
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
    pub fn register(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "publish_duration",
            "Time until the broker confirmed a publish, by exchange and result: confirmed, \
             unroutable, nacked, lost or timeout",
            Unit::Seconds,
            self.publishes.clone(),
        );
        registry.register(
            "deliveries",
            "Messages delivered from a queue, redeliveries included",
            self.deliveries.clone(),
        );
        registry.register(
            "broker_connected",
            "1 while a connection to the broker is open; one is for consuming, one for publishing",
            self.connected.clone(),
        );
        registry.register(
            "broker_reconnects",
            "Times a connection to the broker was lost and opened again",
            self.reconnects.clone(),
        );
        registry.register(
            "broker_blocked",
            "1 while the broker is low on memory or disk and accepts no messages from a connection",
            self.blocked.clone(),
        );
    }

    pub(super) fn start_publish(&self, exchange: &'static str) -> PublishTimer {
        PublishTimer { metrics: self.clone(), exchange, start: Instant::now() }
    }

    pub(super) fn delivery(&self, queue: String) {
        self.deliveries.get_or_create(&QueueLabel { queue }).inc();
    }

    /// A connection is open for the first time.
    pub(super) fn first_connected(&self, connection: &'static str) {
        self.connected(connection, true);
        self.blocked(connection, false);
        drop(self.reconnects.get_or_create(&ConnectionLabel { connection }));
    }

    pub(super) fn connected(&self, connection: &'static str, connected: bool) {
        self.connected.get_or_create(&ConnectionLabel { connection }).set(connected.into());
    }

    pub(super) fn reconnected(&self, connection: &'static str) {
        self.reconnects.get_or_create(&ConnectionLabel { connection }).inc();
    }

    pub(super) fn blocked(&self, connection: &'static str, blocked: bool) {
        self.blocked.get_or_create(&ConnectionLabel { connection }).set(blocked.into());
    }
}

/// Measures one publish. Dropped unfinished, it counts nothing.
pub(super) struct PublishTimer {
    metrics: Metrics,
    exchange: &'static str,
    start: Instant,
}

impl PublishTimer {
    pub(super) fn finish(self, result: &'static str) {
        let labels = PublishLabels { exchange: self.exchange, result };
        let duration = self.start.elapsed().as_secs_f64();
        self.metrics.publishes.get_or_create(&labels).observe(duration);
    }
}
