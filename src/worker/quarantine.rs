//! Which jobs are suspected of killing workers, and what it takes to condemn one.
//!
//! Workers also die of what has nothing to do with their jobs, again and again, and a job that took
//! part each time looks like one that kills. So a suspect runs alone: who dies beside it is no
//! witness. And it runs only in a process that has lived for a while: where workers are killed every
//! few seconds, whatever runs, none of them gets to testify.

use std::time::Duration;

use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::time::Instant;

use crate::ledger::CrashCount;

/// A job that so many workers died with in a row is a suspect.
const SUSPECT_AFTER: u32 = 3;

/// How long a process has to have lived before a suspect runs there for the first time, and once a
/// process has died while it ran alone. Another such death condemns it.
const MIN_UPTIME: [Duration; 2] = [Duration::from_secs(10), Duration::from_secs(60)];

/// Suspects line up in this time, each when chance says.
const MAX_STAGGER: Duration = Duration::from_secs(1);

/// What this process may do with suspects.
#[derive(Debug)]
pub(super) struct Quarantine {
    born: Instant,
    /// Shared by the jobs that run side by side; a suspect has it for itself. It is fair, so that
    /// neither waits for ever.
    company: RwLock<()>,
}

impl Quarantine {
    /// At the start of a process.
    pub(super) fn new() -> Self {
        Self { born: Instant::now(), company: RwLock::default() }
    }

    /// Waits until no suspect runs.
    pub(super) async fn shared(&self) -> RwLockReadGuard<'_, ()> {
        self.company.read().await
    }

    /// Waits until nothing else runs.
    pub(super) async fn exclusive(&self) -> RwLockWriteGuard<'_, ()> {
        // Suspects come in the same order after every death, and the first in line would be judged
        // by deaths that had nothing to do with it.
        tokio::time::sleep(MAX_STAGGER.mul_f64(rand::random())).await;
        self.company.write().await
    }

    /// How much longer this process has to live before a suspect may run in it.
    pub(super) fn wait(&self, crashes: CrashCount) -> Duration {
        let calm = MIN_UPTIME.get(crashes.exclusive as usize).copied().unwrap_or_default();
        calm.saturating_sub(self.born.elapsed())
    }
}

impl CrashCount {
    /// Whether their job must not run beside others.
    pub(super) fn are_suspicious(self) -> bool {
        self.shared >= SUSPECT_AFTER
    }

    /// Whether there is no doubt left that workers die of their job.
    pub(super) fn is_poison(self) -> bool {
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
    async fn the_closer_to_its_condemnation_the_longer_a_process_has_to_have_lived() {
        let quarantine = Quarantine::new();
        assert_eq!(quarantine.wait(exclusive(0)), MIN_UPTIME[0]);
        assert_eq!(quarantine.wait(exclusive(1)), MIN_UPTIME[1]);
        tokio::time::advance(MIN_UPTIME[0]).await;
        assert_eq!(quarantine.wait(exclusive(0)), Duration::ZERO);
        assert_eq!(quarantine.wait(exclusive(1)), MIN_UPTIME[1] - MIN_UPTIME[0]);
    }

    #[tokio::test]
    async fn what_is_condemned_waits_for_nothing() {
        let condemned = exclusive(2);
        assert!(condemned.is_poison() && !exclusive(1).is_poison());
        assert_eq!(Quarantine::new().wait(condemned), Duration::ZERO);
    }
}
