//! The delay ladder: queues that hold a message for a fixed time, each a power of two seconds.
//!
//! A longer wait takes several hops: a job that waits 100 s wakes after 64 s, is not due yet, and
//! waits again for 32 s and 4 s. It is late by no more than the hops take.

use std::time::Duration;

/// The longest rung, in seconds: a day and a half.
const MAX_RUNG: u32 = 1 << 17;

/// Every rung, in seconds, shortest first.
pub fn rungs() -> impl Iterator<Item = u32> {
    (0..=MAX_RUNG.ilog2()).map(|power| 1 << power)
}

/// The longest rung that does not exceed the wait, in seconds; `None` below a second.
pub fn rung(wait: Duration) -> Option<u32> {
    let seconds = u32::try_from(wait.as_secs()).unwrap_or(MAX_RUNG).min(MAX_RUNG);
    seconds.checked_ilog2().map(|power| 1 << power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_takes_the_longest_rung_that_does_not_exceed_it() {
        let table = [
            (0, None),
            (999, None),
            (1_000, Some(1)),
            (1_999, Some(1)),
            (2_000, Some(2)),
            (3_999, Some(2)),
            (4_000, Some(4)),
            (100_000, Some(64)),
            (131_071_999, Some(65_536)),
            (131_072_000, Some(131_072)),
            (u64::MAX, Some(131_072)),
        ];
        for (millis, expected) in table {
            assert_eq!(rung(Duration::from_millis(millis)), expected, "{millis} ms");
        }
    }

    #[test]
    fn hops_add_up_to_the_wait_in_at_most_eighteen_hops() {
        for seconds in [1, 2, 3, 100, 3_600, 86_399, 262_143] {
            let mut left = seconds;
            let mut hops = 0;
            while let Some(rung) = rung(Duration::from_secs(left)) {
                left -= u64::from(rung);
                hops += 1;
            }
            assert_eq!(left, 0);
            assert!(hops <= 18, "{seconds} s take {hops} hops");
        }
    }

    #[test]
    fn the_ladder_has_every_rung_that_a_wait_can_take() {
        let all: Vec<u32> = rungs().collect();
        assert_eq!((all.len(), all[0], all[17]), (18, 1, MAX_RUNG));
        for rung in all {
            assert_eq!(super::rung(Duration::from_secs(rung.into())), Some(rung));
        }
    }
}
