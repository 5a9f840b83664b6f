//! Looks after jobs whose wake-up was lost, and forgets those that were done long ago.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::incoming::message;
use super::{Clock, Error};
use crate::broker::Publisher;
use crate::ledger::Ledger;

/// How long a job that was woken is left to its wake-up, which may have to wait for a worker of its
/// kind. Jobs overdue by less than those before them get their turn in that time.
const REISSUE_AFTER: SignedDuration = SignedDuration::from_hours(1);

/// Jobs looked after, or forgotten, in one go.
const BATCH: u32 = 500;

/// Re-issues overdue wake-ups and purges the ledger.
pub struct Sweeper {
    /// The ledger.
    pub ledger: Arc<dyn Ledger>,
    /// Where wake-ups go.
    pub publisher: Publisher,
    /// The time between sweeps. A job overdue by less is left to its own wake-up.
    pub interval: Duration,
    /// How long finished jobs are kept.
    pub retention: Duration,
    /// The time.
    pub clock: Clock,
}

impl Sweeper {
    /// Sweeps until stopped. Trouble is logged and tried again at the next sweep.
    pub async fn run(self, stopping: CancellationToken) {
        let mut ticks = tokio::time::interval(self.interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            // Nothing is lost by a sweep that is cut short, and with a broker that is away it would
            // outlast the stop's grace.
            let sweep = async {
                ticks.tick().await;
                self.sweep(self.clock.now()).await
            };
            match stopping.run_until_cancelled(sweep).await {
                None => return,
                Some(Ok(())) => {}
                Some(Err(error)) => warn!(%error, "a sweep failed; the next one tries again"),
            }
        }
    }

    /// One sweep.
    pub async fn sweep(&self, now: Timestamp) -> Result<(), Error> {
        let before = now - SignedDuration::try_from(self.interval).unwrap_or_default();
        let overdue = self.ledger.overdue(before, now, BATCH).await?;
        if !overdue.is_empty() {
            info!(jobs = overdue.len(), "waking jobs that are overdue");
        }
        let mut woken = Vec::new();
        for wakeup in overdue {
            let (kind, message) = (wakeup.job.kind, message(&wakeup)?);
            self.publisher.wake_after(kind, Duration::ZERO, &message).await?;
            woken.push(wakeup.job.id);
        }
        // Only now: a sweep that is cut off is made up for by the next one, and a wake-up that is
        // sent twice does no harm.
        self.ledger.postpone(&woken, before, now, now + REISSUE_AFTER).await?;
        let forgotten =
            now - SignedDuration::try_from(self.retention).unwrap_or(SignedDuration::MAX);
        while self.ledger.purge(forgotten, BATCH).await? == u64::from(BATCH) {}
        Ok(())
    }
}
