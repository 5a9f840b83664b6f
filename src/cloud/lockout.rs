//! Keys that a provider refuses, and locks when it has to refuse them too often.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::job::Failure;

/// Huawei locks a key for so long after more than five bad signatures, for everybody who uses it.
/// Asked once in that time, it is never locked by one worker.
const PAUSE: SignedDuration = SignedDuration::from_mins(5);

/// The last refusal of an account's key.
#[derive(Debug, Default)]
pub(super) struct Lockout {
    refused: Mutex<Option<Refused>>,
}

#[derive(Debug)]
struct Refused {
    failure: Failure,
    at: Timestamp,
    /// Which of the keys that the account has had.
    version: u64,
}

impl Lockout {
    /// The refusal that answers in the provider's place, while it is fresh and the key the same.
    pub fn standing(&self, version: u64, now: Timestamp) -> Option<Failure> {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let Refused { failure, at, .. } =
            refused.as_ref().filter(|refused| refused.version == version)?;
        let over = *at + PAUSE;
        let message =
            format!("{}; nothing is sent with this key before {over:.0}", failure.message);
        let failure = Failure { message, request_id: None, ..failure.clone() };
        (now < over).then_some(failure)
    }

    /// Takes note of a refusal.
    pub fn note(&self, failure: &Failure, version: u64, at: Timestamp) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        *refused = Some(Refused { failure: failure.clone(), at, version });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_key_is_left_alone_for_five_minutes() {
        let lockout = Lockout::default();
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(lockout.standing(0, now), None);
        lockout.note(&Failure::permanent("APIGW.0301", "bad signature"), 0, now);
        let failure = lockout.standing(0, now + SignedDuration::from_secs(299));
        let message = "bad signature; nothing is sent with this key before 1970-01-01T00:05:00Z";
        assert!(failure.is_some_and(|failure| failure.message == message));
        assert_eq!(lockout.standing(1, now), None, "another key was not refused");
        assert_eq!(lockout.standing(0, now + PAUSE), None);
    }
}
