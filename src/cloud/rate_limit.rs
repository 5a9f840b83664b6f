//! An account's own limits: requests per second and requests in flight. A request waits here for up
//! to [`MAX_WAIT`]; a longer wait is returned to the caller, so that the job is parked.

use std::error::Error;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use governor::Quota;
use governor::clock::Clock as GovernorClock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{info, warn};

use super::account::Account;
use crate::clock::Clock;
use crate::job::AccountName;
use crate::job::backoff::spread;

/// The longest wait that does not park the job.
const MAX_WAIT: Duration = Duration::from_secs(1);

/// How far ahead times are reserved for deferred requests. Requests beyond it share the last time and
/// try again then.
const HORIZON: SignedDuration = SignedDuration::from_secs(60);

/// The shortest sleep: timers are no finer, and a shorter one could spin.
const MIN_SLEEP: Duration = Duration::from_millis(1);

/// The wait and its jitter if the necessary wait is unknown.
const UNKNOWN_WAIT: Duration = Duration::from_millis(1250);
const UNKNOWN_WAIT_JITTER: f64 = 0.2;

/// Grants the right to send requests: in this process, or for all replicas together.
#[async_trait]
pub trait RateSource: fmt::Debug + Send + Sync {
    /// Takes the right to send one request, or returns the time until the next one. One becomes free
    /// every `per`; up to `burst` unused ones may be taken at once.
    async fn acquire(
        &self,
        account: &str,
        per: Duration,
        burst: u32,
    ) -> Result<Option<Duration>, LimitUnavailable>;
}

/// The store of a shared limit did not answer.
#[derive(Debug, thiserror::Error)]
#[error("the shared rate limit is unavailable")]
pub struct LimitUnavailable(#[source] pub Box<dyn Error + Send + Sync>);

/// What happens to a request that meets a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WhenLimited {
    /// It is deferred if the wait is long: nothing is lost when the job is parked.
    Defer,
    /// It waits: parking would lose the replies so far.
    Wait,
}

/// The right to have one request in flight, until it is dropped. `None` without a limit.
pub(super) type ConcurrencyPermit = Option<OwnedSemaphorePermit>;

/// The limits of one account, shared by all of its requests.
#[derive(Debug)]
pub(super) struct AccountLimits {
    rate: Option<RateLimiter>,
    in_flight: Option<Arc<Semaphore>>,
}

impl AccountLimits {
    /// `shared` keeps the rate if the account asks for that.
    pub(super) fn new(account: &Account, shared: Option<Arc<dyn RateSource>>) -> Self {
        let shared = shared.filter(|_| account.rate_limit_shared);
        let rate = account.rate_limit.and_then(|rate| RateLimiter::new(rate, account, shared));
        let in_flight = account.max_concurrent.map(|max| Arc::new(Semaphore::new(max.max(1))));
        Self { rate, in_flight }
    }

    /// Waits for the right to send, or returns when to try again.
    pub(super) async fn acquire(
        &self,
        when_limited: WhenLimited,
        clock: &Clock,
    ) -> Result<ConcurrencyPermit, Timestamp> {
        let wait_end = Instant::now() + MAX_WAIT;
        let permit = self.concurrency(when_limited, wait_end, clock).await?;
        if let Some(rate) = &self.rate {
            rate.acquire(when_limited, wait_end, clock).await?;
        }
        Ok(permit)
    }

    async fn concurrency(
        &self,
        when_limited: WhenLimited,
        wait_end: Instant,
        clock: &Clock,
    ) -> Result<ConcurrencyPermit, Timestamp> {
        let Some(in_flight) = &self.in_flight else { return Ok(None) };
        let permit = in_flight.clone().acquire_owned();
        let permit = match when_limited {
            WhenLimited::Wait => Ok(permit.await),
            WhenLimited::Defer => timeout_at(wait_end, permit).await,
        };
        // The semaphore is never closed. An error would mean no limit.
        permit.map(Result::ok).map_err(|_elapsed| clock.now() + unknown_wait())
    }
}

/// Limits requests per second.
#[derive(Debug)]
struct RateLimiter {
    source: Arc<dyn RateSource>,
    account: AccountName,
    per: Duration,
    burst: NonZeroU32,
    /// Whether the source failed the last time.
    unavailable: AtomicBool,
    /// When the last deferred request may return. Each gets a time of its own, so that they do not
    /// all return at once.
    next_slot: Mutex<Timestamp>,
}

/// The source of one process.
#[derive(Debug)]
struct LocalRate {
    limiter: governor::RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<Duration>>,
    clock: TokioClock,
}

/// Tokio's clock, which tests can pause.
#[derive(Clone, Debug)]
struct TokioClock(Instant);

impl GovernorClock for TokioClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

#[async_trait]
impl RateSource for LocalRate {
    async fn acquire(
        &self,
        _account: &str,
        _per: Duration,
        _burst: u32,
    ) -> Result<Option<Duration>, LimitUnavailable> {
        let acquired = self.limiter.check();
        Ok(acquired.err().map(|not_until| not_until.wait_time_from(self.clock.now())))
    }
}

impl RateLimiter {
    fn new(
        per_second: f64,
        account: &Account,
        shared: Option<Arc<dyn RateSource>>,
    ) -> Option<Self> {
        let per = Duration::try_from_secs_f64(1.0 / per_second).ok()?;
        // A tenth of a second's worth may go at once: timers are no finer than a millisecond.
        let burst = NonZeroU32::new((per_second / 10.0) as u32).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::with_period(per)?.allow_burst(burst);
        let source = shared.unwrap_or_else(|| {
            let clock = TokioClock(Instant::now());
            let limiter = governor::RateLimiter::direct_with_clock(quota, clock.clone());
            Arc::new(LocalRate { limiter, clock })
        });
        Some(Self {
            source,
            account: account.name.clone(),
            per,
            burst,
            unavailable: AtomicBool::new(false),
            next_slot: Mutex::new(Timestamp::UNIX_EPOCH),
        })
    }

    async fn acquire(
        &self,
        when_limited: WhenLimited,
        wait_end: Instant,
        clock: &Clock,
    ) -> Result<(), Timestamp> {
        loop {
            match self.try_acquire().await {
                Ok(None) => return Ok(()),
                Ok(Some(wait)) => {
                    if when_limited == WhenLimited::Defer && Instant::now() + wait >= wait_end {
                        return Err(self.next_slot(wait, clock.now()));
                    }
                    sleep(wait.max(MIN_SLEEP)).await;
                }
                // A request that is late can be sent later; one too many can't be taken back.
                Err(LimitUnavailable(_)) => return Err(clock.now() + unknown_wait()),
            }
        }
    }

    async fn try_acquire(&self) -> Result<Option<Duration>, LimitUnavailable> {
        let Self { source, account, per, burst, .. } = self;
        let acquired = source.acquire(account, *per, burst.get()).await;
        let was_unavailable = self.unavailable.swap(acquired.is_err(), Ordering::Relaxed);
        match &acquired {
            Err(LimitUnavailable(cause)) if !was_unavailable => {
                warn!(account, %cause, "the shared rate limit is unavailable; nothing is sent");
            }
            Ok(_) if was_unavailable => {
                info!(account, "the shared rate limit is available again");
            }
            Ok(_) | Err(_) => {}
        }
        acquired
    }

    fn next_slot(&self, wait: Duration, now: Timestamp) -> Timestamp {
        let wait = SignedDuration::try_from(wait).unwrap_or(HORIZON);
        let soonest = now + wait.max(SignedDuration::from_secs(1));
        let mut slot = self.next_slot.lock().unwrap_or_else(PoisonError::into_inner);
        let next = *slot + self.per;
        *slot = if next > now + HORIZON { soonest } else { soonest.max(next) };
        *slot
    }
}

fn unknown_wait() -> Duration {
    spread(UNKNOWN_WAIT, UNKNOWN_WAIT_JITTER, rand::random())
}
