//! Outcomes in `reply_to` queues, and the trace context of a job.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use lapin::BasicProperties;
use serde_json::{Value, json};
use ticketd::broker::{Message, Properties};
use ticketd::cloud::http::{RawReply, Signed, Transport, TransportError};
use ticketd::job::Kind;
use ticketd::worker::Drained;

use crate::harness::samples::{accepted, change, with};
use crate::harness::{Queue, TestEnv, TestWorker};

fn asking(job: &Value, reply_to: &str) -> Message {
    Message {
        body: job.to_string().into_bytes(),
        properties: Properties {
            correlation_id: Some("order 66".into()),
            reply_to: Some(reply_to.into()),
            ..Properties::default()
        },
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_outcome_goes_to_reply_to_with_its_correlation_id() {
    let mut env = TestEnv::new("").await;
    let mut answers = Queue::new(&format!("{}-answers", env.settings.broker.prefix)).await;
    let worker = env.start();
    let job = with(accepted(change("a", "c")), "metadata", json!({ "team": ["x", 1, null] }));
    env.send(Kind::Create, &asking(&job, &answers.name)).await;
    let wrong = with(job.clone(), "until", json!("done"));
    env.send(Kind::Create, &asking(&with(wrong, "id", json!("b")), &answers.name)).await;
    let outcome = env.outcome("a").await;
    env.outcome("b").await;
    assert_eq!(worker.stop().await, Drained::Clean);

    let copies = answers.so_far().await;
    assert_eq!(copies.len(), 2);
    let mut states = Vec::new();
    for copy in copies {
        let properties = &copy.properties;
        assert_eq!(properties.correlation_id().as_ref().unwrap().as_str(), "order 66");
        let content_type = properties.content_type().as_ref().unwrap();
        assert_eq!(content_type.as_str(), "application/cloudevents+json");
        assert_eq!(properties.delivery_mode(), &Some(2));
        let event: Value = serde_json::from_slice(&copy.data).unwrap();
        assert_eq!(event["data"]["metadata"], json!({ "team": ["x", 1, null] }));
        assert_eq!(properties.message_id().as_ref().unwrap().as_str(), event["id"]);
        if event["subject"] == "a" {
            assert_eq!(event, outcome);
        }
        states.push(event["data"]["state"].as_str().unwrap().to_owned());
    }
    states.sort();
    assert_eq!(states, ["rejected", "succeeded"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forbidden_reply_queue_gets_nothing_and_the_job_runs() {
    let name = crate::harness::prefix();
    let mut env = TestEnv::new(&format!("[replies]\nallowed = [\"{name}-*\"]\n")).await;
    let mut allowed = Queue::new(&format!("{name}-allowed")).await;
    let mut others = Queue::new(&format!("other-{name}")).await;
    let worker = env.start();
    let ours = env.name("jobs.deploy");
    let nowhere = format!("{name}-nowhere");
    for (id, reply_to) in [("a", &others.name), ("b", &ours), ("c", &nowhere), ("d", &allowed.name)]
    {
        env.send(Kind::Create, &asking(&accepted(change(id, "c")), reply_to)).await;
    }
    for id in ["a", "b", "c", "d"] {
        assert_eq!(env.outcome(id).await["data"]["state"], "succeeded");
    }
    assert_eq!(worker.stop().await, Drained::Clean);
    assert_eq!(others.so_far().await.len(), 0);
    assert_eq!(allowed.so_far().await.len(), 1);
    assert_eq!(Queue::read(&ours).await.so_far().await.len(), 0);
    assert_eq!(Queue::read(&env.name("dead")).await.so_far().await.len(), 0);
    for (n, id) in ["a", "b", "c", "d"].into_iter().enumerate() {
        let published = env.all_published().await;
        let outcomes = published.iter().filter(|it| {
            let event: Value = serde_json::from_slice(&it.body).unwrap();
            event["subject"] == id && event["data"]["state"] == "succeeded"
        });
        assert_eq!(outcomes.count(), 1, "{n}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn direct_reply_to_gets_the_outcome() {
    let env = TestEnv::new("").await;
    let mut answers = Queue::read("amq.rabbitmq.reply-to").await;
    let _worker = env.start();
    let job = accepted(change("a", "c")).to_string();
    let properties = BasicProperties::default()
        .with_reply_to("amq.rabbitmq.reply-to".into())
        .with_correlation_id("order 66".into());
    answers.publish(&env.name("jobs"), "create", job.as_bytes(), properties).await;
    let answer = answers.next().await;
    assert_eq!(answer.properties.correlation_id().as_ref().unwrap().as_str(), "order 66");
    let event: Value = serde_json::from_slice(&answer.data).unwrap();
    assert_eq!(event["id"], "a/outcome");
    assert_eq!(event["data"]["state"], "succeeded");
}

#[tokio::test(flavor = "multi_thread")]
async fn own_queues_are_never_reply_queues_even_if_all_are_allowed() {
    let mut env = TestEnv::new("").await;
    let worker = env.start();
    let ours = env.name("jobs.create");
    env.send(Kind::Create, &asking(&accepted(change("a", "c")), &ours)).await;
    env.send(Kind::Create, &asking(&json!({ "id": "b" }), &ours)).await;
    env.outcome("a").await;
    env.outcome("b").await;
    worker.stop().await;
    assert_eq!(Queue::read(&ours).await.so_far().await.len(), 0);
    assert_eq!(Queue::read(&env.name("dead")).await.so_far().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_reply_queue_does_not_block_the_job() {
    let mut env = TestEnv::new("").await;
    let name = format!("{}-full", env.settings.broker.prefix);
    let _full = Queue::full(&name).await;
    let worker = env.start();
    env.send(Kind::Create, &asking(&accepted(change("a", "c")), &name)).await;
    env.outcome("a").await;
    env.submit(Kind::Create, &accepted(change("b", "c"))).await;
    env.outcome("b").await;
    assert_eq!(worker.stop().await, Drained::Clean);
    let ours = env.name("jobs.create");
    assert_eq!(Queue::read(&ours).await.so_far().await.len(), 0, "the delivery was requeued");
    let published = env.all_published().await;
    let outcomes =
        published.iter().filter(|it| it.properties.message_id.as_deref() == Some("a/outcome"));
    assert_eq!(outcomes.count(), 1);
}

/// A transport that records the trace headers of requests.
struct Noting {
    carrier: Arc<dyn Transport>,
    seen: Arc<Mutex<Vec<Option<String>>>>,
}

#[async_trait]
impl Transport for Noting {
    async fn send(&self, request: Signed) -> Result<RawReply, TransportError> {
        let trace = request.headers.iter().find(|(name, _)| name == "traceparent");
        self.seen.lock().unwrap().push(trace.map(|(_, value)| value.clone()));
        self.carrier.send(request).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_and_every_call_has_the_trace_context() {
    let mut env = TestEnv::new("").await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let mut worker = env.worker();
    worker.transport = Arc::new(Noting { carrier: worker.transport, seen: seen.clone() });
    let _worker = TestWorker::of(worker);
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let headers = [("traceparent", trace), ("tracestate", "vendor=1")];
    let mut message = asking(&change("a", "c"), "");
    message.properties.headers =
        headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    env.send(Kind::Create, &message).await;
    env.outcome("a").await;
    let wanted: BTreeMap<String, String> = message.properties.headers;
    for published in env.all_published().await {
        let event: Value = serde_json::from_slice(&published.body).unwrap();
        assert_eq!(event["traceparent"], trace);
        assert_eq!(event["tracestate"], "vendor=1");
        assert_eq!(published.properties.headers, wanted);
    }
    let seen = seen.lock().unwrap();
    assert!(seen.len() > 1);
    assert!(seen.iter().all(|seen| seen.as_deref() == Some(trace)), "{seen:?}");
}
