//! How long to wait before trying again. The only file that knows the `backoff` crate.

use std::time::Duration;

use backoff::ExponentialBackoffBuilder;
use backoff::backoff::Backoff;
use jiff::{SignedDuration, Timestamp};

use super::policy::{Poll, Retry};

/// How fast polls become rarer while nothing changes.
const POLL_MULTIPLIER: f64 = 1.5;
/// How far polls are spread, so that jobs sent together don't ask together for ever.
const POLL_JITTER: f64 = 0.1;

/// The wait before the next try, or none when the policy's patience is over.
///
/// `failures` counts the tries that failed so far (at least 1), `since` is when the first did, and
/// `random` is uniform in 0..1. A provider's `retry_after` is honoured, bounded by `max_interval`; the
/// second time on, it can make the wait longer, but not shorter than our own.
pub fn wait(
    retry: &Retry,
    failures: u32,
    since: Timestamp,
    retry_after: Option<Duration>,
    now: Timestamp,
    random: f64,
) -> Option<Duration> {
    let patience = SignedDuration::try_from(retry.max_elapsed).unwrap_or(SignedDuration::MAX);
    if failures >= retry.max_attempts || now.duration_since(since) >= patience {
        return None;
    }
    let interval = grown(retry.initial, retry.multiplier, retry.max_interval, failures - 1);
    let own = spread(interval, retry.jitter, random);
    Some(match retry_after {
        Some(asked) if failures == 1 => asked.min(retry.max_interval),
        Some(asked) => asked.min(retry.max_interval).max(own),
        None => own,
    })
}

/// The wait before the next poll, after `unchanged` polls in a row that saw nothing new.
pub fn poll_wait(poll: &Poll, unchanged: u32, waits_for_person: bool, random: f64) -> Duration {
    let interval = grown(poll.interval, POLL_MULTIPLIER, poll.max_interval, unchanged);
    let interval = if waits_for_person { interval.max(poll.people_interval) } else { interval };
    spread(interval, POLL_JITTER, random)
}

/// `initial` after `steps` multiplications, at most `max`.
fn grown(initial: Duration, multiplier: f64, max: Duration, steps: u32) -> Duration {
    // The crate's own randomness and clock stay unused: chance and time are our caller's.
    let mut backoff = ExponentialBackoffBuilder::new()
        .with_initial_interval(initial)
        .with_multiplier(multiplier)
        .with_randomization_factor(0.0)
        .with_max_interval(max)
        .with_max_elapsed_time(None)
        .build();
    let mut interval = initial.min(max);
    for _ in 0..=steps {
        interval = backoff.next_backoff().unwrap_or(max).min(max);
        if interval == max {
            break;
        }
    }
    interval
}

/// `interval`, up to `jitter` of it longer or shorter.
fn spread(interval: Duration, jitter: f64, random: f64) -> Duration {
    interval.mul_f64((1.0 + jitter * (2.0 * random - 1.0)).max(0.0))
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
        wait(&RETRY, failures, START, None, START, random)
    }

    #[test]
    fn waits_double_until_the_longest_one() {
        let middle: Vec<u64> =
            (1..12).filter_map(|n| after(n, 0.5)).map(|wait| wait.as_secs()).collect();
        assert_eq!(middle, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    }

    #[test]
    fn jitter_goes_both_ways_by_its_share() {
        assert_eq!(after(3, 0.0), Some(Duration::from_secs(2)));
        assert_eq!(after(3, 1.0), Some(Duration::from_secs(6)));
    }

    #[test]
    fn patience_ends_with_the_attempts() {
        assert!(after(11, 0.5).is_some());
        assert_eq!(after(12, 0.5), None);
    }

    #[test]
    fn patience_ends_with_the_time() {
        let late = START + SignedDuration::from_hours(1);
        assert_eq!(wait(&RETRY, 2, START, None, late, 0.5), None);
    }

    #[test]
    fn a_providers_wish_is_honoured_but_bounded() {
        let asked =
            |seconds| wait(&RETRY, 1, START, Some(Duration::from_secs(seconds)), START, 0.9);
        assert_eq!(asked(0), Some(Duration::ZERO));
        assert_eq!(asked(17), Some(Duration::from_secs(17)));
        assert_eq!(asked(86_400), Some(Duration::from_secs(300)));
    }

    #[test]
    fn a_provider_that_wants_to_be_asked_at_once_is_believed_once() {
        let at_once = |failures| wait(&RETRY, failures, START, Some(Duration::ZERO), START, 0.5);
        assert_eq!(at_once(1), Some(Duration::ZERO));
        assert_eq!(at_once(2), Some(Duration::from_secs(2)));
        assert_eq!(at_once(5), Some(Duration::from_secs(16)));
    }

    #[test]
    fn polls_become_rarer_while_nothing_changes() {
        let waits: Vec<u64> =
            (0..4).map(|n| poll_wait(&POLL, n, false, 0.5).as_millis() as u64).collect();
        assert_eq!(waits, [5_000, 7_500, 11_250, 16_875]);
        assert_eq!(poll_wait(&POLL, 99, false, 0.5), Duration::from_secs(300));
    }

    #[test]
    fn a_person_is_given_time() {
        assert_eq!(poll_wait(&POLL, 0, true, 0.5), Duration::from_secs(60));
    }
}
