//! Cancelling a job in each of its states.

use std::time::Duration;

use serde_json::{Value, json};
use ticketd::broker::EventMessage;
use ticketd::job::Kind;
use ticketd::ledger::{Ledger, SqliteLedger};
use ticketd::simulator::{self, Fault, FaultPlan, FaultRule};

use crate::harness::samples::{accepted, change, kind, with};
use crate::harness::{Queue, TestEnv, header, is_outcome, until};

/// Polls so rare that none happens during a test.
const RARE_POLLS: &str = r#"
[poll]
interval = "1h"
max_interval = "1h"
people_interval = "1h"
"#;

/// Long timeouts, so that a cancellation arrives during a slow call.
const LONG_TIMEOUTS: &str = r#"
[http]
timeout = "12s"
[probe]
settle = "12s"
"#;

fn slow(action: &str) -> Vec<FaultRule> {
    vec![FaultRule::always(action, Fault::Slow { delay: Duration::from_secs(4) }).first(1)]
}

/// An environment in which tickets stay open.
async fn env(more: &str) -> TestEnv {
    let pace = Duration::from_secs(3600);
    TestEnv::with(more, simulator::SimulatorSettings { pace, ..Default::default() }).await
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

/// The published outcomes of a job, without repeats.
async fn outcomes(env: &mut TestEnv, id: &str) -> Vec<String> {
    let body = |published: &EventMessage| serde_json::from_slice::<Value>(&published.body).unwrap();
    let published = env.all_published().await;
    let events =
        published.iter().map(body).filter(|event| event["subject"] == id && is_outcome(event));
    let mut published: Vec<_> =
        events.map(|event| format!("{} {}", event["id"], event["data"]["state"])).collect();
    published.dedup();
    published
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_before_its_call_is_cancelled_without_an_effect() {
    let mut env = env("").await;
    let worker = env.start();
    submit(&env, &with(change("later", "c"), "not_before", json!("2100-01-01T00:00:00Z"))).await;
    // A second job: once it is done, the first is parked.
    submit(&env, &accepted(change("other", "c"))).await;
    env.outcome("other").await;
    let ledger = SqliteLedger::open(env.folder.path().join("ledger.db")).unwrap();
    let id = "later".parse().unwrap();
    env.cancel(&json!({ "id": "later", "reason": "wrong table" })).await;
    // The worker processes messages side by side, so the second one must not overtake the first.
    until(async || ledger.find(&id).await.unwrap().unwrap().cancelled).await;
    env.cancel(&json!({ "id": "later", "reason": "the second reason comes too late" })).await;
    let outcome = cancelled(&mut env, "later", false).await;
    assert_eq!(outcome["data"]["error"]["message"], "cancelled on request: wrong table");
    assert_eq!(outcome["data"]["attempts"], 0);
    worker.stop().await;
    assert_eq!(outcomes(&mut env, "later").await, [r#""later/outcome" "cancelled""#]);
    assert_eq!(env.states("later"), ["cancelled"]);
    assert_eq!(env.simulator.effects().len(), 1, "the other's");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_polled_job_is_cancelled_with_its_handle() {
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
async fn a_job_in_the_backlog_is_cancelled_on_arrival() {
    let mut env = env(&format!("{LONG_TIMEOUTS}\n[worker]\nconcurrency = 1")).await;
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
async fn a_call_in_flight_completes_and_the_job_is_cancelled_after_it() {
    let mut env = env(&format!("{LONG_TIMEOUTS}{RARE_POLLS}")).await;
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
    // This job ends with its acceptance, so the cancellation is too late.
    assert_eq!(env.outcome("accepted").await["data"]["state"], "succeeded");
    assert_eq!(env.simulator.effects().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_call_is_looked_up_before_the_job_is_cancelled() {
    let mut env = env(RARE_POLLS).await;
    let lost = |text: &str, fault| FaultRule {
        matching: Some(text.into()),
        ..FaultRule::always("CreateOrder", fault).first(1)
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
async fn cancelling_a_done_or_missing_job_changes_nothing() {
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
        properties: ticketd::broker::Properties {
            reply_to: Some(reply.name.clone()),
            ..ticketd::broker::Properties::default()
        },
    };
    env.send(Kind::Create, &again).await;
    let published: Value = serde_json::from_slice(&reply.next().await.data).unwrap();
    assert_eq!(
        (&published["id"], &published["data"]["state"]),
        (&json!("done/outcome"), &json!("succeeded"))
    );
    worker.stop().await;
    assert_eq!(outcomes(&mut env, "done").await, [r#""done/outcome" "succeeded""#]);
    assert_eq!(outcomes(&mut env, "nobody").await, [""; 0]);
    assert_eq!(env.broker().dead_and_unrouted().await.unwrap().dead, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_cancellation_is_rejected_and_kept() {
    let mut env = env(RARE_POLLS).await;
    let _worker = env.start();
    submit(&env, &change("open", "c")).await;
    env.state("open", "submitted").await;
    env.cancel(&json!({ "id": "open", "raeson": "a slip" })).await;
    let rejected =
        env.published(|published| published.routing_key == "unknown.unknown.rejected").await;
    let event: Value = serde_json::from_slice(&rejected.body).unwrap();
    let error = &event["data"]["error"];
    assert_eq!(error["code"], "InvalidCancellation");
    assert!(error["message"].as_str().unwrap().contains("did you mean \"reason\"?"), "{event:#}");
    assert!(event["subject"].is_null(), "the job itself is not rejected: {event:#}");
    let letter = Queue::read(&env.name("dead")).await.next().await;
    assert_eq!(header(&letter, "x-ticketd-reason").as_deref(), Some("invalid"));
    assert_eq!(header(&letter, "x-ticketd-from"), Some(env.name("jobs.cancel")));
    assert_eq!(outcomes(&mut env, "open").await, [""; 0], "the job continues");
}
