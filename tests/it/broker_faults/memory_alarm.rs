//! A broker that is out of memory.

use std::time::{Duration, Instant};

use ticketd::broker::{ExchangeName, Message};
use ticketd::job::Kind;
use ticketd::worker::Drained;

use super::load::{CONCURRENCY, Load};
use crate::harness::{TestBroker, own_broker};

const JOBS: usize = 120;

/// Longer than a broker keeps a connection that has stopped its heartbeat of a second.
const LONG: Duration = Duration::from_secs(4);

#[tokio::test(flavor = "multi_thread")]
async fn while_the_broker_takes_nothing_no_job_is_begun_and_none_fails() {
    let broker = own_broker().await;
    let load = Load::on(&broker.url, "", JOBS).await;
    let worker = load.worker(&format!("{}?heartbeat=1", broker.url));
    load.is_under_way().await;
    let connections = connections(&broker).await;
    raise_alarm(&broker).await;
    // What was begun may be called for, and then waits for the broker with its outcome.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = load.made();
    assert!(before < JOBS - CONCURRENCY, "the alarm came too late: {before} tickets");
    tokio::time::sleep(LONG).await;
    assert_eq!(load.made(), before, "jobs were begun whose outcome nobody could take");

    end_alarm(&broker).await;
    load.goes_on(Instant::now()).await;
    load.ends_well().await;
    assert_eq!(self::connections(&broker).await, connections, "the alarm cost a connection");
    assert_eq!(worker.stop().await, Drained::Clean);
    nothing_is_handed_out(&broker, &load).await;
}

/// Not even what the broker has lent us already.
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

/// The worker's connections; a new one would have another process.
async fn connections(broker: &TestBroker) -> Vec<String> {
    let listed = broker.control(&["-q", "list_connections", "pid", "client_properties"]).await;
    let mut pids: Vec<String> = listed
        .unwrap()
        .lines()
        .filter(|line| line.contains("ticketd taking") || line.contains("ticketd giving"))
        .map(|line| line.split_whitespace().next().unwrap().to_owned())
        .collect();
    pids.sort();
    pids
}
