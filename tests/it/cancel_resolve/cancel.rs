//! Jobs that somebody wants to end, wherever they stand.

use std::time::Duration;

use serde_json::{Value, json};
use ticketd::broker::Published;
use ticketd::job::Kind;
use ticketd::simulator::{self, Fault, FaultPlan, Rule};

use crate::harness::samples::{accepted, change, kind, with};
use crate::harness::{Queue, TestEnv, header, is_outcome};

/// Nothing that was begun ends while a test runs, and nobody looks after it again.
const RARE_POLLS: &str = r#"
[poll]
interval = "1h"
max_interval = "1h"
people_interval = "1h"
"#;

/// Time for a slow provider, and for a message to overtake it.
const PATIENT: &str = r#"
[http]
timeout = "12s"
[probe]
settle = "12s"
"#;

fn slow(action: &str) -> Vec<Rule> {
    vec![Rule::always(action, Fault::Slow { delay: Duration::from_secs(4) }).first(1)]
}

/// A stage on which tickets stay open.
async fn env(more: &str) -> TestEnv {
    let pace = Duration::from_secs(3600);
    TestEnv::with(more, simulator::Settings { pace, ..Default::default() }).await
}

async fn submit(env: &TestEnv, job: &Value) {
    env.submit(kind(job), job).await;
}

/// The outcome of a cancelled job, and whether something exists at the provider.
async fn cancelled(env: &mut TestEnv, id: &str, exists: bool) -> Value {
    let outcome = env.outcome(id).await;
    let data = &outcome["data"];
    assert_eq!(data["state"], "cancelled", "{outcome:#}");
    assert_eq!(data["error"]["class"], "cancelled", "{outcome:#}");
    assert_eq!(!data["handle"].is_null(), exists, "{outcome:#}");
    let advice = data["error"]["advice"].as_str().unwrap();
    assert_eq!(advice.starts_with("Nothing was done"), !exists, "{outcome:#}");
    outcome
}

/// The outcomes told of a job, each once.
async fn outcomes(env: &mut TestEnv, id: &str) -> Vec<String> {
    let body = |told: &Published| serde_json::from_slice::<Value>(&told.body).unwrap();
    let told = env.all_published().await;
    let events = told.iter().map(body).filter(|event| event["subject"] == id && is_outcome(event));
    let mut told: Vec<_> =
        events.map(|event| format!("{} {}", event["id"], event["data"]["state"])).collect();
    told.dedup();
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_waits_for_its_moment_is_cancelled_before_anything_is_done() {
    let mut env = env("").await;
    let worker = env.start();
    submit(&env, &with(change("later", "c"), "not_before", json!("2100-01-01T00:00:00Z"))).await;
    // Another job, so that the first has been parked by now.
    submit(&env, &accepted(change("other", "c"))).await;
    env.outcome("other").await;
    for reason in ["wrong table", "the second reason comes too late"] {
        env.cancel(&json!({ "id": "later", "reason": reason })).await;
    }
    let outcome = cancelled(&mut env, "later", false).await;
    assert_eq!(outcome["data"]["error"]["message"], "cancelled on request: wrong table");
    assert_eq!(outcome["data"]["attempts"], 0);
    worker.stop().await;
    assert_eq!(outcomes(&mut env, "later").await, [r#""later/outcome" "cancelled""#]);
    assert_eq!(env.states("later"), ["cancelled"]);
    assert_eq!(env.simulator.effects().len(), 1, "the other's");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_followed_is_cancelled_with_its_handle() {
    let mut env = env(RARE_POLLS).await;
    let _worker = env.start();
    submit(&env, &change("open", "c")).await;
    let submitted = env.state("open", "submitted").await;
    env.cancel(&json!({ "id": "open" })).await;
    let outcome = cancelled(&mut env, "open", true).await;
    assert_eq!(outcome["data"]["handle"], submitted["data"]["handle"]);
    assert_eq!(outcome["data"]["error"]["message"], "cancelled on request");
    assert_eq!(env.simulator.effects().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_in_the_backlog_is_cancelled_as_it_comes() {
    let mut env = env(&format!("{PATIENT}\n[worker]\nconcurrency = 1")).await;
    let faults = slow("CreateOrder");
    env.simulator.set_faults(FaultPlan { seed: 0, faults }).unwrap();
    submit(&env, &accepted(change("busy", "c"))).await;
    submit(&env, &change("queued", "c")).await;
    let _worker = env.start();
    env.state("busy", "started").await;
    env.cancel(&json!({ "id": "queued" })).await;
    cancelled(&mut env, "queued", false).await;
    assert_eq!(env.states("queued"), ["cancelled"]);
    assert_eq!(env.outcome("busy").await["data"]["state"], "succeeded");
    assert_eq!(env.simulator.effects().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_under_way_is_not_disturbed_and_the_job_cancelled_after_it() {
    let mut env = env(&format!("{PATIENT}{RARE_POLLS}")).await;
    let faults = [slow("CreateOrder"), slow("CreateFreeLockCorrectOrder")].concat();
    env.simulator.set_faults(FaultPlan { seed: 0, faults }).unwrap();
    let _worker = env.start();
    let only_accepted = accepted(crate::harness::samples::free_lock("accepted", "c"));
    for (id, job) in [("followed", &change("followed", "c")), ("accepted", &only_accepted)] {
        submit(&env, job).await;
        env.state(id, "started").await;
        env.cancel(&json!({ "id": id })).await;
    }
    let outcome = cancelled(&mut env, "followed", true).await;
    assert_eq!(outcome["data"]["attempts"], 1);
    assert_eq!(env.states("followed"), ["started", "submitted", "cancelled"]);
    // The acceptance was all it wanted: the wish came too late.
    assert_eq!(env.outcome("accepted").await["data"]["state"], "succeeded");
    assert_eq!(env.simulator.effects().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_doubt_is_settled_first() {
    let mut env = env(RARE_POLLS).await;
    let lost = |text: &str, fault| Rule {
        matching: Some(text.into()),
        ..Rule::always("CreateOrder", fault).first(1)
    };
    let faults = vec![lost("made", Fault::CutAfter), lost("missed", Fault::CutBefore)];
    env.simulator.set_faults(FaultPlan { seed: 0, faults }).unwrap();
    let _worker = env.start();
    for id in ["made", "missed"] {
        submit(&env, &change(id, id)).await;
        env.state(id, "doubtful").await;
        env.cancel(&json!({ "id": id })).await;
    }
    let made = cancelled(&mut env, "made", true).await;
    let effects = env.simulator.effects();
    assert_eq!(effects.len(), 1);
    assert_eq!(made["data"]["handle"]["order_ids"], json!(effects[0].order_ids));
    let missed = cancelled(&mut env, "missed", false).await;
    assert_eq!(missed["data"]["attempts"], 1);
    assert_eq!(env.simulator.effects().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_that_comes_too_late_or_for_nobody_changes_nothing() {
    let mut env = env("").await;
    let worker = env.start();
    let job = accepted(change("done", "c"));
    submit(&env, &job).await;
    env.outcome("done").await;
    for id in ["done", "nobody"] {
        env.cancel(&json!({ "id": id })).await;
    }
    let mut reply = Queue::new(&crate::harness::prefix()).await;
    let again = ticketd::broker::Message {
        body: job.to_string().into_bytes(),
        reply_to: Some(reply.name.clone()),
        ..Default::default()
    };
    env.send(Kind::Create, &again).await;
    let told: Value = serde_json::from_slice(&reply.next().await.data).unwrap();
    assert_eq!(
        (&told["id"], &told["data"]["state"]),
        (&json!("done/outcome"), &json!("succeeded"))
    );
    worker.stop().await;
    assert_eq!(outcomes(&mut env, "done").await, [r#""done/outcome" "succeeded""#]);
    assert_eq!(outcomes(&mut env, "nobody").await, [""; 0]);
    assert_eq!(env.broker().lengths().await.unwrap().dead, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_cancellation_is_answered_and_kept() {
    let mut env = env(RARE_POLLS).await;
    let _worker = env.start();
    submit(&env, &change("open", "c")).await;
    env.state("open", "submitted").await;
    env.cancel(&json!({ "id": "open", "raeson": "a slip" })).await;
    let rejected = env.published(|told| told.routing_key == "unknown.unknown.rejected").await;
    let event: Value = serde_json::from_slice(&rejected.body).unwrap();
    let error = &event["data"]["error"];
    assert_eq!(error["code"], "InvalidCancellation");
    assert!(error["message"].as_str().unwrap().contains("did you mean \"reason\"?"), "{event:#}");
    assert!(event["subject"].is_null(), "it is not the job that is rejected: {event:#}");
    let letter = Queue::read(&env.name("dead")).await.next().await;
    assert_eq!(header(&letter, "x-ticketd-reason").as_deref(), Some("invalid"));
    assert_eq!(header(&letter, "x-ticketd-from"), Some(env.name("jobs.cancel")));
    assert_eq!(outcomes(&mut env, "open").await, [""; 0], "the job goes on");
}
