//! Protects a refused key from being locked by its provider.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::job::Failure;

/// Huawei locks a key for this long after more than five bad signatures, for all who use it. One
/// request in that time never locks it.
const PAUSE: SignedDuration = SignedDuration::from_mins(5);

/// The last refusal of an account's key.
#[derive(Debug, Default)]
pub(in crate::cloud) struct Lockout {
    refusal: Mutex<Option<Refusal>>,
}

#[derive(Debug)]
struct Refusal {
    failure: Failure,
    at: Timestamp,
    /// The version of the key that was refused.
    version: u64,
}

impl Lockout {
    /// The failure of every request with this version of the key, while its refusal is recent.
    pub(crate) fn current(&self, version: u64, now: Timestamp) -> Option<Failure> {
        let refusal = self.refusal.lock().unwrap_or_else(PoisonError::into_inner);
        let Refusal { failure, at, .. } =
            refusal.as_ref().filter(|refusal| refusal.version == version)?;
        let end = *at + PAUSE;
        let message = format!("{}; nothing is sent with this key before {end:.0}", failure.message);
        let failure = Failure { message, request_id: None, ..failure.clone() };
        (now < end).then_some(failure)
    }

    pub(crate) fn record(&self, failure: &Failure, version: u64, at: Timestamp) {
        let mut refusal = self.refusal.lock().unwrap_or_else(PoisonError::into_inner);
        *refusal = Some(Refusal { failure: failure.clone(), at, version });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_key_is_not_used_for_five_minutes() {
        let lockout = Lockout::default();
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(lockout.current(0, now), None);
        lockout.record(&Failure::permanent("APIGW.0301", "bad signature"), 0, now);
        let failure = lockout.current(0, now + SignedDuration::from_secs(299));
        let message = "bad signature; nothing is sent with this key before 1970-01-01T00:05:00Z";
        assert!(failure.is_some_and(|failure| failure.message == message));
        assert_eq!(lockout.current(1, now), None, "another key was not refused");
        assert_eq!(lockout.current(0, now + PAUSE), None);
    }
}
