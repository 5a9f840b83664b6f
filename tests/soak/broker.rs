//! The soak's own broker, and its restarts.

use std::time::Duration;

use anyhow::Result;
use rand::Rng;
use rand::rngs::StdRng;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use crate::harness::TestBroker;
use crate::tally::{Tally, add};

/// The longest it stays away.
const AWAY: Duration = Duration::from_secs(4);

/// Until the replicas are back after it came back.
const RETURN: Duration = Duration::from_secs(3);

/// Restarts it at these moments, every second time with a kill; tells whether it is there.
pub async fn restart(
    broker: &TestBroker,
    moments: Vec<Duration>,
    mut random: StdRng,
    start: Instant,
    is_there: &watch::Sender<bool>,
    tally: &Tally,
) -> Result<()> {
    for (number, moment) in moments.into_iter().enumerate() {
        sleep_until(start + moment).await;
        is_there.send_replace(false);
        if number % 2 == 0 {
            broker.kill().await?;
            add(&tally.broker_kills);
        } else {
            broker.stop().await?;
            add(&tally.broker_restarts);
        }
        sleep(AWAY.mul_f64(random.random())).await;
        broker.start_again().await?;
        sleep(RETURN).await;
        is_there.send_replace(true);
    }
    Ok(())
}
