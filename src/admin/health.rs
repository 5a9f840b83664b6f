//! Liveness and readiness of a worker.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::broker::Broker;
use crate::ledger::Ledger;
use crate::worker::Heartbeat;

/// How long the ledger may take to answer before it counts as unavailable.
const LEDGER_TIMEOUT: Duration = Duration::from_secs(2);

pub(super) struct Health {
    pub(super) heartbeat: Arc<Heartbeat>,
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) broker: Broker,
    pub(super) stopping: CancellationToken,
}

#[derive(Debug, Serialize)]
pub(super) struct HealthReport {
    #[serde(skip)]
    pub(super) is_ok: bool,
    status: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<String>,
}

impl HealthReport {
    fn new(ok: &'static str, failed: &'static str, problems: Vec<String>) -> Self {
        let is_ok = problems.is_empty();
        Self { is_ok, status: if is_ok { ok } else { failed }, problems }
    }
}

impl Health {
    /// Whether the main loop runs. A draining worker is live.
    pub(super) fn liveness(&self) -> HealthReport {
        let stuck = (!self.heartbeat.is_alive()).then(|| "the main loop is stuck".to_owned());
        HealthReport::new("alive", "stuck", stuck.into_iter().collect())
    }

    /// Whether jobs can be consumed and saved, and their events published.
    pub(super) async fn readiness(&self) -> HealthReport {
        let mut problems = Vec::new();
        if self.stopping.is_cancelled() {
            problems.push("the worker is stopping and starts no more jobs".to_owned());
        }
        if !self.broker.is_up() {
            problems.push("the broker is unavailable or accepts no messages".to_owned());
        } else if let Some(queue) = self.broker.unavailable_queue() {
            problems.push(format!("can't consume {queue}"));
        }
        if !matches!(timeout(LEDGER_TIMEOUT, self.ledger.ping()).await, Ok(Ok(()))) {
            problems.push("the ledger accepts no writes".to_owned());
        }
        HealthReport::new("ready", "not ready", problems)
    }
}
