//! Detects connections that end soon after they open, again and again.

use std::time::Duration;

use crate::job::backoff::Backoff;

/// The library ends the connection over a message that it can't parse, and the broker delivers the
/// message again on the next one.
pub(super) const FLAPPING_HINT: &str = "the connection ends again and again soon after it opened: \
    a message that the AMQP library can't parse, such as one with a property that is not UTF-8, \
    may be first in a queue; look at the first message of each queue in the broker's management \
    and remove it there";

/// Counts short-lived connections in a row. Each uses up one of the deliveries that the broker
/// allows for the messages delivered over it, so the pauses between them grow.
#[derive(Debug, Default)]
pub(super) struct FlapDetector {
    in_a_row: u32,
}

impl FlapDetector {
    /// At the longest pause a message uses up the delivery limit of 1,000 in eight hours.
    const BACKOFF: Backoff = Backoff::doubling(Duration::from_millis(100), Duration::from_secs(30));
    /// A connection that lasted this long is not short-lived.
    const STABLE_AFTER: Duration = Duration::from_secs(10);
    /// One short-lived connection may be chance, and two a restart of the broker.
    const SUSPECT_AFTER: u32 = 3;

    /// Counts a connection that ended. Returns the pause before the first attempt to reconnect.
    pub(super) fn connection_ended(&mut self, lifetime: Duration) -> Duration {
        if lifetime >= Self::STABLE_AFTER {
            self.in_a_row = 0;
            return Duration::ZERO;
        }
        self.in_a_row = self.in_a_row.saturating_add(1);
        Self::BACKOFF.interval(self.in_a_row)
    }

    pub(super) fn is_flapping(&self) -> bool {
        self.in_a_row >= Self::SUSPECT_AFTER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_with_each_short_lived_connection() {
        let mut detector = FlapDetector::default();
        let short = Duration::from_secs(9);
        for (pause, flapping) in
            [(100, false), (200, false), (400, true), (800, true), (1_600, true), (3_200, true)]
        {
            assert_eq!(detector.connection_ended(short), Duration::from_millis(pause));
            assert_eq!(detector.is_flapping(), flapping, "after a pause of {pause} ms");
        }
        let last = (0..10_000).map(|_| detector.connection_ended(short)).last();
        assert_eq!(last, Some(Duration::from_secs(30)));
        assert_eq!(detector.connection_ended(Duration::from_secs(10)), Duration::ZERO);
        assert!(!detector.is_flapping());
        assert_eq!(detector.connection_ended(short), Duration::from_millis(100));
    }
}
