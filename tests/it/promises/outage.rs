//! A broker that goes away.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use lapin::options::{BasicGetOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use serde_json::Value;
use ticketd::job::Kind;
use ticketd::simulator;
use ticketd::worker::Drained;

use super::process::Process;
use super::queues::Queues;
use super::tickets::{assert_one_each, id, made, ticket};
use crate::harness::{self, Stage, Troupe, is_outcome, until};

const JOBS: usize = 200;

/// As long as consuming may be interrupted once the broker is back.
const SOON: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_the_broker_under_load_loses_and_repeats_nothing() {
    let broker = harness::own_broker().await;
    let pace = Duration::from_millis(100);
    let simulated = simulator::Settings { pace, ..Default::default() };
    let stage = Stage::at(broker.url.clone(), "[worker]\nconcurrency = 8", simulated).await;
    keep_events(&stage).await;
    let worker = stage.worker();
    let ledger = worker.ledger.clone();
    let worker = Troupe::of(worker);
    for number in 0..JOBS {
        stage.submit(Kind::Create, &ticket(number, "")).await;
    }
    until(async || made(&stage.simulator).len() > JOBS / 10).await;
    broker.stop().await.unwrap();
    assert!(ledger.counts().await.unwrap().done < JOBS as u64, "the outage came too late");
    broker.start_again().await.unwrap();

    let back = Instant::now();
    let before = made(&stage.simulator).len();
    until(async || made(&stage.simulator).len() > before).await;
    assert!(back.elapsed() < SOON, "it took {:?} to go on", back.elapsed());
    println!("went on after {:?}", back.elapsed());
    until(async || ledger.counts().await.unwrap().done == JOBS as u64).await;
    assert_eq!(worker.stop().await, Drained::Clean);
    assert_one_each(&stage.simulator, JOBS);
    let told = told(&stage).await;
    for number in 0..JOBS {
        let outcomes = told.get(&id(number)).map(Vec::as_slice).unwrap_or_default();
        assert!(!outcomes.is_empty(), "{} was never told of", id(number));
        assert!(outcomes.iter().all(|outcome| *outcome == outcomes[0]), "{outcomes:?}");
        assert_eq!(outcomes[0].1, "succeeded");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_without_a_broker_says_so_in_one_line() {
    let stage = Stage::new("").await;
    let mut command = stage.process();
    command.env("TICKETD_BROKER__URL", "amqp://guest:hidden@127.0.0.1:1/%2f");
    let (status, said) = Process::start(command).end().await;
    assert_eq!(status.code(), Some(1));
    let [line] = said.as_slice() else { panic!("not one line: {said:#?}") };
    assert!(line.contains("127.0.0.1:1") && !line.contains("hidden"), "{line}");
}

/// Events go into a queue of their own, which outlives a restart.
async fn keep_events(stage: &Stage) {
    let channel = Queues::of(stage).await.channel;
    let prefix = &stage.settings.broker.prefix;
    let queue = format!("{prefix}-kept");
    let durable = QueueDeclareOptions::durable();
    let (nothing, exchange) = (FieldTable::default, format!("{prefix}.events"));
    channel.queue_declare(queue.as_str().into(), durable, nothing()).await.unwrap();
    let options = QueueBindOptions::default();
    channel
        .queue_bind(queue.into(), exchange.into(), "#".into(), options, nothing())
        .await
        .unwrap();
}

/// The outcomes that were told, with their event ids, by job.
async fn told(stage: &Stage) -> BTreeMap<String, Vec<(String, String)>> {
    let channel = Queues::of(stage).await.channel;
    let queue = format!("{}-kept", stage.settings.broker.prefix);
    let mut told: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    let options = BasicGetOptions { no_ack: true };
    while let Some(message) = channel.basic_get(queue.as_str().into(), options).await.unwrap() {
        let event: Value = serde_json::from_slice(&message.delivery.data).unwrap();
        if is_outcome(&event) {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let outcome = (text(&event["id"]), text(&event["data"]["state"]));
            told.entry(text(&event["subject"])).or_default().push(outcome);
        }
    }
    told
}
