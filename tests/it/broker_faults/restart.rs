//! A broker that stops and starts again.

use ticketd::worker::Drained;

use super::load::Load;
use crate::harness::{TestBroker, own_broker};

const JOBS: usize = 300;

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_restart_under_load_loses_and_repeats_no_job() {
    survives(async |broker| broker.stop().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_kill_under_load_loses_and_repeats_no_job() {
    survives(async |broker| broker.kill().await).await;
}

async fn survives(end: impl AsyncFnOnce(&TestBroker) -> anyhow::Result<()>) {
    let broker = own_broker().await;
    let load = Load::on(&broker.url, "", JOBS).await;
    let worker = load.worker(&broker.url);
    load.has_started().await;
    end(&broker).await.unwrap();
    let back = broker.start_again().await.unwrap();
    load.continues(back).await;
    load.all_succeed().await;
    assert_eq!(worker.stop().await, Drained::Clean);
}
