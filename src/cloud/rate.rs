//! Requests a second: by our own count, or by one that all replicas share.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use super::limits::{WhenLimited, spread};
use super::shared_limit::{LimitUnavailable, SharedLimit};
use crate::job::AccountName;

/// How far ahead deferred requests are spread. Beyond it they come back and ask again.
const HORIZON: SignedDuration = SignedDuration::from_secs(60);

/// The shortest wait for a turn: timers are no finer, and nothing is asked in a circle.
const SHORTEST: Duration = Duration::from_millis(1);

/// Tokio's clock, which tests can pause.
#[derive(Clone, Debug)]
struct Watch(Instant);

impl Clock for Watch {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Turns, one every interval.
#[derive(Debug)]
pub(super) struct Rate {
    turns: Turns,
    interval: SignedDuration,
    /// When the last deferred request may come back: each gets a moment of its own, or they would
    /// all come back at once.
    promised: Mutex<Timestamp>,
}

#[derive(Debug)]
enum Turns {
    ExchangeName {
        limiter: RateLimiter<NotKeyed, InMemoryState, Watch, NoOpMiddleware<Duration>>,
        watch: Watch,
    },
    Shared {
        limit: Arc<dyn SharedLimit>,
        account: AccountName,
        per: Duration,
        burst: u32,
        /// Whether the last one could not be asked for.
        in_vain: AtomicBool,
    },
}

impl Rate {
    /// So many a second, by our own count or by a shared one.
    pub fn new(
        per_second: f64,
        account: &AccountName,
        shared: Option<Arc<dyn SharedLimit>>,
    ) -> Option<Self> {
        let per = Duration::try_from_secs_f64(1.0 / per_second).ok()?;
        // A tenth of a second's worth may go at once: timers are no finer than a millisecond.
        let burst = NonZeroU32::new((per_second / 10.0) as u32).unwrap_or(NonZeroU32::MIN);
        let turns = match shared {
            Some(limit) => {
                let (account, burst) = (account.clone(), burst.get());
                Turns::Shared { limit, account, per, burst, in_vain: AtomicBool::new(false) }
            }
            None => {
                let watch = Watch(Instant::now());
                let quota = Quota::with_period(per)?.allow_burst(burst);
                Turns::ExchangeName {
                    limiter: RateLimiter::direct_with_clock(quota, watch.clone()),
                    watch,
                }
            }
        };
        let interval = SignedDuration::try_from(per).ok()?;
        Some(Self { turns, interval, promised: Mutex::new(Timestamp::UNIX_EPOCH) })
    }

    /// Waits for a turn, or says when to come back.
    pub async fn execution(
        &self,
        patience: WhenLimited,
        give_up: Instant,
    ) -> Result<(), Timestamp> {
        loop {
            match self.turns.take().await {
                Ok(None) => return Ok(()),
                Ok(Some(wait)) => {
                    if patience == WhenLimited::Defer && Instant::now() + wait >= give_up {
                        return Err(self.promise(wait));
                    }
                    sleep(wait.max(SHORTEST)).await;
                }
                // A call too late can be made up for; one too many can't.
                Err(LimitUnavailable(_)) => return Err(Timestamp::now() + spread()),
            }
        }
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

impl Turns {
    /// Takes a turn, or says how long there is none.
    async fn take(&self) -> Result<Option<Duration>, LimitUnavailable> {
        match self {
            Turns::ExchangeName { limiter, watch } => {
                let taken = limiter.check();
                Ok(taken.err().map(|not_yet| not_yet.wait_time_from(watch.now())))
            }
            Turns::Shared { limit, account, per, burst, in_vain } => {
                let taken = limit.take_turn(account, *per, *burst).await;
                let before = in_vain.swap(taken.is_err(), Ordering::Relaxed);
                match &taken {
                    Err(LimitUnavailable(cause)) if !before => {
                        warn!(account, %cause, "the shared limit can't be asked; nothing is sent");
                    }
                    Ok(_) if before => info!(account, "the shared limit can be asked again"),
                    Ok(_) | Err(_) => {}
                }
                taken
            }
        }
    }
}
