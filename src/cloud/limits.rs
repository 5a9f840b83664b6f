//! An account's own limits: how many requests a second, and how many at once. A wait under a
//! second is waited here; a longer one is handed back, so that it is parked.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rand::Rng;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use super::account::Account;
use super::rate::Rate;
use super::shared_limit::SharedLimit;

/// The longest wait that is not parked.
const PATIENCE: Duration = Duration::from_secs(1);

/// The limits of one account, shared by all of its requests.
#[derive(Debug)]
pub(super) struct Limits {
    rate: Option<Rate>,
    slots: Option<Arc<Semaphore>>,
}

/// The right to have one request under way; ends when dropped.
#[derive(Debug)]
pub(super) struct Slot {
    _permit: Option<OwnedSemaphorePermit>,
}

/// Whether a request can be put off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WhenLimited {
    /// The first of a conversation: nothing is lost if it is parked.
    Defer,
    /// One in the middle: parking would lose the replies so far, so it waits.
    Wait,
}

impl Limits {
    /// The account's limits; its rate is kept together with others where it says so and `shared`
    /// is there.
    pub fn new(account: &Account, shared: Option<Arc<dyn SharedLimit>>) -> Self {
        let shared = shared.filter(|_| account.rate_limit_shared);
        let rate = account.rate_limit.and_then(|rate| Rate::new(rate, &account.name, shared));
        let slots = account.max_concurrent.map(|most| Arc::new(Semaphore::new(most.max(1))));
        Self { rate, slots }
    }

    /// Waits for the right to send, or says when to come back.
    pub async fn admit(&self, patience: WhenLimited) -> Result<Slot, Timestamp> {
        let give_up = Instant::now() + PATIENCE;
        let slot = self.slot(patience, give_up).await?;
        if let Some(rate) = &self.rate {
            rate.execution(patience, give_up).await?;
        }
        Ok(slot)
    }

    async fn slot(&self, patience: WhenLimited, give_up: Instant) -> Result<Slot, Timestamp> {
        let Some(slots) = &self.slots else { return Ok(Slot { _permit: None }) };
        let free = slots.clone().acquire_owned();
        let permit = match patience {
            WhenLimited::Wait => free.await,
            WhenLimited::Defer => match timeout_at(give_up, free).await {
                Ok(permit) => permit,
                Err(_elapsed) => return Err(Timestamp::now() + spread()),
            },
        };
        // The semaphore is never closed; an error would only mean that there is no limit.
        Ok(Slot { _permit: permit.ok() })
    }
}

/// A wait without a better reason, spread so that those who wait don't come back together.
pub(super) fn spread() -> SignedDuration {
    SignedDuration::from_millis(rand::rng().random_range(1000..1500))
}
