//! The id is the idempotency key: a repeated message gets the same outcome, with one effect.

use std::cell::Cell;

use serde_json::{Value, json};
use ticketd::broker::{Message, Properties};
use ticketd::job::Kind;

use crate::harness::samples::{accepted, change};
use crate::harness::{Queue, TestEnv};

fn message(job: &Value) -> Message {
    Message {
        body: job.to_string().into_bytes(),
        properties: Properties {
            content_type: Some("application/json".into()),
            ..Properties::default()
        },
    }
}

/// Waits until the outcome of a job was published so many times, always as the same event.
async fn published_times(env: &mut TestEnv, id: &str, times: u32) {
    let count = Cell::new(0);
    env.event(|event| {
        let is_its = event["subject"] == id && !event["data"]["times"]["ended"].is_null();
        if is_its {
            assert_eq!(event["id"], format!("{id}/outcome"));
            assert_eq!(event["data"]["state"], "succeeded");
            count.set(count.get() + 1);
        }
        is_its && count.get() == times
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_sent_four_times_is_one_job() {
    let mut env = TestEnv::new("").await;
    let jobs = [change("finished", "c"), accepted(change("accepted", "c"))];
    let worker = env.start();
    for message in jobs.iter().map(message) {
        let send = || env.send(Kind::Create, &message);
        tokio::join!(send(), send(), send());
    }
    published_times(&mut env, "finished", 1).await;
    published_times(&mut env, "accepted", 1).await;
    // Nothing runs any more, so the next copy arrives after the job is done.
    worker.stop().await;
    let before = env.all_published().await.len();
    let _worker = env.start();
    for (job, id) in jobs.iter().zip(["finished", "accepted"]) {
        env.submit(Kind::Create, job).await;
        published_times(&mut env, id, 2).await;
    }
    assert!(env.all_published().await.len() > before);
    assert_eq!(env.simulator.effects().len(), 2);
    assert_eq!(env.simulator.requests()["dms.CreateOrder"].received, 2);
}

/// The first run may still be finishing when its outcome is read.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_sent_again_on_its_outcome_gets_the_outcome_again() {
    const JOBS: usize = 40;
    let mut env = TestEnv::new("").await;
    let _worker = env.start();
    let jobs: Vec<Value> = (0..JOBS).map(|n| accepted(change(&format!("job-{n}"), "c"))).collect();
    for job in &jobs {
        env.submit(Kind::Create, job).await;
        published_times(&mut env, job["id"].as_str().unwrap(), 1).await;
        env.submit(Kind::Create, job).await;
    }
    for job in &jobs {
        published_times(&mut env, job["id"].as_str().unwrap(), 2).await;
    }
    assert_eq!(env.simulator.effects().len(), JOBS);
}

#[tokio::test(flavor = "multi_thread")]
async fn field_order_and_explicit_defaults_do_not_change_a_job() {
    let mut env = TestEnv::new("").await;
    let _worker = env.start();
    let params = accepted(change("same", "c"))["params"].clone();
    let texts = [
        json!({ "id": "same", "operation": "dms.CreateOrder", "params": params }).to_string(),
        format!(
            r#"{{"until": "accepted", "params": {params}, "account": "ali",
                "operation": "dms.CreateOrder", "id": "same"}}"#
        ),
    ];
    for (n, text) in texts.into_iter().enumerate() {
        let correlation_id = Some(format!("sent {n}"));
        let message = Message {
            body: text.into(),
            properties: Properties { correlation_id, ..Properties::default() },
        };
        env.send(Kind::Create, &message).await;
        let is_its = |it: &ticketd::broker::EventMessage| {
            it.properties.correlation_id == message.properties.correlation_id
                && it.routing_key.ends_with(".succeeded")
        };
        env.published(is_its).await;
    }
    assert_eq!(env.simulator.effects().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_with_another_reply_to_gets_the_outcome_too() {
    let mut env = TestEnv::new("").await;
    let mut queues = Vec::new();
    for n in 0..3 {
        queues.push(Queue::new(&format!("{}-answers-{n}", env.settings.broker.prefix)).await);
    }
    let _worker = env.start();
    let job = change("shared", "sim:wait");
    let from = |n: usize| {
        let mut message = message(&job);
        message.properties.reply_to = Some(queues[n].name.clone());
        message.properties.correlation_id = Some(format!("asked {n}"));
        message
    };
    let messages = [from(0), from(1), from(2)];
    env.send(Kind::Create, &messages[0]).await;
    let submitted = env.state("shared", "submitted").await;
    // Once while the job is polled, and once after it is done.
    env.send(Kind::Create, &messages[1]).await;
    env.state("shared", "progress").await;
    let id = submitted["data"]["result"]["order_ids"][0].as_i64().unwrap();
    let outcome = ticketd::simulator::ForcedOutcome::Succeed;
    env.simulator.apply(ticketd::simulator::Override::Ticket { id, outcome }).unwrap();
    env.outcome("shared").await;
    env.send(Kind::Create, &messages[2]).await;
    for (n, queue) in queues.iter_mut().enumerate() {
        let answer = queue.next().await;
        let correlation_id = answer.properties.correlation_id().as_ref().unwrap();
        assert_eq!(correlation_id.as_str(), format!("asked {n}"));
        let event: Value = serde_json::from_slice(&answer.data).unwrap();
        assert_eq!(event["id"], "shared/outcome");
        assert_eq!(event["data"]["state"], "succeeded");
    }
    assert_eq!(env.simulator.effects().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_message_id_is_the_id_of_a_job_without_an_id() {
    let mut env = TestEnv::new("").await;
    let _worker = env.start();
    let mut job = accepted(change("", "c"));
    job.as_object_mut().unwrap().remove("id");
    let mut message = message(&job);
    message.properties.message_id = Some("from-the-message".into());
    env.send(Kind::Create, &message).await;
    let outcome = env.outcome("from-the-message").await;
    assert_eq!(outcome["data"]["state"], "succeeded");

    // The same job with its id in the body. The id in the body wins.
    job["id"] = json!("from-the-message");
    message.body = job.to_string().into();
    message.properties.message_id = Some("another".into());
    message.properties.correlation_id = Some("again".into());
    env.send(Kind::Create, &message).await;
    let again = env
        .published(|it| {
            it.properties.correlation_id.as_deref() == Some("again")
                && it.routing_key.ends_with(".succeeded")
        })
        .await;
    let again: Value = serde_json::from_slice(&again.body).unwrap();
    assert_eq!(again["subject"], "from-the-message");
    assert_eq!(again["data"]["result"], outcome["data"]["result"]);
    assert_eq!(env.simulator.effects().len(), 1);
}
