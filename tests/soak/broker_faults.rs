//! Restarts of the soak's broker.

use std::time::Duration;

use anyhow::Result;
use rand::Rng;
use rand::rngs::StdRng;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use crate::counters::{Counters, increment};
use crate::support::broker::TestBroker;

const MAX_DOWNTIME: Duration = Duration::from_secs(4);

/// Time for the replicas to reconnect after a restart.
const RECONNECT_TIME: Duration = Duration::from_secs(3);

/// Restarts the broker at the given times, every second time by a kill. `is_up` shows whether the
/// broker is running.
pub(crate) async fn restart(
    broker: &TestBroker,
    times: Vec<Duration>,
    mut random: StdRng,
    start: Instant,
    is_up: &watch::Sender<bool>,
    counters: &Counters,
) -> Result<()> {
    for (number, time) in times.into_iter().enumerate() {
        sleep_until(start + time).await;
        is_up.send_replace(false);
        if number % 2 == 0 {
            broker.kill().await?;
            increment(&counters.broker_kills);
        } else {
            broker.stop().await?;
            increment(&counters.broker_restarts);
        }
        sleep(MAX_DOWNTIME.mul_f64(random.random())).await;
        broker.start_again().await?;
        sleep(RECONNECT_TIME).await;
        is_up.send_replace(true);
    }
    Ok(())
}
