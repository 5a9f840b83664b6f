//! What a gateway remembers of those who come to it: nonces, bad signatures, tokens.

use std::collections::{HashMap, VecDeque};

use jiff::{SignedDuration, Timestamp};

/// How far a request's time may be from the server's.
pub(super) const SKEW: SignedDuration = SignedDuration::from_mins(15);

/// How long a nonce is remembered: longer than any request with it can be in time.
const NONCE_MEMORY: SignedDuration = SignedDuration::from_mins(31);

/// Bad signatures in a row that a Huawei key may have; the next locks it.
const BAD_SIGNATURES: u32 = 5;

/// Who made a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::simulator) struct Caller {
    /// The public half of the key, or the name of the IAM user.
    pub(in crate::simulator) key: String,
    /// The nonce, where the provider has one.
    pub(in crate::simulator) nonce: Option<String>,
}

#[derive(Debug, Default)]
struct Distrust {
    bad: u32,
    locked_until: Option<Timestamp>,
}

/// The memory of both gateways.
#[derive(Debug, Default)]
pub(in crate::simulator) struct Guard {
    seen: HashMap<String, Timestamp>,
    order: VecDeque<(Timestamp, String)>,
    distrusted: HashMap<String, Distrust>,
    tokens: HashMap<String, Timestamp>,
}

impl Guard {
    /// Takes a nonce in; false when it was used before.
    pub(super) fn is_new_nonce(&mut self, nonce: &str, now: Timestamp) -> bool {
        while self.order.front().is_some_and(|(at, _)| now.duration_since(*at) > NONCE_MEMORY) {
            if let Some((_, old)) = self.order.pop_front() {
                self.seen.remove(&old);
            }
        }
        if self.seen.contains_key(nonce) {
            return false;
        }
        self.seen.insert(nonce.to_owned(), now);
        self.order.push_back((now, nonce.to_owned()));
        true
    }

    /// Whether a key is locked for its bad signatures.
    pub(super) fn is_locked(&self, key: &str, now: Timestamp) -> bool {
        let until = self.distrusted.get(key).and_then(|distrust| distrust.locked_until);
        until.is_some_and(|until| now < until)
    }

    /// Notes a signature; after more than five bad ones in a row the key is locked.
    pub(super) fn note_signature(
        &mut self,
        key: &str,
        good: bool,
        now: Timestamp,
        lock: SignedDuration,
    ) {
        if good {
            self.distrusted.remove(key);
            return;
        }
        let distrust = self.distrusted.entry(key.to_owned()).or_default();
        distrust.bad += 1;
        if distrust.bad > BAD_SIGNATURES {
            *distrust = Distrust { bad: 0, locked_until: Some(now + lock) };
        }
    }

    /// Keeps a token that was given out.
    pub(in crate::simulator) fn keep_token(&mut self, token: String, expires: Timestamp) {
        self.tokens.insert(token, expires);
    }

    /// Forgets nonces and bad signatures; tokens stay good.
    pub(in crate::simulator) fn forget_requests(&mut self) {
        let tokens = std::mem::take(&mut self.tokens);
        *self = Self { tokens, ..Self::default() };
    }

    /// When a token expires or expired; none for a token nobody was given.
    pub(super) fn token_expiry(&self, token: &str) -> Option<Timestamp> {
        self.tokens.get(token).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_forgotten_after_31_minutes() {
        let mut guard = Guard::default();
        let then = Timestamp::UNIX_EPOCH;
        assert!(guard.is_new_nonce("a", then));
        assert!(!guard.is_new_nonce("a", then + SignedDuration::from_mins(30)));
        assert!(guard.is_new_nonce("a", then + SignedDuration::from_mins(32)));
    }

    #[test]
    fn a_good_signature_wipes_out_the_bad_ones() {
        let mut guard = Guard::default();
        let (now, lock) = (Timestamp::UNIX_EPOCH, SignedDuration::from_mins(5));
        for good in [false, false, false, false, false, true, false, false, false, false, false] {
            guard.note_signature("k", good, now, lock);
        }
        assert!(!guard.is_locked("k", now));
        guard.note_signature("k", false, now, lock);
        assert!(guard.is_locked("k", now));
        assert!(!guard.is_locked("k", now + lock));
    }
}
