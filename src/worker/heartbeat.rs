//! Shows whether the loop that takes deliveries still runs.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Time between heartbeats, also while the loop waits.
pub(super) const INTERVAL: Duration = Duration::from_secs(1);

/// Longest gap between heartbeats before the loop counts as stuck.
const STALE_AFTER: Duration = Duration::from_secs(15);

/// The time of the last heartbeat.
#[derive(Debug)]
pub struct Heartbeat(Mutex<Instant>);

impl Default for Heartbeat {
    fn default() -> Self {
        Self(Mutex::new(Instant::now()))
    }
}

impl Heartbeat {
    /// The loop runs.
    pub fn beat(&self) {
        *self.last() = Instant::now();
    }

    /// Whether the last heartbeat is recent.
    pub fn is_alive(&self) -> bool {
        self.last().elapsed() < STALE_AFTER
    }

    fn last(&self) -> MutexGuard<'_, Instant> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_loop_without_heartbeats_is_not_alive_until_the_next_one() {
        let heartbeat = Heartbeat::default();
        tokio::time::advance(STALE_AFTER - Duration::from_millis(1)).await;
        assert!(heartbeat.is_alive());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(!heartbeat.is_alive());
        heartbeat.beat();
        assert!(heartbeat.is_alive());
    }
}
