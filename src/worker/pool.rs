//! Runs many jobs at the same time, and stops them.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use tracing::{debug, error, info, warn};

use super::{Error, Heartbeat, Runner, heartbeat};
use crate::broker::{Deliveries, Delivery};
use crate::error_chain::chain;
use crate::job::backoff::Backoff;
use crate::ledger;

/// Pauses between attempts at a delivery that an internal error interrupts.
const RETRY: Backoff = Backoff::doubling(Duration::from_secs(1), Duration::from_secs(30));

/// How a pool stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Every job was parked or finished within the grace period.
    Clean,
    /// This many jobs were still running. Their states are saved, and the broker redelivers their
    /// messages.
    CutOff(usize),
}

/// Processes deliveries concurrently.
pub struct Pool {
    runner: Arc<Runner>,
    permits: Arc<Semaphore>,
    tasks: TaskTracker,
    heartbeat: Arc<Heartbeat>,
}

impl Pool {
    /// `concurrency` is the most jobs in progress at the same time.
    pub fn new(runner: Runner, concurrency: usize, heartbeat: Arc<Heartbeat>) -> Self {
        Self {
            runner: Arc::new(runner),
            permits: Arc::new(Semaphore::new(concurrency)),
            tasks: TaskTracker::new(),
            heartbeat,
        }
    }

    /// Takes deliveries until the worker stops or the deliveries end. Running jobs then have `grace`
    /// to come to a rest.
    pub async fn run(self, mut deliveries: Deliveries, grace: Duration) -> Drained {
        let stopping = self.runner.stopping().clone();
        loop {
            let next = async {
                let permit = self.permits.clone().acquire_owned().await.ok()?;
                Some((permit, deliveries.next().await?))
            };
            let (permit, delivery) = tokio::select! {
                biased;
                () = stopping.cancelled() => break,
                next = self.with_heartbeat(next) => match next {
                    Some(taken) => taken,
                    None => break,
                },
            };
            let runner = self.runner.clone();
            let running = runner.metrics().running();
            self.tasks.spawn(async move {
                let _running = running;
                settle(&runner, delivery).await;
                drop(permit);
            });
        }
        self.tasks.close();
        info!(running = self.tasks.len(), "stopping; no more jobs are taken");
        // Both may take forever if the broker does not answer.
        let rest =
            self.with_heartbeat(async { tokio::join!(deliveries.stop(), self.tasks.wait()) });
        match tokio::time::timeout(grace, rest).await {
            Ok(((), ())) => Drained::Clean,
            Err(_) if self.tasks.is_empty() => Drained::Clean,
            Err(_) => Drained::CutOff(self.tasks.len()),
        }
    }

    /// Awaits something, and keeps the heartbeat alive meanwhile.
    async fn with_heartbeat<T>(&self, waiting: impl Future<Output = T>) -> T {
        let mut waiting = pin!(waiting);
        loop {
            self.heartbeat.beat();
            let waited = tokio::time::timeout(heartbeat::INTERVAL, &mut waiting).await;
            if let Ok(result) = waited {
                return result;
            }
        }
    }
}

/// Processes a delivery until it can be settled. An internal error (a full disk, a broker that is
/// unavailable) is not the job's fault. Requeued at once, the message would return at once and use up
/// the deliveries that the broker allows. So it is kept and tried again, while its channel is open.
async fn settle(runner: &Runner, mut delivery: Delivery) {
    let mut failures = 0_u32;
    while !attempt(runner, &delivery).await {
        failures = failures.saturating_add(1);
        tokio::select! {
            () = tokio::time::sleep(RETRY.delay(failures, rand::random())) => {}
            () = runner.stopping().cancelled() => return requeue(delivery).await,
        }
        if !delivery.ack_handle.is_valid() {
            return; // the broker redelivers the message
        }
        // The claim of the last attempt is our own, so it may be taken over.
        delivery.redelivered = true;
    }
    if let Err(error) = delivery.ack().await {
        debug!(%error, "a delivery was not acknowledged; the broker redelivers it");
    }
}

/// Whether the delivery may be acknowledged.
async fn attempt(runner: &Runner, delivery: &Delivery) -> bool {
    let job = delivery.properties.message_id.as_deref();
    match AssertUnwindSafe(runner.run(delivery)).catch_unwind().await {
        Ok(Ok(())) => true,
        // The newer claim belongs to another message, which carries the job on.
        Ok(Err(Error::Ledger(error @ ledger::Error::Superseded(_)))) => {
            warn!(%error, "another worker continues the job");
            true
        }
        Ok(Err(Error::Stopping)) => false,
        Ok(Err(error)) => {
            let cause = chain(&error);
            runner.metrics().internal_error();
            error!(job, cause, "internal error; the job is tried again");
            false
        }
        Err(_panic) => {
            runner.metrics().internal_error();
            error!(job, "panic; the job is tried again");
            false
        }
    }
}

async fn requeue(delivery: Delivery) {
    if let Err(error) = delivery.requeue().await {
        debug!(%error, "a delivery was not requeued; the broker redelivers it");
    }
}
