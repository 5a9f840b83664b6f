//! What authentication remembers between requests: nonces, bad signatures, tokens.

use std::collections::{HashMap, VecDeque};

use jiff::{SignedDuration, Timestamp};

/// Largest difference between a request's time and the server's clock.
pub(super) const MAX_CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(15);

/// A request is valid from one maximum skew before its time to one after it; a nonce is remembered
/// for a little longer than that.
const NONCE_TTL: SignedDuration = SignedDuration::from_mins(31);

/// Bad signatures in a row that a Huawei key may have. The next one locks the key.
const MAX_BAD_SIGNATURES: u32 = 5;

#[derive(Debug, Default)]
struct KeyFailures {
    bad_signatures: u32,
    locked_until: Option<Timestamp>,
}

/// The authentication state of both providers.
#[derive(Debug, Default)]
pub(crate) struct Authenticator {
    nonces: HashMap<String, Timestamp>,
    nonces_by_age: VecDeque<(Timestamp, String)>,
    failures: HashMap<String, KeyFailures>,
    tokens: HashMap<String, Timestamp>,
}

impl Authenticator {
    /// Remembers a nonce. Returns false if it was used before.
    pub(super) fn is_new_nonce(&mut self, nonce: &str, now: Timestamp) -> bool {
        while self.nonces_by_age.front().is_some_and(|(at, _)| now.duration_since(*at) > NONCE_TTL)
        {
            if let Some((_, old)) = self.nonces_by_age.pop_front() {
                self.nonces.remove(&old);
            }
        }
        if self.nonces.contains_key(nonce) {
            return false;
        }
        self.nonces.insert(nonce.to_owned(), now);
        self.nonces_by_age.push_back((now, nonce.to_owned()));
        true
    }

    /// Whether a key is locked because of bad signatures.
    pub(super) fn is_locked(&self, key: &str, now: Timestamp) -> bool {
        let until = self.failures.get(key).and_then(|failures| failures.locked_until);
        until.is_some_and(|until| now < until)
    }

    /// Counts bad signatures in a row; more than [`MAX_BAD_SIGNATURES`] lock the key.
    pub(super) fn record_signature(
        &mut self,
        key: &str,
        valid: bool,
        now: Timestamp,
        lockout: SignedDuration,
    ) {
        if valid {
            self.failures.remove(key);
            return;
        }
        let failures = self.failures.entry(key.to_owned()).or_default();
        failures.bad_signatures += 1;
        if failures.bad_signatures > MAX_BAD_SIGNATURES {
            *failures = KeyFailures { bad_signatures: 0, locked_until: Some(now + lockout) };
        }
    }

    /// Remembers a token that was issued.
    pub(super) fn add_token(&mut self, token: String, expires: Timestamp) {
        self.tokens.insert(token, expires);
    }

    /// Forgets nonces and bad signatures. Tokens stay valid.
    pub(crate) fn reset_requests(&mut self) {
        let tokens = std::mem::take(&mut self.tokens);
        *self = Self { tokens, ..Self::default() };
    }

    /// When a token expires; none for a token that was never issued.
    pub(super) fn token_expiry(&self, token: &str) -> Option<Timestamp> {
        self.tokens.get(token).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_may_be_used_again_after_31_minutes() {
        let mut authenticator = Authenticator::default();
        let start = Timestamp::UNIX_EPOCH;
        assert!(authenticator.is_new_nonce("a", start));
        assert!(!authenticator.is_new_nonce("a", start + SignedDuration::from_mins(30)));
        assert!(authenticator.is_new_nonce("a", start + SignedDuration::from_mins(32)));
    }

    #[test]
    fn a_valid_signature_resets_the_count_of_bad_ones() {
        let mut authenticator = Authenticator::default();
        let (now, lockout) = (Timestamp::UNIX_EPOCH, SignedDuration::from_mins(5));
        for valid in [false, false, false, false, false, true, false, false, false, false, false] {
            authenticator.record_signature("k", valid, now, lockout);
        }
        assert!(!authenticator.is_locked("k", now));
        authenticator.record_signature("k", false, now, lockout);
        assert!(authenticator.is_locked("k", now));
        assert!(!authenticator.is_locked("k", now + lockout));
    }
}
