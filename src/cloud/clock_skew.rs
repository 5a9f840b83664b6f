//! How far our clock is from a provider's, as far as refusals have taught us.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// A clock corrected this recently and refused again is not what is wrong.
const TRUST: SignedDuration = SignedDuration::from_secs(60);

/// An account's knowledge of its provider's clock.
#[derive(Debug, Default)]
pub(super) struct ClockSkew {
    learned: Mutex<Option<Learned>>,
}

#[derive(Clone, Copy, Debug)]
struct Learned {
    offset: SignedDuration,
    at: Timestamp,
}

impl ClockSkew {
    /// The provider's time, for what to add to ours. A provider may claim any time at all, and there
    /// is none beyond the end of the calendar.
    pub fn apply(ours: Timestamp, offset: SignedDuration) -> Timestamp {
        ours.saturating_add(offset).unwrap_or(ours)
    }

    /// What to add to our clock to get the provider's.
    pub fn offset(&self) -> SignedDuration {
        let learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        learned.map_or(SignedDuration::ZERO, |learned| learned.offset)
    }

    /// Takes up the provider's clock after it refused a request signed with the offset `used`.
    /// Says whether asking again can help.
    pub fn learn(&self, used: SignedDuration, server: Timestamp, now: Timestamp) -> bool {
        let mut learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        match *learned {
            // Another request has taught us since this one was signed.
            Some(newer) if newer.offset != used => true,
            Some(recent) if now.duration_since(recent.at) < TRUST => false,
            Some(_) | None => {
                *learned = Some(Learned { offset: server.duration_since(now), at: now });
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
    fn an_offset_is_learned_once_and_not_again_within_the_minute() {
        let skew = ClockSkew::default();
        let now: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let hour = SignedDuration::from_hours(1);
        assert!(skew.learn(SignedDuration::ZERO, now + hour, now));
        assert_eq!(skew.offset(), hour);
        assert!(!skew.learn(hour, now + hour, now + SignedDuration::from_secs(59)));
        assert!(skew.learn(hour, now + hour, now + SignedDuration::from_secs(61)));
    }

    #[test]
    fn a_request_signed_before_the_lesson_may_be_asked_again() {
        let skew = ClockSkew::default();
        let now: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let hour = SignedDuration::from_hours(1);
        assert!(skew.learn(SignedDuration::ZERO, now + hour, now));
        assert!(skew.learn(SignedDuration::ZERO, now + hour, now));
    }
}
