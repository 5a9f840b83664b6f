//! Restarts of the soak's database.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep_until};

use crate::counters::{Counters, increment};
use crate::support::database::{Stop, TestDatabase};

/// Restarts the database at the given times, every second time by a crash.
pub(crate) async fn restart(
    database: &TestDatabase,
    times: Vec<Duration>,
    start: Instant,
    counters: &Counters,
) -> Result<()> {
    for (number, time) in times.into_iter().enumerate() {
        sleep_until(start + time).await;
        let (how, count) = match number % 2 {
            0 => (Stop::Immediate, &counters.database_crashes),
            _ => (Stop::Fast, &counters.database_restarts),
        };
        database.stop(how).await?;
        database.start_again().await?;
        increment(count);
    }
    Ok(())
}
