//! An account's own limits: how many requests a second, and how many at once. A wait under a
//! second is waited here; a longer one is handed back, so that it is parked.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use jiff::{SignedDuration, Timestamp};
use rand::Rng;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout_at};

use super::account::Account;

/// The longest wait that is not parked.
const PATIENCE: Duration = Duration::from_secs(1);

/// How far ahead deferred requests are spread. Beyond it they come back and ask again.
const HORIZON: SignedDuration = SignedDuration::from_secs(60);

/// Tokio's clock, which tests can pause.
#[derive(Clone, Debug)]
struct Watch(Instant);

impl Clock for Watch {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

#[derive(Debug)]
struct Rate {
    limiter: RateLimiter<NotKeyed, InMemoryState, Watch, NoOpMiddleware<Duration>>,
    watch: Watch,
    interval: SignedDuration,
    /// When the last deferred request may come back: each gets a moment of its own, or they would
    /// all come back at once.
    promised: Mutex<Timestamp>,
}

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
pub(super) enum Patience {
    /// The first of a conversation: nothing is lost if it is parked.
    MayDefer,
    /// One in the middle: parking would lose the replies so far, so it waits.
    Waits,
}

impl Limits {
    pub fn new(account: &Account) -> Self {
        let rate = account.rate_limit.and_then(Rate::new);
        let slots = account.max_concurrent.map(|most| Arc::new(Semaphore::new(most.max(1))));
        Self { rate, slots }
    }

    /// Waits for the right to send, or says when to come back.
    pub async fn admit(&self, patience: Patience) -> Result<Slot, Timestamp> {
        let give_up = Instant::now() + PATIENCE;
        let slot = self.slot(patience, give_up).await?;
        if let Some(rate) = &self.rate {
            rate.cell(patience, give_up).await?;
        }
        Ok(slot)
    }

    async fn slot(&self, patience: Patience, give_up: Instant) -> Result<Slot, Timestamp> {
        let Some(slots) = &self.slots else { return Ok(Slot { _permit: None }) };
        let free = slots.clone().acquire_owned();
        let permit = match patience {
            Patience::Waits => free.await,
            Patience::MayDefer => match timeout_at(give_up, free).await {
                Ok(permit) => permit,
                Err(_elapsed) => return Err(Timestamp::now() + spread()),
            },
        };
        // The semaphore is never closed; an error would only mean that there is no limit.
        Ok(Slot { _permit: permit.ok() })
    }
}

impl Rate {
    fn new(per_second: f64) -> Option<Self> {
        let interval = Duration::try_from_secs_f64(1.0 / per_second).ok()?;
        // A tenth of a second's worth may go at once: timers are no finer than a millisecond.
        let burst = NonZeroU32::new((per_second / 10.0) as u32).unwrap_or(NonZeroU32::MIN);
        let watch = Watch(Instant::now());
        let quota = Quota::with_period(interval)?.allow_burst(burst);
        Some(Self {
            limiter: RateLimiter::direct_with_clock(quota, watch.clone()),
            watch,
            interval: SignedDuration::try_from(interval).ok()?,
            promised: Mutex::new(Timestamp::UNIX_EPOCH),
        })
    }

    async fn cell(&self, patience: Patience, give_up: Instant) -> Result<(), Timestamp> {
        while let Err(not_yet) = self.limiter.check() {
            let wait = not_yet.wait_time_from(self.watch.now());
            if patience == Patience::MayDefer && Instant::now() + wait >= give_up {
                return Err(self.promise(wait));
            }
            sleep(wait).await;
        }
        Ok(())
    }

    fn promise(&self, wait: Duration) -> Timestamp {
        let now = Timestamp::now();
        let wait = SignedDuration::try_from(wait).unwrap_or(HORIZON);
        let soonest = now + wait.max(SignedDuration::from_secs(1));
        let mut promised = self.promised.lock().unwrap_or_else(PoisonError::into_inner);
        let next = *promised + self.interval;
        *promised = if next > now + HORIZON { soonest } else { soonest.max(next) };
        *promised
    }
}

fn spread() -> SignedDuration {
    SignedDuration::from_millis(rand::rng().random_range(1000..1500))
}
