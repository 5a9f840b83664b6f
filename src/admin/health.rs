//! Whether a replica is alive, and whether it is ready for jobs.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::broker::Broker;
use crate::ledger::Ledger;
use crate::worker::Heartbeat;

/// How long the ledger may take to answer before it counts as away.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a replica's health is judged by.
pub(super) struct Health {
    pub(super) heartbeat: Arc<Heartbeat>,
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) broker: Broker,
    pub(super) stopping: CancellationToken,
}

/// What is good and what is not, in words.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    #[serde(skip)]
    pub(super) good: bool,
    status: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<String>,
}

impl Report {
    fn of(good: &'static str, bad: &'static str, problems: Vec<String>) -> Self {
        let fine = problems.is_empty();
        Self { good: fine, status: if fine { good } else { bad }, problems }
    }
}

impl Health {
    /// Alive: the loop that takes jobs turns. A replica that drains is alive.
    pub(super) fn alive(&self) -> Report {
        let stuck =
            (!self.heartbeat.is_alive()).then(|| "the loop that takes jobs does not turn".into());
        Report::of("alive", "stuck", stuck.into_iter().collect())
    }

    /// Ready: jobs can be taken, saved and told of.
    pub(super) async fn ready(&self) -> Report {
        let mut problems = Vec::new();
        if self.stopping.is_cancelled() {
            problems.push("it is stopping and takes no more jobs".to_owned());
        }
        if !self.broker.is_up() {
            problems.push("the broker is away, or takes no messages".to_owned());
        } else if let Some(unavailable_queue) = self.broker.unavailable_queue() {
            problems.push(format!("nothing can be taken from {unavailable_queue}"));
        }
        if !matches!(timeout(PATIENCE, self.ledger.ping()).await, Ok(Ok(()))) {
            problems.push("the ledger takes no saves".to_owned());
        }
        Report::of("ready", "not ready", problems)
    }
}
