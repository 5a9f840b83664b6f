//! Which jobs are running in this process.

use std::collections::HashSet;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

use crate::job::JobId;

/// The ids of the jobs that run here.
///
/// When the broker's connection is lost, its deliveries come again while their first run goes on.
/// A copy that comes back to the process it ran in must not take the job over from a healthy run:
/// the answer that run waits for would count as lost.
#[derive(Debug, Default)]
pub(super) struct InFlight {
    running: Mutex<HashSet<JobId>>,
    left: Notify,
}

/// One job's place on the roster, until it is dropped.
#[derive(Debug)]
pub(super) struct InFlightGuard<'a> {
    in_flight: &'a InFlight,
    job: JobId,
}

impl InFlight {
    /// A place for a job, or none if it runs here already.
    pub(super) fn enter(&self, job: &JobId) -> Option<InFlightGuard<'_>> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.insert(job.clone()).then(|| InFlightGuard { in_flight: self, job: job.clone() })
    }

    /// A place for a job, as soon as it does not run here any more.
    pub(super) async fn wait(&self, job: &JobId) -> InFlightGuard<'_> {
        loop {
            // Listening before looking: the place may be left in between.
            let mut left = pin!(self.left.notified());
            left.as_mut().enable();
            if let Some(place) = self.enter(job) {
                return place;
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
    fn a_job_has_one_place_at_a_time() {
        let in_flight = InFlight::default();
        let job = "chg-1".parse().unwrap();
        let place = in_flight.enter(&job);
        assert!(place.is_some());
        assert!(in_flight.enter(&job).is_none());
        assert!(in_flight.enter(&"chg-2".parse().unwrap()).is_some());
        drop(place);
        assert!(in_flight.enter(&job).is_some());
    }

    #[tokio::test]
    async fn a_copy_waits_until_the_first_run_is_over() {
        let in_flight = InFlight::default();
        let job = "chg-1".parse().unwrap();
        let first = in_flight.enter(&job).unwrap();
        let mut second = pin!(in_flight.wait(&job));
        assert!(futures_util::poll!(second.as_mut()).is_pending());
        drop(first);
        assert!(futures_util::poll!(second.as_mut()).is_ready());
    }
}
