//! Messages without a matching binding are kept.

use serde_json::Value;
use ticketd::broker::{ExchangeName, Message, Properties};
use ticketd::job::Kind;
use ticketd::simulator;

use crate::harness::samples::{accepted, change};
use crate::harness::{Queue, TestEnv};

#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_without_a_bound_queue_is_kept() {
    let settings = simulator::SimulatorSettings::default();
    let url = crate::harness::broker().await.url.clone();
    let mut env = TestEnv::following("*.*.CreateOrder.started", url, "", settings).await;
    let worker = env.start();
    env.submit(Kind::Create, &accepted(change("a", "c"))).await;
    let kept = Queue::read(&env.name("unrouted")).await.next().await;
    assert_eq!(kept.exchange.as_str(), env.name("events"));
    assert_eq!(kept.routing_key.as_str(), "create.dms.CreateOrder.succeeded");
    assert_eq!(kept.properties.delivery_mode(), &Some(2));
    let event: Value = serde_json::from_slice(&kept.data).unwrap();
    assert_eq!(event["subject"], "a");
    assert_eq!(event["data"]["state"], "succeeded");
    worker.stop().await;
    let heard = env.state("a", "started").await;
    assert_eq!(heard["data"]["state"], "started");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_with_a_wrong_routing_key_is_kept_whole() {
    let env = TestEnv::new("").await;
    let body = change("a", "c").to_string().into_bytes();
    let message = Message {
        body: body.clone(),
        properties: Properties { message_id: Some("m".into()), ..Properties::default() },
    };
    env.broker().publisher().publish(ExchangeName::Jobs, "destroy", &message).await.unwrap();
    let mut unrouted = Queue::read(&env.name("unrouted")).await;
    let kept = unrouted.next().await;
    assert_eq!((kept.routing_key.as_str(), kept.data), ("destroy", body));
    assert_eq!(kept.properties.message_id().as_ref().unwrap().as_str(), "m");
    assert_eq!(unrouted.so_far().await.len(), 0);
}
