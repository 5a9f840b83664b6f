//! Finds jobs that crash workers.
//!
//! Workers also crash for reasons that have nothing to do with their jobs, and every job in progress
//! then looks guilty. So a suspect runs alone: only a crash during an exclusive run counts against
//! it, and only in a process that was up for [`MIN_UPTIME`]. Where workers are killed every few
//! seconds whatever they run, no job is blamed.

use std::time::Duration;

use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::time::Instant;

use crate::ledger::CrashCount;

/// Crashes in a row after which a job runs alone.
const SUSPECT_AFTER: u32 = 3;

/// Uptime a process needs before it runs a suspect: for the first exclusive run, and after a crash
/// in that run. A second such crash proves that the job is poison.
const MIN_UPTIME: [Duration; 2] = [Duration::from_secs(10), Duration::from_secs(60)];

/// Longest random delay before an exclusive run, so that suspects do not always run in the same
/// order.
const MAX_STAGGER: Duration = Duration::from_secs(1);

/// Admits normal jobs together, and suspects one by one.
#[derive(Debug)]
pub(in crate::worker) struct Quarantine {
    started: Instant,
    /// Read by jobs that run together, written by a suspect. The lock is fair, so neither starves.
    lock: RwLock<()>,
}

impl Quarantine {
    /// The process starts now.
    pub(in crate::worker) fn new() -> Self {
        Self { started: Instant::now(), lock: RwLock::default() }
    }

    /// Waits until no suspect runs.
    pub(in crate::worker) async fn shared(&self) -> RwLockReadGuard<'_, ()> {
        self.lock.read().await
    }

    /// Waits until no other job runs.
    pub(in crate::worker) async fn exclusive(&self) -> RwLockWriteGuard<'_, ()> {
        // After a crash suspects arrive in the same order again. The first one would always be
        // blamed for crashes that have another reason.
        tokio::time::sleep(MAX_STAGGER.mul_f64(rand::random())).await;
        self.lock.write().await
    }

    /// Time until this process may run a suspect.
    pub(in crate::worker) fn wait(&self, crashes: CrashCount) -> Duration {
        let min_uptime = MIN_UPTIME.get(crashes.exclusive as usize).copied().unwrap_or_default();
        min_uptime.saturating_sub(self.started.elapsed())
    }
}

impl CrashCount {
    /// Whether the job must run alone.
    pub(in crate::worker) fn are_suspicious(self) -> bool {
        self.shared >= SUSPECT_AFTER
    }

    /// Whether the job is proven to crash workers.
    pub(in crate::worker) fn is_poison(self) -> bool {
        self.exclusive as usize >= MIN_UPTIME.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exclusive(exclusive: u32) -> CrashCount {
        CrashCount { shared: SUSPECT_AFTER, exclusive }
    }

    #[tokio::test(start_paused = true)]
    async fn the_required_uptime_grows_with_exclusive_crashes() {
        let quarantine = Quarantine::new();
        assert_eq!(quarantine.wait(exclusive(0)), MIN_UPTIME[0]);
        assert_eq!(quarantine.wait(exclusive(1)), MIN_UPTIME[1]);
        tokio::time::advance(MIN_UPTIME[0]).await;
        assert_eq!(quarantine.wait(exclusive(0)), Duration::ZERO);
        assert_eq!(quarantine.wait(exclusive(1)), MIN_UPTIME[1] - MIN_UPTIME[0]);
    }

    #[tokio::test]
    async fn a_poison_job_does_not_wait_for_uptime() {
        let poison = exclusive(2);
        assert!(poison.is_poison() && !exclusive(1).is_poison());
        assert_eq!(Quarantine::new().wait(poison), Duration::ZERO);
    }
}
