//! Ten thousand jobs that wait.

use std::time::Duration;

use futures_util::future::try_join_all;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use ticketd::broker::{ExchangeName, Message};
use ticketd::job::Kind;
use ticketd::ledger::{Ledger, SqliteLedger};
use ticketd::simulator;

use crate::harness::{TestEnv, until_within};
use crate::jobs::tickets::{assert_one_each, id, ticket};
use crate::replicas::process::Process;
use crate::replicas::queues::Queues;

const JOBS: usize = 10_000;

/// How much more memory waiting jobs may take than none, in KiB.
const ROOM: u64 = 20 * 1024;

/// Long enough for all jobs to be called for before the first is polled, in a development build on
/// a busy machine.
const PATIENT: &str = r#"
[http]
timeout = "20s"
[probe]
settle = "20s"
[poll]
interval = "105s"
max_interval = "105s"
"#;

/// The longest wait for a poll: the interval, and a tenth of it by chance.
const WAIT: SignedDuration = SignedDuration::from_secs(116);

/// How late a poll may be, beside the time that all calls took: polls are due as fast as calls were
/// made, and a poll of a ticket is two requests where a call is one.
const SLACK: SignedDuration = SignedDuration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_waiting_jobs_hold_no_delivery_and_no_memory() {
    let pace = Duration::from_millis(100);
    let simulated = simulator::Settings { pace, ..Default::default() };
    let mut env = TestEnv::with(PATIENT, simulated).await;
    let queues = Queues::of(&env).await;
    let worker = Process::ready(&env).await;
    // The first job brings the program's code into memory.
    let mut first = ticket(JOBS, "");
    first["until"] = json!("accepted");
    env.submit(Kind::Create, &first).await;
    env.outcome(&id(JOBS)).await;
    let idle = worker.resident();

    let begun = Timestamp::now();
    submit(&env).await;
    let limit = WAIT.unsigned_abs();
    let all = JOBS as u32;
    until_within(limit, async || queues.waiting().await == all && queues.to_do().await == 0).await;
    // Each job is one message, and every one of them is on the ladder: none is lent to the worker.
    let ledger = SqliteLedger::open(env.folder.path().join("ledger.db")).unwrap();
    assert_eq!(ledger.counts().await.unwrap().open, JOBS as u64);
    let called = Timestamp::now().duration_since(begun);
    let waiting = worker.resident();
    println!(
        "{JOBS} jobs wait after {} s; memory {idle} KiB idle, {waiting} KiB now",
        called.as_secs()
    );
    assert!(waiting < idle + ROOM, "{idle} KiB idle, {waiting} KiB with {JOBS} jobs waiting");

    let outcomes = env.outcomes(JOBS, limit).await;
    let ended = Timestamp::now().duration_since(begun);
    println!("all done after {} s; memory {} KiB", ended.as_secs(), worker.resident());
    let mut latest = SignedDuration::MIN;
    for outcome in outcomes.values() {
        assert_eq!(outcome["data"]["state"], "succeeded", "{outcome:#}");
        let time = |name: &str| moment(&outcome["data"]["times"][name]);
        latest = latest.max(time("ended").duration_since(time("submitted")) - WAIT);
    }
    println!("the latest was {} s late", latest.as_secs());
    assert!(latest < SLACK + called, "one was {latest:#} late");
    assert_one_each(&env.simulator, JOBS + 1);
    worker.signal("TERM").await;
    assert_eq!(worker.end().await.0.code(), Some(0));
}

fn moment(value: &Value) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

/// All at once: the broker's confirms are awaited together.
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
