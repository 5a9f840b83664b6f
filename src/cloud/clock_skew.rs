//! The difference between our clock and a provider's, learned from refusals.
//!
//! Signatures carry the machine's real time, not the clock that jobs run by, which tests move.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// A refusal this soon after a correction has another cause than the clock.
const MIN_CORRECTION_INTERVAL: SignedDuration = SignedDuration::from_secs(60);

#[derive(Debug, Default)]
pub(super) struct ClockSkew {
    correction: Mutex<Option<Correction>>,
}

#[derive(Clone, Copy, Debug)]
struct Correction {
    offset: SignedDuration,
    at: Timestamp,
}

impl ClockSkew {
    /// The provider's time now, by an offset that [`ClockSkew::offset`] returned.
    pub(super) fn provider_time(offset: SignedDuration) -> Timestamp {
        let now = Timestamp::now();
        // A provider may claim any time; past the end of the calendar there is none.
        now.saturating_add(offset).unwrap_or(now)
    }

    /// What to add to our clock to get the provider's.
    pub(super) fn offset(&self) -> SignedDuration {
        let correction = self.correction.lock().unwrap_or_else(PoisonError::into_inner);
        correction.map_or(SignedDuration::ZERO, |correction| correction.offset)
    }

    /// Adopts the provider's clock after it refused a request signed with the offset `used`.
    /// Returns whether asking again can help.
    pub(super) fn learn(&self, used: SignedDuration, provider: Timestamp) -> bool {
        self.learn_at(used, provider, Timestamp::now())
    }

    fn learn_at(&self, used: SignedDuration, provider: Timestamp, now: Timestamp) -> bool {
        let mut correction = self.correction.lock().unwrap_or_else(PoisonError::into_inner);
        match *correction {
            // Another request corrected it after this one was signed.
            Some(newer) if newer.offset != used => true,
            Some(recent) if now.duration_since(recent.at) < MIN_CORRECTION_INTERVAL => false,
            Some(_) | None => {
                let offset = provider.duration_since(now);
                *correction = Some(Correction { offset, at: now });
                true
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_not_corrected_twice_within_a_minute() {
        let skew = ClockSkew::default();
        let now: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let hour = SignedDuration::from_hours(1);
        assert!(skew.learn_at(SignedDuration::ZERO, now + hour, now));
        assert_eq!(skew.offset(), hour);
        assert!(!skew.learn_at(hour, now + hour, now + SignedDuration::from_secs(59)));
        assert!(skew.learn_at(hour, now + hour, now + SignedDuration::from_secs(61)));
    }

    #[test]
    fn a_request_signed_before_a_correction_may_be_asked_again() {
        let skew = ClockSkew::default();
        let now: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let hour = SignedDuration::from_hours(1);
        assert!(skew.learn_at(SignedDuration::ZERO, now + hour, now));
        assert!(skew.learn_at(SignedDuration::ZERO, now + hour, now));
    }
}
