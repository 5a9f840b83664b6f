//! A sign of life: whether the loop that takes jobs turns.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

/// How often the loop comes by, busy or not.
pub(super) const BEAT: Duration = Duration::from_secs(1);

/// How long it may stay away. Nothing it waits for keeps it from coming by.
const SILENCE: Duration = Duration::from_secs(15);

/// When the loop last came by.
#[derive(Debug)]
pub struct Heartbeat(Mutex<Instant>);

impl Default for Heartbeat {
    fn default() -> Self {
        Self(Mutex::new(Instant::now()))
    }
}

impl Heartbeat {
    /// The loop came by.
    pub fn beat(&self) {
        *self.last() = Instant::now();
    }

    /// Whether it came by lately.
    pub fn is_felt(&self) -> bool {
        self.last().elapsed() < SILENCE
    }

    fn last(&self) -> std::sync::MutexGuard<'_, Instant> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_stays_away_is_missed_until_it_comes_by() {
        let heartbeat = Heartbeat::default();
        tokio::time::advance(SILENCE - Duration::from_millis(1)).await;
        assert!(heartbeat.is_felt());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(!heartbeat.is_felt());
        heartbeat.beat();
        assert!(heartbeat.is_felt());
    }
}
