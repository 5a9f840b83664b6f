//! Exponential backoff. The only file that names the `backoff` crate, whose own clock and
//! randomness stay unused: both are arguments here.

use std::time::Duration;

use backoff::ExponentialBackoffBuilder;
use backoff::backoff::Backoff as _;

/// Pauses that grow with every failure in a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    /// The pause after the first failure.
    pub initial: Duration,
    /// Factor between one pause and the next, at least 1.
    pub multiplier: f64,
    /// Longest pause, before jitter.
    pub max: Duration,
    /// Share of a pause, 0 to 1, that is added or removed at random.
    pub jitter: f64,
}

impl Backoff {
    /// Pauses that double, without jitter.
    pub const fn doubling(initial: Duration, max: Duration) -> Self {
        Self { initial, multiplier: 2.0, max, jitter: 0.0 }
    }

    /// The pause after `failures` failures in a row, which count from 1. `random` is uniform in
    /// 0..1.
    pub fn delay(&self, failures: u32, random: f64) -> Duration {
        spread(self.interval(failures), self.jitter, random)
    }

    /// The pause without jitter.
    pub fn interval(&self, failures: u32) -> Duration {
        let mut pauses = ExponentialBackoffBuilder::new()
            .with_initial_interval(self.initial)
            .with_multiplier(self.multiplier)
            .with_randomization_factor(0.0)
            .with_max_interval(self.max)
            .with_max_elapsed_time(None)
            .build();
        let mut interval = Duration::ZERO;
        for _ in 0..failures.max(1) {
            let next = pauses.next_backoff().unwrap_or(self.max).min(self.max);
            // A saved count of failures may be anything: stop where pauses no longer grow.
            if next == interval {
                break;
            }
            interval = next;
        }
        interval
    }
}

/// `interval`, made longer or shorter by at most `jitter` of it. `random` is uniform in 0..1.
pub fn spread(interval: Duration, jitter: f64, random: f64) -> Duration {
    interval.mul_f64((1.0 + jitter * (2.0 * random - 1.0)).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const DOUBLING: Backoff = Backoff::doubling(SECOND, Duration::from_secs(30));

    fn seconds(backoff: Backoff, failures: impl IntoIterator<Item = u32>) -> Vec<f64> {
        failures.into_iter().map(|n| backoff.delay(n, 0.5).as_secs_f64()).collect()
    }

    #[test]
    fn delays_grow_by_the_multiplier_up_to_the_maximum() {
        let slower = Backoff { multiplier: 1.5, ..DOUBLING };
        let constant = Backoff { multiplier: 1.0, ..DOUBLING };
        let capped = Backoff { max: SECOND / 2, ..DOUBLING };
        for (backoff, expected) in [
            (DOUBLING, [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]),
            (slower, [1.0, 1.5, 2.25, 3.375, 5.0625, 7.59375, 11.390625]),
            (constant, [1.0; 7]),
            (capped, [0.5; 7]),
        ] {
            assert_eq!(seconds(backoff, 1..=7), expected, "{backoff:?}");
        }
    }

    #[test]
    fn any_count_of_failures_has_a_delay() {
        let constant = Backoff { multiplier: 1.0, ..DOUBLING };
        assert_eq!(seconds(DOUBLING, [0, 1, u32::MAX]), [1.0, 1.0, 30.0]);
        assert_eq!(seconds(constant, [0, u32::MAX]), [1.0, 1.0]);
    }

    #[test]
    fn jitter_changes_a_delay_by_at_most_its_share() {
        let jittered = Backoff { jitter: 0.5, ..DOUBLING };
        for (random, expected) in [(0.0, 2.0), (0.25, 3.0), (0.5, 4.0), (1.0, 6.0)] {
            assert_eq!(jittered.delay(3, random).as_secs_f64(), expected);
        }
    }
}
