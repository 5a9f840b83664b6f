//! Metrics of the backlog: jobs in the ledger and messages in our queues, counted on each scrape.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use tracing::debug;

use crate::broker::Broker;
use crate::ledger::Ledger;

/// How long a count is reused, so that several scrapers share it.
const CACHE_TTL: Duration = Duration::from_secs(5);

/// How long counting may take. Scrapers usually wait for ten seconds at most.
const COUNT_TIMEOUT: Duration = Duration::from_secs(4);

/// Collects the backlog. Metrics that could not be counted are removed, and `success` is 0.
pub(super) struct BacklogCollector {
    ledger: Arc<dyn Ledger>,
    broker: Broker,
    last_collected: Mutex<Option<Instant>>,
    jobs: Family<JobLabels, Gauge>,
    overdue: Gauge<f64, std::sync::atomic::AtomicU64>,
    messages: Family<BacklogQueueLabel, Gauge>,
    success: Family<SourceLabel, Gauge>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct JobLabels {
    operation: String,
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BacklogQueueLabel {
    queue: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SourceLabel {
    source: &'static str,
}

impl BacklogCollector {
    pub(super) fn new(ledger: Arc<dyn Ledger>, broker: Broker, registry: &mut Registry) -> Self {
        let collector = Self {
            ledger,
            broker,
            last_collected: Mutex::default(),
            jobs: Family::default(),
            overdue: Gauge::default(),
            messages: Family::default(),
            success: Family::default(),
        };
        registry.register(
            "jobs",
            "Jobs in the ledger that are not done, by status, and jobs that ended as unknown; every \
             replica on the same ledger reports the same",
            collector.jobs.clone(),
        );
        registry.register_with_unit(
            "jobs_overdue",
            "How long the oldest job has been overdue; 0 if none is",
            Unit::Seconds,
            collector.overdue.clone(),
        );
        registry.register(
            "queue_messages",
            "Messages ready in a queue; every replica on the same broker reports the same",
            collector.messages.clone(),
        );
        registry.register(
            "backlog_scrape_success",
            "1 if the jobs of the ledger or the queues of the broker could be counted for this \
             scrape",
            collector.success.clone(),
        );
        collector
    }

    /// Counts, unless the last count is still fresh.
    pub(super) async fn collect(&self) {
        let mut last_collected = self.last_collected.lock().await;
        if last_collected.is_none_or(|at| at.elapsed() >= CACHE_TTL) {
            tokio::join!(self.count_jobs(), self.count_messages());
            *last_collected = Some(Instant::now());
        }
    }

    async fn count_jobs(&self) {
        let counted = timeout(COUNT_TIMEOUT, self.ledger.count_by_status()).await;
        self.jobs.clear();
        self.overdue.set(0.0);
        self.set_success("ledger", matches!(counted, Ok(Ok(_))));
        let counts = match counted {
            Ok(Ok(counts)) => counts,
            Ok(Err(error)) => return debug!(%error, "jobs could not be counted"),
            Err(_) => return debug!("counting jobs timed out"),
        };
        if let Some(oldest) = counts.iter().filter_map(|count| count.first_due).min() {
            let overdue = Timestamp::now().duration_since(oldest).as_secs_f64();
            self.overdue.set(overdue.max(0.0));
        }
        for count in counts {
            let labels = JobLabels { operation: count.operation, status: count.status.as_str() };
            let jobs = count.jobs.try_into().unwrap_or(i64::MAX);
            self.jobs.get_or_create(&labels).set(jobs);
        }
    }

    async fn count_messages(&self) {
        let counted = timeout(COUNT_TIMEOUT, self.broker.queue_depths()).await;
        self.messages.clear();
        self.set_success("broker", matches!(counted, Ok(Ok(_))));
        let depths = match counted {
            Ok(Ok(depths)) => depths,
            Ok(Err(error)) => return debug!(%error, "messages could not be counted"),
            Err(_) => return debug!("counting messages timed out"),
        };
        for (queue, messages) in depths {
            self.messages.get_or_create(&BacklogQueueLabel { queue }).set(messages.into());
        }
    }

    fn set_success(&self, source: &'static str, success: bool) {
        self.success.get_or_create(&SourceLabel { source }).set(success.into());
    }
}
