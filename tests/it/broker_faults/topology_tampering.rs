//! Deleted exchanges and queues, and channels that the broker closes.

use std::time::{Duration, Instant};

use lapin::options::{ExchangeDeleteOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::FieldTable;
use ticketd::simulator::{Fault, FaultPlan, FaultRule};
use ticketd::worker::Drained;

use super::load::{Load, slow};
use crate::harness::{TestEnv, broker, own_broker, until};
use crate::jobs::tickets::received;
use crate::replicas::process::Process;
use crate::replicas::queues::Queues;

const JOBS: usize = 60;

/// A short lease, so that lost wake-ups are sent again soon.
const SHORT_LEASE: &str = "[ledger]\nlease = \"3s\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn deleted_queues_are_declared_again_and_no_started_job_is_lost() {
    let url = &broker().await.url;
    let mut load = Load::on(url, SHORT_LEASE, JOBS).await;
    let worker = load.worker(url);
    // Every job is in the ledger by now, and a third of them waits for a wake-up.
    until(async || load.made() == JOBS).await;
    let channel = Queues::of(&load.env).await.channel;
    let deleted = Instant::now();
    for queue in ["jobs.create", "wake.create", "delay.1s"] {
        let (queue, options) = (load.env.name(queue), QueueDeleteOptions::default());
        channel.queue_delete(queue.into(), options).await.unwrap();
    }
    // The last binding to be declared: a job published before its queue is bound is unrouted.
    until(async || exists(&load.env, "delay.1s").await).await;
    load.add(JOBS).await;
    load.continues(deleted).await;
    load.all_succeed().await;
    assert_eq!(worker.stop().await, Drained::Clean);
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_objects_without_consumers_are_declared_again() {
    let url = &broker().await.url;
    let load = Load::on(url, SHORT_LEASE, JOBS).await;
    let worker = load.worker(url);
    load.has_started().await;
    let channel = Queues::of(&load.env).await.channel;
    let (exchange, options) = (load.env.name("delay"), ExchangeDeleteOptions::default());
    channel.exchange_delete(exchange.into(), options).await.unwrap();
    let (queue, options) = (load.env.name("delay.1s"), QueueDeleteOptions::default());
    channel.queue_delete(queue.into(), options).await.unwrap();
    load.all_succeed().await;
    until(async || exists(&load.env, "delay.1s").await).await;
    assert_eq!(worker.stop().await, Drained::Clean);
}

/// The broker's consumer timeout is one second here, half an hour by default.
#[tokio::test(flavor = "multi_thread")]
async fn a_channel_closed_by_the_broker_is_replaced_and_jobs_are_done_once() {
    let broker = own_broker().await;
    let impatient = "[application:set_env(rabbit, Key, 1000) \
        || Key <- [consumer_timeout, channel_tick_interval]].";
    broker.control(&["eval", impatient]).await.unwrap();
    let load = Load::on(&broker.url, "[http]\ntimeout = \"20s\"\n[probe]\nsettle = \"20s\"", JOBS);
    let load = load.await;
    let too_slow = Fault::Slow { delay: Duration::from_secs(4) };
    let faults = vec![FaultRule::always("dms.CreateOrder", too_slow).first(1), slow()];
    load.env.simulator.set_faults(FaultPlan { seed: 0, faults }).unwrap();
    let mut worker = Process::ready(&load.env).await;
    worker.says_either(["the broker closed our channel", "the broker ended our deliveries"]).await;
    load.continues(Instant::now()).await;
    load.all_succeed().await;
    assert_eq!(received(&load.env.simulator, "dms.CreateOrder"), JOBS as u64);
    worker.signal("TERM").await;
    let (status, said) = worker.end().await;
    assert_eq!(status.code(), Some(0), "{said:#?}");
}

/// Declares passively on a channel of its own, because a refusal closes the channel.
async fn exists(env: &TestEnv, queue: &str) -> bool {
    let queues = Queues::of(env).await;
    let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let name = env.name(queue).into();
    queues.channel.queue_declare(name, options, FieldTable::default()).await.is_ok()
}
