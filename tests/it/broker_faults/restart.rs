//! A broker that goes away and comes back.

use ticketd::worker::Drained;

use super::load::Load;
use crate::harness::{TestBroker, own_broker};

const JOBS: usize = 120;

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_the_broker_under_load_loses_and_repeats_nothing() {
    lives_through(async |broker| broker.stop().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_of_the_broker_under_load_loses_and_repeats_nothing() {
    lives_through(async |broker| broker.kill().await).await;
}

async fn lives_through(end: impl AsyncFnOnce(&TestBroker) -> anyhow::Result<()>) {
    let broker = own_broker().await;
    let load = Load::on(&broker.url, "", JOBS).await;
    let worker = load.worker(&broker.url);
    load.is_under_way().await;
    end(&broker).await.unwrap();
    let back = broker.start_again().await.unwrap();
    load.goes_on(back).await;
    load.ends_well().await;
    assert_eq!(worker.stop().await, Drained::Clean);
}
