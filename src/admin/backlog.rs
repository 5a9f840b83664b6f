//! Counts what waits, when it is asked to: jobs in the ledger, messages in our queues.

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

/// How long a count is good for: several who look share the work.
const FRESH: Duration = Duration::from_secs(5);

/// How long counting may take. Whoever looks waits for no more than ten seconds, as a rule.
const PATIENCE: Duration = Duration::from_secs(4);

/// What waits. What could not be counted is left out, and said to be.
pub(super) struct BacklogCollector {
    ledger: Arc<dyn Ledger>,
    broker: Broker,
    taken: Mutex<Option<Instant>>,
    jobs: Family<StatusCount, Gauge>,
    overdue: Gauge<f64, std::sync::atomic::AtomicU64>,
    queues: Family<Queue, Gauge>,
    success: Family<Source, Gauge>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusCount {
    operation: String,
    status: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Queue {
    queue: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Source {
    source: &'static str,
}

impl BacklogCollector {
    pub(super) fn new(ledger: Arc<dyn Ledger>, broker: Broker, registry: &mut Registry) -> Self {
        let backlog = Self {
            ledger,
            broker,
            taken: Mutex::default(),
            jobs: Family::default(),
            overdue: Gauge::default(),
            queues: Family::default(),
            success: Family::default(),
        };
        registry.register(
            "jobs",
            "Jobs in the ledger that are not done, by what they wait for, and those whose outcome \
             is unknown; every replica on one ledger says the same",
            backlog.jobs.clone(),
        );
        registry.register_with_unit(
            "jobs_overdue",
            "How long the job that has waited longest is past its time; 0 if none is",
            Unit::Seconds,
            backlog.overdue.clone(),
        );
        registry.register(
            "queue_messages",
            "Messages ready in a queue; every replica on one broker says the same",
            backlog.queues.clone(),
        );
        registry.register(
            "census_success",
            "1 if the ledger's jobs, or the broker's queues, could be counted for this scrape",
            backlog.success.clone(),
        );
        backlog
    }

    /// Counts, unless that was done a moment ago.
    pub(super) async fn take(&self) {
        let mut taken = self.taken.lock().await;
        if taken.is_none_or(|taken| taken.elapsed() >= FRESH) {
            tokio::join!(self.count_jobs(), self.count_messages());
            *taken = Some(Instant::now());
        }
    }

    async fn count_jobs(&self) {
        let counted = timeout(PATIENCE, self.ledger.count_by_status()).await;
        self.jobs.clear();
        self.overdue.set(0.0);
        self.succeeded("ledger", matches!(counted, Ok(Ok(_))));
        let count_by_status = match counted {
            Ok(Ok(count_by_status)) => count_by_status,
            Ok(Err(error)) => return debug!(%error, "jobs were not counted"),
            Err(_) => return debug!("jobs were not counted in time"),
        };
        if let Some(first) =
            count_by_status.iter().filter_map(|status_count| status_count.first_due).min()
        {
            let overdue = Timestamp::now().duration_since(first).as_secs_f64();
            self.overdue.set(overdue.max(0.0));
        }
        for status_count in count_by_status {
            let (operation, status) = (status_count.operation, status_count.status.as_str());
            let jobs = status_count.jobs.try_into().unwrap_or(i64::MAX);
            self.jobs.get_or_create(&StatusCount { operation, status }).set(jobs);
        }
    }

    async fn count_messages(&self) {
        let counted = timeout(PATIENCE, self.broker.waiting()).await;
        self.queues.clear();
        self.succeeded("broker", matches!(counted, Ok(Ok(_))));
        let waiting = match counted {
            Ok(Ok(waiting)) => waiting,
            Ok(Err(error)) => return debug!(%error, "messages were not counted"),
            Err(_) => return debug!("messages were not counted in time"),
        };
        for (queue, messages) in waiting {
            self.queues.get_or_create(&Queue { queue }).set(messages.into());
        }
    }

    fn succeeded(&self, source: &'static str, success: bool) {
        self.success.get_or_create(&Source { source }).set(success.into());
    }
}
