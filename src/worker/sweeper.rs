//! Wakes jobs whose wake-up was lost, and purges jobs that were done long ago.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{Clock, Error, Scheduler};
use crate::ledger::Ledger;

/// Time before a job that was woken is woken again. Its wake-up may have to wait for a worker of its
/// kind, and meanwhile the next sweeps reach jobs that are overdue by less.
const REISSUE_AFTER: SignedDuration = SignedDuration::from_hours(1);

/// Most jobs that are woken, or purged, at once.
const BATCH: u32 = 500;

/// Wakes overdue jobs and purges the ledger, again and again.
pub struct Sweeper {
    /// Stores the jobs.
    pub ledger: Arc<dyn Ledger>,
    /// Publishes wake-ups.
    pub scheduler: Scheduler,
    /// Time between sweeps. A job that is overdue by less is left to its own wake-up.
    pub interval: Duration,
    /// How long finished jobs are kept.
    pub retention: Duration,
    /// The current time.
    pub clock: Clock,
}

impl Sweeper {
    /// Sweeps until the worker stops. An error is logged, and the next sweep tries again.
    pub async fn run(self, stopping: CancellationToken) {
        let mut ticks = tokio::time::interval(self.interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            // An interrupted sweep loses nothing. Without a broker it would outlast the grace period.
            let sweep = async {
                ticks.tick().await;
                self.sweep(self.clock.now()).await
            };
            match stopping.run_until_cancelled(sweep).await {
                None => return,
                Some(Ok(())) => {}
                Some(Err(error)) => warn!(%error, "sweep failed; the next one tries again"),
            }
        }
    }

    /// Sweeps once.
    pub async fn sweep(&self, now: Timestamp) -> Result<(), Error> {
        let before = now - SignedDuration::try_from(self.interval).unwrap_or_default();
        let overdue = self.ledger.overdue(before, now, BATCH).await?;
        if !overdue.is_empty() {
            info!(jobs = overdue.len(), "waking overdue jobs");
        }
        let mut woken = Vec::new();
        for wakeup in overdue {
            self.scheduler.wake(&wakeup, Duration::ZERO).await?;
            woken.push(wakeup.job.id);
        }
        // Postponed last: after an interruption the next sweep wakes these jobs again, and a doubled
        // wake-up does no harm.
        self.ledger.postpone(&woken, before, now, now + REISSUE_AFTER).await?;
        let retention = SignedDuration::try_from(self.retention).unwrap_or(SignedDuration::MAX);
        while self.ledger.purge(now - retention, BATCH).await? == u64::from(BATCH) {}
        Ok(())
    }
}
