//! A broker with a memory alarm.

use std::time::{Duration, Instant};

use ticketd::broker::{ExchangeName, Message};
use ticketd::job::Kind;
use ticketd::worker::Drained;

use super::load::{CONCURRENCY, Load};
use crate::harness::{TestBroker, own_broker};

const JOBS: usize = 300;

/// Longer than the broker keeps a connection without heartbeats, at an interval of one second.
const ALARM_DURATION: Duration = Duration::from_secs(4);

#[tokio::test(flavor = "multi_thread")]
async fn during_a_memory_alarm_no_job_is_started_and_none_fails() {
    let broker = own_broker().await;
    let load = Load::on(&broker.url, "", JOBS).await;
    let worker = load.worker(&format!("{}?heartbeat=1", broker.url));
    load.has_started().await;
    let connections = connections(&broker).await;
    raise_alarm(&broker).await;
    // Started jobs may make their call. Their outcomes then wait for the broker.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = load.made();
    assert!(before < JOBS - CONCURRENCY, "the alarm came too late: {before} tickets");
    tokio::time::sleep(ALARM_DURATION).await;
    assert_eq!(
        load.made(),
        before,
        "jobs were started although their outcomes could not be published"
    );

    end_alarm(&broker).await;
    load.continues(Instant::now()).await;
    load.all_succeed().await;
    assert_eq!(self::connections(&broker).await, connections, "the alarm cost a connection");
    assert_eq!(worker.stop().await, Drained::Clean);
    nothing_is_handed_out(&broker, &load).await;
}

/// Prefetched messages are not handed out either.
async fn nothing_is_handed_out(broker: &TestBroker, load: &Load) {
    let publisher = load.env.broker().publisher();
    for _ in 0..2 {
        publisher.publish(ExchangeName::Jobs, "deploy", &Message::default()).await.unwrap();
    }
    let mut deliveries = load.env.broker().consume(&[Kind::Deploy], 2);
    deliveries.next().await.unwrap().ack().await.unwrap();
    raise_alarm(broker).await;
    let confirm = publisher.send(ExchangeName::Dead, "", &Message::default()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let early = tokio::time::timeout(Duration::from_secs(1), deliveries.next()).await;
    assert!(early.is_err(), "a delivery was handed out");
    end_alarm(broker).await;
    confirm.await.unwrap();
    deliveries.next().await.unwrap().ack().await.unwrap();
    deliveries.stop().await;
}

async fn raise_alarm(broker: &TestBroker) {
    broker.control(&["set_vm_memory_high_watermark", "absolute", "1"]).await.unwrap();
}

async fn end_alarm(broker: &TestBroker) {
    broker.control(&["set_vm_memory_high_watermark", "0.6"]).await.unwrap();
}

/// The worker's connections. A new connection would have another Erlang process.
async fn connections(broker: &TestBroker) -> Vec<String> {
    let listed = broker.control(&["-q", "list_connections", "pid", "client_properties"]).await;
    let mut pids: Vec<String> = listed
        .unwrap()
        .lines()
        .filter(|line| line.contains("ticketd consuming") || line.contains("ticketd publishing"))
        .map(|line| line.split_whitespace().next().unwrap().to_owned())
        .collect();
    pids.sort();
    pids
}
