//! `ticketd jobs` and `ticketd dead`.

use serde_json::{Value, json};
use ticketd::broker::{Message, Properties};
use ticketd::job::Kind;
use ticketd::simulator::{Fault, FaultPlan, FaultRule};
use tokio::process::Command;

use crate::harness::samples::{accepted, change, file, with};
use crate::harness::{TestEnv, TestWorker, until};

/// Runs `ticketd` with the environment's configuration. Returns its output, or its error.
async fn ticketd(env: &TestEnv, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(env!("CARGO_BIN_EXE_ticketd"))
        .arg("--config")
        .arg(env.configuration())
        .args(arguments)
        .env("TICKETD_BROKER__URL", &env.url)
        .output()
        .await
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

/// The same with `--json`: one object per line.
async fn json(env: &TestEnv, arguments: &[&str]) -> Vec<Value> {
    let printed = ticketd(env, &[arguments, &["--json"]].concat()).await.unwrap();
    serde_json::Deserializer::from_str(&printed).into_iter().map(Result::unwrap).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_listed_and_shown_with_their_history() {
    let mut env = TestEnv::new("").await;
    let worker = env.start();
    env.submit(Kind::Create, &accepted(change("done", "c"))).await;
    env.outcome("done").await;
    let later = with(change("later", "c"), "not_before", json!("2100-01-01T00:00:00Z"));
    env.submit(Kind::Create, &later).await;
    until(async || json(&env, &["jobs", "list"]).await.len() == 2).await;

    let listed = json(&env, &["jobs", "list"]).await;
    let standing: Vec<_> = listed.iter().map(|job| (&job["id"], &job["status"])).collect();
    assert_eq!(
        standing,
        [(&json!("later"), &json!("waiting")), (&json!("done"), &json!("succeeded"))]
    );
    let waiting = json(&env, &["jobs", "list", "--status", "waiting,polling"]).await;
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0]["due"], "2100-01-01T00:00:00Z");

    let shown = &json(&env, &["jobs", "show", "done"]).await[0];
    let history: Vec<_> = shown["history"].as_array().unwrap().iter().map(|n| &n["what"]).collect();
    assert_eq!(history, [&json!("started"), &json!("succeeded")]);
    let text = ticketd(&env, &["jobs", "show", "later"]).await.unwrap();
    assert!(text.contains("waits      for its call, due 2100-01-01 00:00:00"), "{text}");
    let complaint = ticketd(&env, &["jobs", "show", "nobody"]).await.unwrap_err();
    assert!(complaint.contains("job nobody is not in the ledger"), "{complaint}");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_job_is_cancelled_from_the_command_line() {
    let mut env = TestEnv::new("").await;
    let worker = env.start();
    let later = with(change("later", "c"), "not_before", json!("2100-01-01T00:00:00Z"));
    env.submit(Kind::Create, &later).await;
    until(async || json(&env, &["jobs", "list"]).await.len() == 1).await;
    let said = ticketd(&env, &["jobs", "cancel", "later", "--reason", "no longer wanted"]).await;
    assert!(said.unwrap().starts_with("cancel requested for later"));
    let outcome = env.outcome("later").await;
    assert_eq!(outcome["data"]["state"], "cancelled", "{outcome:#}");
    let message = outcome["data"]["error"]["message"].as_str().unwrap();
    assert!(message.contains("no longer wanted"), "{message}");
    assert!(env.simulator.effects().is_empty());
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_job_is_resolved_from_the_command_line() {
    let mut env = TestEnv::new("").await;
    let worker = env.start();
    let lost = FaultRule::always("dataworks.DeployDISyncTask", Fault::CutAfter).first(1);
    env.simulator.set_faults(FaultPlan { seed: 0, faults: vec![lost] }).unwrap();
    env.submit(Kind::Deploy, &file("lost", "DI_REALTIME", 1)).await;
    let outcome = env.outcome("lost").await;
    assert_eq!(outcome["data"]["state"], "unknown", "{outcome:#}");

    let complaint = ticketd(&env, &["jobs", "resolve", "lost"]).await.unwrap_err();
    assert!(complaint.contains("--adopt"), "{complaint}");
    let said = ticketd(&env, &["jobs", "resolve", "lost", "--fail", "gone"]).await.unwrap();
    assert_eq!(said, "lost ends as failed\n");
    let outcome = env.state("lost", "failed").await;
    assert!(outcome["data"]["error"]["message"].as_str().unwrap().contains("gone"));
    let again = ticketd(&env, &["jobs", "resolve", "lost", "--absent"]).await.unwrap_err();
    assert!(again.contains("only a job whose outcome is unknown"), "{again}");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_ledger_is_not_created_by_reading() {
    let env = TestEnv::new("").await;
    let complaint = ticketd(&env, &["jobs", "list"]).await.unwrap_err();
    assert!(complaint.contains("there is no ledger at"), "{complaint}");
    assert!(!env.folder.path().join("ledger.db").exists());
}

/// An environment with a dead letter for each body.
async fn with_dead_letters(bodies: &[&str]) -> (TestEnv, Vec<Value>) {
    let env = TestEnv::new("").await;
    let worker = env.start();
    for body in bodies {
        let message = Message {
            body: body.as_bytes().to_vec(),
            properties: Properties {
                content_type: Some("application/json".into()),
                correlation_id: Some("keep me".into()),
                ..Properties::default()
            },
        };
        env.send(Kind::Create, &message).await;
    }
    let count = u32::try_from(bodies.len()).unwrap();
    until(async || env.broker().dead_and_unrouted().await.unwrap().dead == count).await;
    worker.stop().await;
    let letters = json(&env, &["dead", "list"]).await;
    (env, letters)
}

fn key(letter: &Value) -> &str {
    letter["key"].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn showing_dead_letters_keeps_them() {
    let (env, letters) = with_dead_letters(&["{\"id\": \"bad\"}", "\u{1b}[2J not JSON"]).await;
    assert_eq!(letters.len(), 2);
    let bad = letters.iter().find(|letter| letter["job"] == "bad").unwrap();
    assert_eq!((&bad["reason"], &bad["bytes"]), (&json!("invalid"), &json!(13)));
    assert_eq!(bad["from"], env.name("jobs.create"));
    let shown = &json(&env, &["dead", "show", key(bad)]).await[0];
    assert_eq!(shown["body"], "{\"id\": \"bad\"}");
    assert_eq!(shown["correlation_id"], "keep me");
    let problems = shown["problems"].as_array().unwrap();
    assert!(problems.iter().any(|it| it.as_str().unwrap().starts_with("$.operation")), "{shown}");
    // Listing does not change the keys.
    let again = json(&env, &["dead", "list"]).await;
    let keys = |letters: &[Value]| letters.iter().map(|it| key(it).to_owned()).collect::<Vec<_>>();
    let sorted = |mut keys: Vec<String>| {
        keys.sort();
        keys
    };
    assert_eq!(sorted(keys(&again)), sorted(keys(&letters)));
    let table = ticketd(&env, &["dead", "list"]).await.unwrap();
    assert!(!table.contains('\u{1b}'), "{table}");
    let missing = ticketd(&env, &["dead", "show", "0123456789ab"]).await.unwrap_err();
    assert!(missing.contains("no dead letter has the key 0123456789ab"), "{missing}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_dead_letter_runs_once_its_cause_is_fixed() {
    let fixed = change("fixed", "c").to_string();
    let (mut env, _) = with_dead_letters(&[]).await;
    // The cause is the worker's configuration: the account is missing.
    let mut without = env.worker();
    without.settings.accounts.retain(|account| account.name != "ali");
    let without = TestWorker::of(without);
    let message = Message {
        body: fixed.clone().into_bytes(),
        properties: Properties { correlation_id: Some("keep me".into()), ..Properties::default() },
    };
    env.send(Kind::Create, &message).await;
    until(async || env.broker().dead_and_unrouted().await.unwrap().dead == 1).await;
    without.stop().await;
    let letter = json(&env, &["dead", "list"]).await.remove(0);
    let replayed = json(&env, &["dead", "replay", key(&letter)]).await;
    assert_eq!(replayed, [json!({"replayed": key(&letter)})]);
    assert_eq!(env.broker().dead_and_unrouted().await.unwrap().dead, 0);

    let worker = env.start();
    let outcome = env.published(|it| it.routing_key.ends_with(".succeeded")).await;
    assert_eq!(outcome.properties.correlation_id.as_deref(), Some("keep me"));
    assert_eq!(env.simulator.effects().len(), 1);
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_are_dropped_one_by_one_or_all_at_once() {
    let (env, letters) = with_dead_letters(&["1", "2", "3"]).await;
    assert_eq!(
        ticketd(&env, &["dead", "drop", key(&letters[1])]).await.unwrap().lines().count(),
        1
    );
    let left = json(&env, &["dead", "list"]).await;
    assert_eq!(left.len(), 2);
    assert!(left.iter().all(|letter| key(letter) != key(&letters[1])));
    let again = ticketd(&env, &["dead", "drop", key(&letters[1])]).await.unwrap_err();
    assert!(again.contains("no dead letter has the key"), "{again}");
    assert_eq!(json(&env, &["dead", "drop", "--all"]).await.len(), 2);
    assert!(json(&env, &["dead", "list"]).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_dead_letter_that_is_still_invalid_returns_once() {
    let (env, letters) = with_dead_letters(&["{}"]).await;
    let worker = env.start();
    assert_eq!(json(&env, &["dead", "replay", "--all"]).await.len(), 1);
    until(async || env.broker().dead_and_unrouted().await.unwrap().dead == 1).await;
    worker.stop().await;
    let back = json(&env, &["dead", "list"]).await;
    assert_eq!(back.len(), 1);
    assert_ne!(key(&back[0]), key(&letters[0]), "it has a new time");
}
