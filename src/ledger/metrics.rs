//! Metrics of the ledger's commits.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// In seconds: from a disk with a write cache to a database whose answer is about to time out.
const DURATION_BUCKETS: [f64; 11] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 20.0];

/// Requests in a commit.
const REQUEST_BUCKETS: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 16.0, 64.0, 256.0, 512.0];

const OK: &str = "ok";
const FAILED: &str = "failed";

/// Metrics of commits. Clones share their values.
#[derive(Clone, Debug)]
pub struct Metrics {
    commits: Family<CommitLabel, Histogram, fn() -> Histogram>,
    requests: Histogram,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CommitLabel {
    result: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        let durations: fn() -> Histogram = || Histogram::new(DURATION_BUCKETS);
        let commits = Family::new_with_constructor(durations);
        // `increase()` misses the first increment of a series that did not exist before.
        for result in [OK, FAILED] {
            drop(commits.get_or_create(&CommitLabel { result }));
        }
        Self { commits, requests: Histogram::new(REQUEST_BUCKETS) }
    }
}

impl Metrics {
    /// Adds the metrics to a registry.
    pub fn register(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "ledger_commit_duration",
            "Duration of the ledger's commits, by result (ok or failed)",
            Unit::Seconds,
            self.commits.clone(),
        );
        registry.register(
            "ledger_commit_requests",
            "Claims and saves in one commit",
            self.requests.clone(),
        );
    }

    pub(super) fn observe_commit(&self, succeeded: bool, requests: usize, duration: Duration) {
        let label = CommitLabel { result: if succeeded { OK } else { FAILED } };
        self.commits.get_or_create(&label).observe(duration.as_secs_f64());
        self.requests.observe(requests as f64);
    }
}
