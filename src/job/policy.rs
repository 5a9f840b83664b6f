//! Retry, probe and poll settings of each operation.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::backoff::{Backoff, spread};

/// Growth of the poll interval while the provider's status stays the same.
const POLL_MULTIPLIER: f64 = 1.5;

/// Random share of a poll interval, so that jobs sent together do not poll together.
const POLL_JITTER: f64 = 0.1;

/// For refused calls that may be repeated, and for reads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retry {
    /// The first pause.
    pub initial: Duration,
    /// Factor between one pause and the next.
    pub multiplier: f64,
    /// Share of a pause, 0 to 1, that is added or removed at random.
    pub jitter: f64,
    /// Longest pause; also the limit for a provider's `Retry-After`.
    pub max_interval: Duration,
    /// Number of attempts, the first included.
    pub max_attempts: u32,
    /// Time since the first failure after which no further attempt is made.
    pub max_elapsed: Duration,
}

/// For finding out whether a call took effect whose answer was lost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Probe {
    /// Time from the loss to the first probe; never shorter than the HTTP timeout.
    pub settle: Duration,
    /// Time between probes.
    pub interval: Duration,
    /// Probes without a trace of the call before it counts as absent: provider lists lag.
    pub tries: u32,
}

/// For following what a call started.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Poll {
    /// Time between polls.
    pub interval: Duration,
    /// Longest time between polls while the status stays the same.
    pub max_interval: Duration,
    /// Shortest time between polls while a person has to act.
    pub people_interval: Duration,
}

/// All settings of one operation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    /// For refused calls and reads.
    pub retry: Retry,
    /// For lost calls.
    pub probe: Probe,
    /// For accepted calls.
    pub poll: Poll,
}

/// The policy of every operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Policies {
    /// For operations without their own.
    pub default: Policy,
    /// By operation name.
    pub operations: BTreeMap<String, Policy>,
}

impl Policies {
    /// The policy of an operation.
    pub fn of(&self, operation: &str) -> &Policy {
        self.operations.get(operation).unwrap_or(&self.default)
    }
}

impl Retry {
    /// The pause before the next attempt; none when no further attempt is allowed.
    ///
    /// `failures` counts the failed attempts (at least 1), `since` is the time of the first one, and
    /// `random` is uniform in 0..1. The provider's `retry_after` replaces the first pause. Later it
    /// can only lengthen a pause.
    pub fn delay(
        &self,
        failures: u32,
        since: Timestamp,
        retry_after: Option<Duration>,
        now: Timestamp,
        random: f64,
    ) -> Option<Duration> {
        let max_elapsed = SignedDuration::try_from(self.max_elapsed).unwrap_or(SignedDuration::MAX);
        if failures >= self.max_attempts || now.duration_since(since) >= max_elapsed {
            return None;
        }
        let Retry { initial, multiplier, jitter, max_interval: max, .. } = *self;
        let own = Backoff { initial, multiplier, max, jitter }.delay(failures, random);
        Some(match retry_after {
            Some(asked) if failures == 1 => asked.min(max),
            Some(asked) => asked.min(max).max(own),
            None => own,
        })
    }
}

impl Poll {
    /// The pause before the next poll, after `unchanged` polls in a row that saw the same status.
    pub fn delay(&self, unchanged: u32, waits_for_person: bool, random: f64) -> Duration {
        let doubling = Backoff::doubling(self.interval, self.max_interval);
        let backoff = Backoff { multiplier: POLL_MULTIPLIER, ..doubling };
        let interval = backoff.interval(unchanged.saturating_add(1));
        let shortest = if waits_for_person { self.people_interval } else { Duration::ZERO };
        spread(interval.max(shortest), POLL_JITTER, random)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETRY: Retry = Retry {
        initial: Duration::from_secs(1),
        multiplier: 2.0,
        jitter: 0.5,
        max_interval: Duration::from_secs(300),
        max_attempts: 12,
        max_elapsed: Duration::from_secs(3600),
    };
    const POLL: Poll = Poll {
        interval: Duration::from_secs(5),
        max_interval: Duration::from_secs(300),
        people_interval: Duration::from_secs(60),
    };
    const START: Timestamp = Timestamp::UNIX_EPOCH;

    fn after(failures: u32, random: f64) -> Option<Duration> {
        RETRY.delay(failures, START, None, START, random)
    }

    #[test]
    fn retry_pauses_double_up_to_max_interval() {
        let middle: Vec<u64> =
            (1..12).filter_map(|n| after(n, 0.5)).map(|pause| pause.as_secs()).collect();
        assert_eq!(middle, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    }

    #[test]
    fn retry_jitter_goes_both_ways() {
        assert_eq!(after(3, 0.0), Some(Duration::from_secs(2)));
        assert_eq!(after(3, 1.0), Some(Duration::from_secs(6)));
    }

    #[test]
    fn retrying_stops_at_max_attempts() {
        assert!(after(11, 0.5).is_some());
        assert_eq!(after(12, 0.5), None);
    }

    #[test]
    fn retrying_stops_at_max_elapsed() {
        let late = START + SignedDuration::from_hours(1);
        assert_eq!(RETRY.delay(2, START, None, late, 0.5), None);
    }

    #[test]
    fn retry_after_is_honoured_up_to_max_interval() {
        let asked = |seconds| RETRY.delay(1, START, Some(Duration::from_secs(seconds)), START, 0.9);
        assert_eq!(asked(0), Some(Duration::ZERO));
        assert_eq!(asked(17), Some(Duration::from_secs(17)));
        assert_eq!(asked(86_400), Some(Duration::from_secs(300)));
    }

    #[test]
    fn a_zero_retry_after_shortens_the_first_pause_only() {
        let at_once = |failures| RETRY.delay(failures, START, Some(Duration::ZERO), START, 0.5);
        assert_eq!(at_once(1), Some(Duration::ZERO));
        assert_eq!(at_once(2), Some(Duration::from_secs(2)));
        assert_eq!(at_once(5), Some(Duration::from_secs(16)));
    }

    #[test]
    fn poll_intervals_grow_while_the_status_stays_the_same() {
        let waits: Vec<u64> =
            (0..4).map(|n| POLL.delay(n, false, 0.5).as_millis() as u64).collect();
        assert_eq!(waits, [5_000, 7_500, 11_250, 16_875]);
        assert_eq!(POLL.delay(99, false, 0.5), Duration::from_secs(300));
    }

    #[test]
    fn polls_wait_at_least_people_interval_for_a_person() {
        assert_eq!(POLL.delay(0, true, 0.5), Duration::from_secs(60));
    }
}
