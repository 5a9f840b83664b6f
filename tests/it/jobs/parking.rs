//! Thousands of waiting jobs.

use std::time::Duration;

use futures_util::future::try_join_all;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use ticketd::broker::{ExchangeName, Message};
use ticketd::job::Kind;
use ticketd::ledger::SqliteLedger;
use ticketd::simulator;

use crate::harness::{TestEnv, open_jobs, until_within};
use crate::jobs::tickets::{assert_one_each, id, ticket};
use crate::replicas::process::Process;
use crate::replicas::queues::Queues;

const JOBS: usize = 2_500;

/// Limit of the additional memory for waiting jobs, in KiB: about 3 KiB a job.
const MAX_EXTRA_MEMORY: u64 = 8 * 1024;

/// The poll interval is long enough for all calls to be made before the first poll, in a development
/// build on a slow machine.
const LONG_POLL_INTERVAL: &str = r#"
[http]
timeout = "20s"
[probe]
settle = "20s"
[poll]
interval = "55s"
max_interval = "55s"
"#;

/// The longest wait for a poll: the interval with its jitter.
const MAX_WAIT: SignedDuration = SignedDuration::from_secs(61);

/// How late a poll may be in addition to the time of all calls: polls are due at the rate of the calls,
/// and a poll makes two requests where a call makes one.
const MAX_LATENESS: SignedDuration = SignedDuration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn waiting_jobs_hold_no_delivery_and_no_memory() {
    let pace = Duration::from_millis(100);
    let simulated = simulator::SimulatorSettings { pace, ..Default::default() };
    let mut env = TestEnv::with(LONG_POLL_INTERVAL, simulated).await;
    let queues = Queues::of(&env).await;
    let worker = Process::ready(&env).await;
    // The first job loads the program's code into memory.
    let mut first = ticket(JOBS, "");
    first["until"] = json!("accepted");
    env.submit(Kind::Create, &first).await;
    env.outcome(&id(JOBS)).await;
    let idle = worker.resident();

    let begun = Timestamp::now();
    submit(&env).await;
    let limit = MAX_WAIT.unsigned_abs();
    let all = JOBS as u32;
    until_within(limit, async || queues.waiting().await == all && queues.to_do().await == 0).await;
    // Each job is one message on the delay ladder: the worker holds none of them.
    let ledger = SqliteLedger::open(env.folder.path().join("ledger.db")).unwrap();
    assert_eq!(open_jobs(&ledger).await, JOBS as u64);
    let called = Timestamp::now().duration_since(begun);
    let waiting = worker.resident();
    println!(
        "{JOBS} jobs wait after {} s; memory {idle} KiB idle, {waiting} KiB now",
        called.as_secs()
    );
    assert!(
        waiting < idle + MAX_EXTRA_MEMORY,
        "{idle} KiB idle, {waiting} KiB with {JOBS} jobs waiting"
    );

    let outcomes = env.outcomes(JOBS, limit).await;
    let ended = Timestamp::now().duration_since(begun);
    println!("all done after {} s; memory {} KiB", ended.as_secs(), worker.resident());
    let mut latest = SignedDuration::MIN;
    for outcome in outcomes.values() {
        assert_eq!(outcome["data"]["state"], "succeeded", "{outcome:#}");
        let time = |name: &str| timestamp(&outcome["data"]["times"][name]);
        latest = latest.max(time("ended").duration_since(time("submitted")) - MAX_WAIT);
    }
    println!("the latest was {} s late", latest.as_secs());
    assert!(latest < MAX_LATENESS + called, "one was {latest:#} late");
    assert_one_each(&env.simulator, JOBS + 1);
    worker.signal("TERM").await;
    assert_eq!(worker.end().await.0.code(), Some(0));
}

fn timestamp(value: &Value) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

/// Publishes all jobs and awaits their confirms together.
async fn submit(env: &TestEnv) {
    let publisher = env.broker().publisher();
    let mut confirms = Vec::new();
    for number in 0..JOBS {
        let body = ticket(number, "").to_string().into_bytes();
        let message = Message { body, ..Message::default() };
        confirms.push(
            publisher.send(ExchangeName::Jobs, Kind::Create.as_str(), &message).await.unwrap(),
        );
    }
    try_join_all(confirms).await.unwrap();
}
