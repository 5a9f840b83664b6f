//! Cuts and stalls of connections to the broker and to the database.

use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};

use crate::counters::{Counters, increment};
use crate::support::proxy::Proxy;

/// Longer than a lease.
const MAX_STALL: Duration = Duration::from_secs(8);

/// Disturbs connections at the given times: those of the first proxy, the broker's, more often than
/// those of the last one. Waits while the broker is down, because it has no connections then.
pub(crate) async fn disturb(
    proxies: &[Proxy],
    times: Vec<Duration>,
    mut random: StdRng,
    start: Instant,
    mut broker_is_up: watch::Receiver<bool>,
    counters: &Counters,
) {
    for time in times {
        sleep_until(start + time).await;
        // The sender lives longer than this function.
        broker_is_up.wait_for(|is_up| *is_up).await.ok();
        let which = if random.random_bool(0.7) { 0 } else { proxies.len() - 1 };
        disturb_one(&proxies[which], &mut random, counters).await;
    }
}

/// Cuts every connection, or stalls about half of them and then cuts or continues them.
async fn disturb_one(proxy: &Proxy, random: &mut StdRng, counters: &Counters) {
    if random.random_bool(0.3) {
        increment(&counters.cuts);
        proxy.cut();
        return;
    }
    increment(&counters.stalls);
    let mut connections = proxy.connections();
    connections.retain(|_| random.random_bool(0.5));
    let (pause, cut) = (MAX_STALL.mul_f64(random.random()), random.random_bool(0.5));
    connections.iter().for_each(|connection| connection.set_blocked(true));
    sleep(pause).await;
    for connection in connections {
        if cut {
            connection.cut();
        }
        connection.set_blocked(false);
    }
}
