//! A connection that is open and dead: nothing comes, and nothing says so.

use std::time::{Duration, Instant};

use ticketd::worker::Drained;

use super::load::Load;
use crate::harness::{Proxy, TestBroker, Toward, broker, own_broker, until};

const JOBS: usize = 80;

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_dead_is_replaced_whichever_way_it_is_dead() {
    use Toward::{Broker, Worker};
    // Nobody waits for anything but time here, so all three wait together.
    tokio::join!(
        // As it is without a word about heartbeats: twice ten seconds, and a quarter of that.
        falls_silent("", &[Broker, Worker], 30),
        falls_silent("?heartbeat=1", &[Broker], 8),
        falls_silent("?heartbeat=1", &[Worker], 8),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_silence_of_everything_consuming_goes_on_soon_and_no_connection_is_left_behind() {
    let broker = own_broker().await;
    let proxy = Proxy::to(&broker.url).await;
    let load = Load::on(&broker.url, "", JOBS).await;
    let worker = load.worker(&format!("{}?heartbeat=1", proxy.url));
    load.is_under_way().await;
    let before = connections(&broker).await;
    assert_eq!(before, 4, "the stage has two, and the worker");
    proxy.hang();
    // Long enough that an attempt to connect is given up as well.
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert!(load.made() < JOBS - 20, "it fell silent too late: {} tickets", load.made());
    proxy.heal();
    load.goes_on(Instant::now()).await;
    load.ends_well().await;
    until(async || connections(&broker).await == before).await;
    assert_eq!(worker.stop().await, Drained::Clean);
}

/// How many connections workers have.
async fn connections(broker: &TestBroker) -> usize {
    let listed = broker.control(&["-q", "list_connections", "client_properties"]).await.unwrap();
    ["ticketd taking", "ticketd giving"].map(|name| listed.matches(name).count()).iter().sum()
}

async fn falls_silent(heartbeat: &str, ways: &[Toward], limit: u64) {
    let url = &broker().await.url;
    let proxy = Proxy::to(url).await;
    let load = Load::on(url, "", JOBS).await;
    let worker = load.worker(&format!("{}{heartbeat}", proxy.url));
    load.is_under_way().await;
    let since = Instant::now();
    ways.iter().for_each(|way| proxy.silence(*way));
    load.goes_on_within(Duration::from_secs(limit), since).await;
    load.ends_well().await;
    assert_eq!(worker.stop().await, Drained::Clean);
}
