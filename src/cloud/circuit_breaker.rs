//! Circuit breaker of one service of an account. Services are on different hosts, so an outage of
//! one must not hold back requests to another.
//!
//! After [`FAILURE_THRESHOLD`] failures in a row nothing is sent for a while, and then one request
//! at a time tests whether the service answers. So an outage costs a job none of its attempts, and
//! a service that has just recovered is not flooded by all that waited.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tracing::{info, warn};

use super::metrics::Metrics;
use super::service::Service;
use crate::job::backoff::Backoff;
use crate::job::{AccountName, Failure};

/// Failures in a row that open the circuit.
const FAILURE_THRESHOLD: u32 = 5;

/// Pauses between tests of an unavailable service. The jitter keeps replicas apart.
const PAUSES: Backoff =
    Backoff { jitter: 0.2, ..Backoff::doubling(Duration::from_secs(5), Duration::from_secs(120)) };

/// Requests that are held back return within this share of a pause after its end.
const SPREAD: f64 = 0.5;

/// Shortest wait of a request that meets a test in progress.
const TEST_INTERVAL: SignedDuration = SignedDuration::from_secs(1);

#[derive(Debug)]
pub(super) struct CircuitBreaker {
    account: AccountName,
    service: Service,
    metrics: Metrics,
    circuit: Mutex<Circuit>,
}

#[derive(Debug)]
enum Circuit {
    /// The service is available, as far as is known.
    Closed { failures: u32 },
    /// The service is unavailable.
    Open {
        since: Timestamp,
        failed_tests: u32,
        pause: Duration,
        pause_end: Timestamp,
        /// A request that tests the service is in flight.
        half_open: bool,
    },
}

/// The right to send one request, which must end with [`Permit::succeeded`] or [`Permit::failed`].
/// If a test is dropped instead, because its worker stops, the next request becomes the test.
#[derive(Debug)]
pub(super) struct Permit<'a> {
    breaker: &'a CircuitBreaker,
    /// The request tests an unavailable service.
    half_open: bool,
}

/// What a failure does to the circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trip {
    /// It stays closed.
    Tolerated,
    /// It opens: nothing is sent before this time.
    Opened(Timestamp),
    /// It was open before: nothing is sent before this time.
    StillOpen(Timestamp),
}

impl CircuitBreaker {
    pub(super) fn new(account: AccountName, service: Service, metrics: Metrics) -> Self {
        Self { account, service, metrics, circuit: Mutex::new(Circuit::Closed { failures: 0 }) }
    }

    /// Lets a request through, or returns when it may be tried again. `random` is uniform in 0..1.
    pub(super) fn admit(&self, now: Timestamp, random: f64) -> Result<Permit<'_>, Timestamp> {
        let mut circuit = self.lock();
        circuit.check(now, random)?;
        let half_open = match &mut *circuit {
            Circuit::Closed { .. } => false,
            Circuit::Open { half_open, .. } => {
                *half_open = true;
                true
            }
        };
        Ok(Permit { breaker: self, half_open })
    }

    /// Like [`CircuitBreaker::admit`], without taking the right to send.
    pub(super) fn check(&self, now: Timestamp, random: f64) -> Result<(), Timestamp> {
        self.lock().check(now, random)
    }

    fn lock(&self) -> MutexGuard<'_, Circuit> {
        self.circuit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn report(&self, available: bool) {
        self.metrics.up(&self.account, self.service.key(), available);
    }
}

impl Circuit {
    fn check(&self, now: Timestamp, random: f64) -> Result<(), Timestamp> {
        match self {
            Circuit::Closed { .. } => Ok(()),
            Circuit::Open { pause, pause_end, .. } if now < *pause_end => {
                Err(spread(*pause_end, *pause, random))
            }
            Circuit::Open { pause, half_open: true, .. } => {
                Err(spread(now + TEST_INTERVAL, *pause, random))
            }
            Circuit::Open { half_open: false, .. } => Ok(()),
        }
    }

    fn fail(&mut self, is_test: bool, now: Timestamp, random: f64) -> Trip {
        match self {
            Circuit::Closed { failures } => {
                *failures = failures.saturating_add(1);
                if *failures < FAILURE_THRESHOLD {
                    return Trip::Tolerated;
                }
                let pause = PAUSES.delay(1, random);
                let pause_end = now + pause;
                *self = Circuit::Open {
                    since: now,
                    failed_tests: 0,
                    pause,
                    pause_end,
                    half_open: false,
                };
                Trip::Opened(spread(pause_end, pause, random))
            }
            Circuit::Open { failed_tests, pause, pause_end, .. } => {
                // Requests that were in flight when it opened prove nothing new.
                if is_test {
                    *failed_tests = failed_tests.saturating_add(1);
                    *pause = PAUSES.delay(failed_tests.saturating_add(1), random);
                    *pause_end = now + *pause;
                }
                Trip::StillOpen(spread(*pause_end, *pause, random))
            }
        }
    }
}

impl Permit<'_> {
    /// The service answered, with any result. Returns since when it was unavailable, if it was.
    pub(super) fn succeeded(self) -> Option<Timestamp> {
        let CircuitBreaker { account, service, .. } = self.breaker;
        match std::mem::replace(&mut *self.breaker.lock(), Circuit::Closed { failures: 0 }) {
            Circuit::Open { since, .. } => {
                info!(account, service = service.key(), %since, "the service is available again");
                self.breaker.report(true);
                Some(since)
            }
            Circuit::Closed { .. } => None,
        }
    }

    /// The service could not be reached, or failed.
    pub(super) fn failed(self, cause: &Failure, now: Timestamp, random: f64) -> Trip {
        let CircuitBreaker { account, service, .. } = self.breaker;
        let trip = self.breaker.lock().fail(self.half_open, now, random);
        if let Trip::Opened(until) = trip {
            let service = service.key();
            warn!(account, service, %cause, %until, "the service is unavailable; its jobs wait");
            self.breaker.report(false);
        }
        trip
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if let Circuit::Open { half_open, .. } = &mut *self.breaker.lock()
            && self.half_open
        {
            *half_open = false;
        }
    }
}

fn spread(from: Timestamp, pause: Duration, random: f64) -> Timestamp {
    from + pause.mul_f64(SPREAD * random)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::UNIX_EPOCH;

    fn after(seconds: i64) -> Timestamp {
        START + SignedDuration::from_secs(seconds)
    }

    fn closed() -> CircuitBreaker {
        CircuitBreaker::new("a".into(), Service::Dms, Metrics::default())
    }

    fn fail(permit: Permit<'_>, now: Timestamp, random: f64) -> Trip {
        permit.failed(&Failure::retryable("NotConnected", "refused"), now, random)
    }

    /// Sends `failures` requests that fail at the start.
    fn after_failures(failures: u32) -> CircuitBreaker {
        let breaker = closed();
        for _ in 0..failures {
            assert_eq!(fail(breaker.admit(START, 0.5).unwrap(), START, 0.5), Trip::Tolerated);
        }
        breaker
    }

    /// Opened at the start, without jitter.
    fn open() -> CircuitBreaker {
        let breaker = after_failures(FAILURE_THRESHOLD - 1);
        let last = fail(breaker.admit(START, 0.5).unwrap(), START, 0.5);
        assert_eq!(last, Trip::Opened(after(5) + SignedDuration::from_millis(1250)));
        breaker
    }

    #[test]
    fn only_failures_in_a_row_open_the_circuit() {
        let breaker = after_failures(FAILURE_THRESHOLD - 1);
        assert_eq!(breaker.admit(START, 0.5).unwrap().succeeded(), None);
        for _ in 1..FAILURE_THRESHOLD {
            assert_eq!(fail(breaker.admit(START, 0.5).unwrap(), START, 0.5), Trip::Tolerated);
        }
        let last = fail(breaker.admit(START, 0.5).unwrap(), START, 0.5);
        assert!(matches!(last, Trip::Opened(_)));
    }

    #[test]
    fn an_open_circuit_admits_one_test_after_its_pause() {
        let breaker = open();
        assert!(breaker.admit(after(4), 0.5).is_err());
        let test = breaker.admit(after(5), 0.5).unwrap();
        assert!(breaker.check(after(5), 0.5).is_err());
        assert!(breaker.admit(after(60), 0.0).is_err_and(|until| until == after(61)));
        assert_eq!(test.succeeded(), Some(START));
        let all = [breaker.admit(after(60), 0.5).unwrap(), breaker.admit(after(60), 0.5).unwrap()];
        assert!(all.iter().all(|permit| !permit.half_open));
    }

    #[test]
    fn pauses_double_with_every_failed_test_up_to_the_maximum() {
        let breaker = open();
        let mut now = after(5);
        for pause in [10, 20, 40, 80, 120, 120] {
            let Trip::StillOpen(until) = fail(breaker.admit(now, 0.5).unwrap(), now, 0.0) else {
                panic!("it was open before");
            };
            assert_eq!(until.duration_since(now), SignedDuration::from_secs(pause).mul_f64(0.8));
            assert!(breaker.admit(until - SignedDuration::from_millis(1), 0.5).is_err());
            now = until;
        }
    }

    #[test]
    fn the_next_request_is_the_test_after_a_test_is_dropped() {
        let breaker = open();
        drop(breaker.admit(after(5), 0.5).unwrap());
        assert!(breaker.admit(after(5), 0.5).unwrap().half_open);
    }

    #[test]
    fn requests_in_flight_at_opening_can_close_but_not_prolong_it() {
        let breaker = after_failures(FAILURE_THRESHOLD - 1);
        let [first, second, third] = [0; 3].map(|_| breaker.admit(START, 0.5).unwrap());
        assert_eq!(fail(first, START, 0.0), Trip::Opened(after(4)));
        assert_eq!(fail(second, after(3), 0.0), Trip::StillOpen(after(4)));
        assert_eq!(third.succeeded(), Some(START));
        assert_eq!(breaker.check(after(3), 0.5), Ok(()));
    }

    #[test]
    fn requests_that_are_held_back_return_at_different_times() {
        let breaker = open();
        let until = |random| breaker.check(after(1), random).unwrap_err();
        assert_eq!(
            (until(0.0), until(1.0)),
            (after(5), after(7) + SignedDuration::from_millis(500))
        );
    }
}
