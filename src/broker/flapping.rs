//! Connections that end soon after they were made, again and again.

use std::time::Duration;

/// A message that the library can't read ends the connection, and comes again on the next one.
pub(super) const FLAPPING_HINT: &str = "the connection ends again and again soon after it was made: a message that \
    the AMQP library can't read, such as one with a property that is not UTF-8, may be first in a \
    queue; look at the first messages of the queues in the broker's management and remove it there";

/// Connections in a row that ended soon after they were made. Each costs the messages that were
/// delivered over it one of the deliveries the broker allows, so they must not follow closely.
#[derive(Debug, Default)]
pub(super) struct FlapDetector {
    in_a_row: u32,
}

impl FlapDetector {
    /// The first pause.
    const FIRST: Duration = Duration::from_millis(100);
    /// A connection that lived this long is no sign of trouble with what came over it.
    const LONG: Duration = Duration::from_secs(10);
    /// The longest pause. At this pace a message outlasts a thousand deliveries for eight hours.
    const LONGEST: Duration = Duration::from_secs(30);
    /// One may be chance, and two a broker's restart.
    const SUSPECT_AFTER: u32 = 3;

    /// Another connection has ended; how long to wait before the attempts to make a new one.
    pub(super) fn another(&mut self, lived: Duration) -> Duration {
        if lived >= Self::LONG {
            self.in_a_row = 0;
            return Duration::ZERO;
        }
        let pause = Self::FIRST.saturating_mul(1 << self.in_a_row.min(10)).min(Self::LONGEST);
        self.in_a_row = self.in_a_row.saturating_add(1);
        pause
    }

    pub(super) fn are_suspicious(&self) -> bool {
        self.in_a_row >= Self::SUSPECT_AFTER
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_that_end_soon_follow_each_other_ever_more_slowly() {
        let mut lives = FlapDetector::default();
        let soon = Duration::from_secs(9);
        for (pause, suspicious) in
            [(100, false), (200, false), (400, true), (800, true), (1_600, true), (3_200, true)]
        {
            assert_eq!(lives.another(soon), Duration::from_millis(pause));
            assert_eq!(lives.are_suspicious(), suspicious, "after a pause of {pause} ms");
        }
        let last = (0..10_000).map(|_| lives.another(soon)).last();
        assert_eq!(last, Some(Duration::from_secs(30)));
        assert_eq!(lives.another(Duration::from_secs(10)), Duration::ZERO);
        assert!(!lives.are_suspicious());
        assert_eq!(lives.another(soon), Duration::from_millis(100));
    }
}
