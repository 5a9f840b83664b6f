//! How many jobs run at once, and how they stop.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use tracing::{debug, error, info, warn};

use super::heartbeat::BEAT;
use super::{Error, Heartbeat, Runner};
use crate::broker::{Deliveries, Delivery};
use crate::job::backoff::Backoff;
use crate::ledger;

/// Pauses between attempts at a delivery that an internal error interrupts.
const RETRY: Backoff = Backoff::doubling(Duration::from_secs(1), Duration::from_secs(30));

/// Whether everything under way came to rest before the grace period ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Yes.
    Clean,
    /// No: that many jobs were cut off; their deliveries go back, their states are saved.
    CutOff(usize),
}

/// Runs deliveries side by side.
pub struct Pool {
    runner: Arc<Runner>,
    permits: Arc<Semaphore>,
    tasks: TaskTracker,
    heartbeat: Arc<Heartbeat>,
}

impl Pool {
    /// At most `concurrency` jobs are in progress at once.
    pub fn new(runner: Runner, concurrency: usize, heartbeat: Arc<Heartbeat>) -> Self {
        Self {
            runner: Arc::new(runner),
            permits: Arc::new(Semaphore::new(concurrency)),
            tasks: TaskTracker::new(),
            heartbeat,
        }
    }

    /// Takes deliveries until the runner's stop signal (or the deliveries end), then lets what
    /// runs finish, for `grace` at most.
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
                next = self.beating(next) => match next {
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
        info!(running = self.tasks.len(), "stopping: no more jobs are taken");
        // A broker that does not answer may keep either from ending.
        let rest = self.beating(async { tokio::join!(deliveries.stop(), self.tasks.wait()) });
        match tokio::time::timeout(grace, rest).await {
            Ok(((), ())) => Drained::Clean,
            Err(_) if self.tasks.is_empty() => Drained::Clean,
            Err(_) => Drained::CutOff(self.tasks.len()),
        }
    }
}

impl Pool {
    /// Waits for something, and shows meanwhile that the loop turns.
    async fn beating<T>(&self, waiting: impl Future<Output = T>) -> T {
        let mut waiting = pin!(waiting);
        loop {
            self.heartbeat.beat();
            if let Ok(came) = tokio::time::timeout(BEAT, &mut waiting).await {
                return came;
            }
        }
    }
}

/// Runs a delivery until it can be settled. Trouble of ours (a full disk, a broker that is away) is
/// no fault of the job's: given back at once, it would come again at once, and use up what the
/// broker allows a message. So it is kept, and tried again, while it is ours to keep.
async fn settle(runner: &Runner, mut delivery: Delivery) {
    let mut failures = 0_u32;
    while !attempt(runner, &delivery).await {
        failures = failures.saturating_add(1);
        tokio::select! {
            () = tokio::time::sleep(RETRY.delay(failures, rand::random())) => {}
            () = runner.stopping().cancelled() => return requeue(delivery).await,
        }
        if !delivery.ack_handle.is_valid() {
            return; // its channel is gone: the broker delivers it again
        }
        // The claim of the attempt before is our own.
        delivery.redelivered = true;
    }
    if let Err(error) = delivery.ack().await {
        debug!(%error, "not acknowledged; the broker will deliver it again");
    }
}

/// Whether the delivery may be acknowledged.
async fn attempt(runner: &Runner, delivery: &Delivery) -> bool {
    let job = delivery.properties.message_id.as_deref();
    match AssertUnwindSafe(runner.run(delivery)).catch_unwind().await {
        Ok(Ok(())) => true,
        // The newer claim came with a copy of its own, which has the duty now.
        Ok(Err(Error::Ledger(error @ ledger::Error::Superseded(_)))) => {
            warn!(%error, "left to the newer claim");
            true
        }
        Ok(Err(Error::Stopping)) => false,
        Ok(Err(error)) => {
            let cause = in_a_line(&error);
            runner.metrics().error();
            error!(job, cause, "a job could not go on; it is tried again");
            false
        }
        Err(_panic) => {
            runner.metrics().error();
            error!(job, "a job made the worker panic; it is tried again");
            false
        }
    }
}

async fn requeue(delivery: Delivery) {
    if let Err(error) = delivery.requeue().await {
        debug!(%error, "not given back; the broker will deliver it again");
    }
}

/// An error and all its causes, in a line.
fn in_a_line(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        line = format!("{line}: {cause}");
        source = cause.source();
    }
    line
}
