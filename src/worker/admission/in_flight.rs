//! Keeps a job from running twice at the same time in this process.

use std::collections::HashSet;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

use crate::job::JobId;

/// The ids of the jobs that run in this process.
///
/// After a lost connection the broker redelivers messages whose jobs still run here. Such a message
/// must not take the job over from the healthy run: the answer that run waits for would count as
/// lost.
#[derive(Debug, Default)]
pub(in crate::worker) struct InFlight {
    running: Mutex<HashSet<JobId>>,
    left: Notify,
}

/// Marks one job as running until it is dropped.
#[derive(Debug)]
pub(in crate::worker) struct InFlightGuard<'a> {
    in_flight: &'a InFlight,
    job: JobId,
}

impl InFlight {
    /// Marks a job as running; none if it already runs here.
    pub(in crate::worker) fn enter(&self, job: &JobId) -> Option<InFlightGuard<'_>> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.insert(job.clone()).then(|| InFlightGuard { in_flight: self, job: job.clone() })
    }

    /// Marks a job as running once it no longer runs here.
    pub(in crate::worker) async fn wait(&self, job: &JobId) -> InFlightGuard<'_> {
        loop {
            // Listen before trying: the running job may leave in between.
            let mut left = pin!(self.left.notified());
            left.as_mut().enable();
            if let Some(guard) = self.enter(job) {
                return guard;
            }
            left.await;
        }
    }
}

impl Drop for InFlightGuard<'_> {
    fn drop(&mut self) {
        let mut running = self.in_flight.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.remove(&self.job);
        drop(running);
        self.in_flight.left.notify_waiters();
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_job_runs_once_at_a_time() {
        let in_flight = InFlight::default();
        let job = "chg-1".parse().unwrap();
        let guard = in_flight.enter(&job);
        assert!(guard.is_some());
        assert!(in_flight.enter(&job).is_none());
        assert!(in_flight.enter(&"chg-2".parse().unwrap()).is_some());
        drop(guard);
        assert!(in_flight.enter(&job).is_some());
    }

    #[tokio::test]
    async fn a_redelivered_job_waits_until_the_first_run_ends() {
        let in_flight = InFlight::default();
        let job = "chg-1".parse().unwrap();
        let first = in_flight.enter(&job).unwrap();
        let mut second = pin!(in_flight.wait(&job));
        assert!(futures_util::poll!(second.as_mut()).is_pending());
        drop(first);
        assert!(futures_util::poll!(second.as_mut()).is_ready());
    }
}
