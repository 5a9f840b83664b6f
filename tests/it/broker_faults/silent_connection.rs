//! Connections that stay open but carry no data any more.

use std::time::{Duration, Instant};

use ticketd::worker::Drained;

use super::load::Load;
use crate::harness::{Proxy, TestBroker, Toward, broker, own_broker, until};

const JOBS: usize = 200;

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_connection_is_replaced_in_each_direction() {
    use Toward::{Broker, Worker};
    // These cases only wait, so all three run at once.
    tokio::join!(
        // The default heartbeat: twice ten seconds, and a quarter of that.
        goes_silent("", &[Broker, Worker], 30),
        goes_silent("?heartbeat=1", &[Broker], 8),
        goes_silent("?heartbeat=1", &[Worker], 8),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_long_silence_consuming_continues_without_stale_connections() {
    let broker = own_broker().await;
    let proxy = Proxy::to(&broker.url).await;
    let load = Load::on(&broker.url, "", JOBS).await;
    let worker = load.worker(&format!("{}?heartbeat=1", proxy.url));
    load.has_started().await;
    let dialed = proxy.connections().len();
    assert_eq!(dialed, 2, "the worker consumes on one connection and publishes on another");
    proxy.hang();
    // Every connection is dialed a second time, so its first attempt has timed out. The proxy keeps
    // blocked connections open.
    until(async || proxy.connections().len() >= 3 * dialed).await;
    assert!(load.made() < JOBS - 20, "the silence came too late: {} tickets", load.made());
    proxy.heal();
    load.continues(Instant::now()).await;
    load.all_succeed().await;
    // Two of the environment and two of the worker.
    until(async || connections(&broker).await == 4).await;
    assert_eq!(worker.stop().await, Drained::Clean);
}

/// The number of the workers' connections.
async fn connections(broker: &TestBroker) -> usize {
    let listed = broker.control(&["-q", "list_connections", "client_properties"]).await.unwrap();
    ["ticketd consuming", "ticketd publishing"]
        .map(|name| listed.matches(name).count())
        .iter()
        .sum()
}

async fn goes_silent(heartbeat: &str, ways: &[Toward], limit: u64) {
    let url = &broker().await.url;
    let proxy = Proxy::to(url).await;
    let load = Load::on(url, "", JOBS).await;
    let worker = load.worker(&format!("{}{heartbeat}", proxy.url));
    load.has_started().await;
    let since = Instant::now();
    ways.iter().for_each(|way| proxy.silence(*way));
    load.continues_within(Duration::from_secs(limit), since).await;
    load.all_succeed().await;
    assert_eq!(worker.stop().await, Drained::Clean);
}
