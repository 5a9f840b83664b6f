//! Lost wake-ups and lost ledgers.

use std::fs;
use std::time::Duration;

use ticketd::job::Kind;
use ticketd::simulator;
use ticketd::worker::Drained;

use crate::harness::{TestEnv, until};
use crate::jobs::tickets::{assert_one_each, id, received, ticket};
use crate::replicas::queues::Queues;

/// Polls are parked, and sweeps are frequent.
const PARKED: &str = r#"
[ledger]
lease = "2100ms"
[poll]
interval = "2500ms"
max_interval = "2500ms"
"#;

/// Runs a job until it is parked before its first poll.
async fn parked(env: &mut TestEnv) -> Queues {
    let queues = Queues::of(env).await;
    env.submit(Kind::Create, &ticket(1, "")).await;
    env.state(&id(1), "submitted").await;
    until(async || queues.waiting().await == 1).await;
    queues
}

async fn env() -> TestEnv {
    let pace = Duration::from_millis(100);
    TestEnv::with(PARKED, simulator::SimulatorSettings { pace, ..Default::default() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_wakeup_is_sent_again() {
    let mut env = env().await;
    let worker = env.start();
    let queues = parked(&mut env).await;
    assert_eq!(queues.purge_waiting().await, 1);
    let outcome = env.outcome(&id(1)).await;
    assert_eq!(outcome["data"]["state"], "succeeded", "{outcome:#}");
    assert_eq!(worker.stop().await, Drained::Clean);
    assert_one_each(&env.simulator, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_ledger_makes_no_second_call() {
    let mut env = env().await;
    let worker = env.start();
    parked(&mut env).await;
    assert_eq!(worker.stop().await, Drained::Clean);
    for file in fs::read_dir(env.folder.path()).unwrap() {
        let path = file.unwrap().path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("ledger.db")) {
            fs::remove_file(path).unwrap();
        }
    }

    let worker = env.start();
    let outcome = env.outcome(&id(1)).await;
    assert_eq!(outcome["data"]["state"], "succeeded", "{outcome:#}");
    assert_eq!(worker.stop().await, Drained::Clean);
    assert_eq!(received(&env.simulator, "dms.CreateOrder"), 1);
    assert_one_each(&env.simulator, 1);
}
