//! Objects that somebody deletes, and channels that the broker ends.

use std::time::{Duration, Instant};

use lapin::options::{ExchangeDeleteOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::FieldTable;
use ticketd::simulator::{Fault, FaultPlan, Rule};
use ticketd::worker::Drained;

use super::load::{Load, slow};
use crate::harness::{TestEnv, broker, own_broker, until};
use crate::jobs::tickets::received;
use crate::replicas::process::Process;
use crate::replicas::queues::Queues;

const JOBS: usize = 60;

/// What is lost with a queue is looked for soon.
const SWEPT: &str = "[ledger]\nlease = \"3s\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn deleted_queues_come_back_and_no_job_that_was_begun_is_lost() {
    let url = &broker().await.url;
    let mut load = Load::on(url, SWEPT, JOBS).await;
    let worker = load.worker(url);
    // From here on every job is in the ledger, and a third of them waits to be woken.
    until(async || load.made() == JOBS).await;
    let channel = Queues::of(&load.env).await.channel;
    let deleted = Instant::now();
    for queue in ["jobs.create", "wake.create", "delay.1s"] {
        let (queue, options) = (load.env.name(queue), QueueDeleteOptions::default());
        channel.queue_delete(queue.into(), options).await.unwrap();
    }
    // The last of them to be declared: a job that comes when its queue is there and not bound yet is
    // among the unrouted.
    until(async || exists(&load.env, "delay.1s").await).await;
    load.add(JOBS).await;
    load.goes_on(deleted).await;
    load.ends_well().await;
    assert_eq!(worker.stop().await, Drained::Clean);
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_that_nobody_reads_from_come_back_too() {
    let url = &broker().await.url;
    let load = Load::on(url, SWEPT, JOBS).await;
    let worker = load.worker(url);
    load.is_under_way().await;
    let channel = Queues::of(&load.env).await.channel;
    let (exchange, options) = (load.env.name("delay"), ExchangeDeleteOptions::default());
    channel.exchange_delete(exchange.into(), options).await.unwrap();
    let (queue, options) = (load.env.name("delay.1s"), QueueDeleteOptions::default());
    channel.queue_delete(queue.into(), options).await.unwrap();
    load.ends_well().await;
    until(async || exists(&load.env, "delay.1s").await).await;
    assert_eq!(worker.stop().await, Drained::Clean);
}

/// The broker's patience with a delivery is a second here; usually it is half an hour.
#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_the_broker_ends_is_replaced_and_what_was_lent_on_it_is_done_once() {
    let broker = own_broker().await;
    let impatient = "[application:set_env(rabbit, Key, 1000) \
        || Key <- [consumer_timeout, channel_tick_interval]].";
    broker.control(&["eval", impatient]).await.unwrap();
    let load = Load::on(&broker.url, "[http]\ntimeout = \"20s\"\n[probe]\nsettle = \"20s\"", JOBS);
    let load = load.await;
    let too_slow = Fault::Slow { delay: Duration::from_secs(4) };
    let faults = vec![Rule::always("dms.CreateOrder", too_slow).first(1), slow()];
    load.env.simulator.set_faults(FaultPlan { seed: 0, faults }).unwrap();
    let mut worker = Process::ready(&load.env).await;
    worker.says_either(["the broker closed our channel", "the broker ended our deliveries"]).await;
    load.goes_on(Instant::now()).await;
    load.ends_well().await;
    assert_eq!(received(&load.env.simulator, "dms.CreateOrder"), JOBS as u64);
    worker.signal("TERM").await;
    let (status, said) = worker.end().await;
    assert_eq!(status.code(), Some(0), "{said:#?}");
}

/// A question on a channel of its own: a no closes it.
async fn exists(env: &TestEnv, queue: &str) -> bool {
    let queues = Queues::of(env).await;
    let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
    let name = env.name(queue).into();
    queues.channel.queue_declare(name, options, FieldTable::default()).await.is_ok()
}
