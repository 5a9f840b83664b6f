//! What is counted of the ledger's commits.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// From a disk with a cache of its own to a database that is about to be given up, in seconds.
const LATENCIES: [f64; 11] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 20.0];

/// Requests that share a commit.
const BATCHES: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 16.0, 64.0, 256.0, 512.0];

const OK: &str = "ok";
const FAILED: &str = "failed";

/// What is counted. Clones count together.
#[derive(Clone, Debug)]
pub struct Metrics {
    commits: Family<Commit, Histogram, fn() -> Histogram>,
    batches: Histogram,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Commit {
    result: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        let latencies: fn() -> Histogram = || Histogram::new(LATENCIES);
        let commits = Family::new_with_constructor(latencies);
        // An increase from nothing would not be seen.
        for result in [OK, FAILED] {
            drop(commits.get_or_create(&Commit { result }));
        }
        Self { commits, batches: Histogram::new(BATCHES) }
    }
}

impl Metrics {
    /// Makes them known.
    pub fn register(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "ledger_commit_duration",
            "Commits of the ledger: how long each took, and whether it succeeded (ok) or failed",
            Unit::Seconds,
            self.commits.clone(),
        );
        registry.register(
            "ledger_commit_requests",
            "Claims and saves that shared a commit",
            self.batches.clone(),
        );
    }

    pub(super) fn commit(&self, succeeded: bool, requests: usize, took: Duration) {
        let labels = Commit { result: if succeeded { OK } else { FAILED } };
        self.commits.get_or_create(&labels).observe(took.as_secs_f64());
        self.batches.observe(requests as f64);
    }
}
