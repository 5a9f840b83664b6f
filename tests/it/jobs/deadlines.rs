//! `not_before` and `deadline`.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use ticketd::job::Kind;
use ticketd::simulator::{Fault, FaultPlan, FaultRule};

use crate::harness::TestEnv;
use crate::harness::samples::{accepted, change, with};

fn soon(seconds: i64) -> Timestamp {
    Timestamp::now() + SignedDuration::from_secs(seconds)
}

fn until(job: Value, deadline: Timestamp) -> Value {
    with(job, "deadline", json!(deadline))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_waits_until_not_before() {
    let mut env = TestEnv::new("").await;
    let _worker = env.start();
    let moments = [soon(1), soon(3), soon(5)];
    for (n, moment) in moments.iter().enumerate() {
        let job = accepted(change(&format!("job-{n}"), &format!("number-{n}-")));
        env.submit(Kind::Create, &with(job, "not_before", json!(moment))).await;
    }
    for (n, moment) in moments.iter().enumerate() {
        let outcome = env.outcome(&format!("job-{n}")).await;
        assert_eq!(outcome["data"]["state"], "succeeded");
        let effects = env.simulator.effects();
        let comment = format!("number-{n}-");
        let is_its = |text: &Option<String>| text.as_ref().unwrap().starts_with(&comment);
        let effect = effects.iter().find(|effect| is_its(&effect.comment)).unwrap();
        let late = effect.at.duration_since(*moment);
        assert!(late >= SignedDuration::ZERO, "{late}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_before_the_call_expires_the_job_without_an_effect() {
    let mut env = TestEnv::new("").await;
    let throttled = FaultRule {
        matching: Some("busy".into()),
        ..FaultRule::always("CreateOrder", Fault::Throttle { retry_after: None })
    };
    let plan = FaultPlan { seed: 0, faults: vec![throttled] };
    env.simulator.set_faults(plan).unwrap();
    // The first job expires before any worker starts.
    env.submit(Kind::Create, &until(change("past", "c"), soon(-60))).await;
    let _worker = env.start();
    env.outcome("past").await;
    // This deadline counts from when the worker is ready, however slow the machine is.
    let deadline = soon(2);
    env.submit(Kind::Create, &until(change("busy", "busy"), deadline)).await;
    for id in ["past", "busy"] {
        let outcome = env.outcome(id).await;
        let (data, error) = (&outcome["data"], &outcome["data"]["error"]);
        assert_eq!(data["state"], "expired", "{outcome:#}");
        assert_eq!(error["code"], "DeadlinePassed");
        assert!(error["advice"].as_str().unwrap().starts_with("Nothing was done."));
        assert!(data["handle"].is_null());
        assert_eq!(data["attempts"] == 0, id == "past", "{outcome:#}");
    }
    let ended: Timestamp = {
        let outcome = env.outcome("busy").await;
        outcome["data"]["times"]["ended"].as_str().unwrap().parse().unwrap()
    };
    assert!(ended >= deadline);
    assert_eq!(env.simulator.effects(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_during_polling_expires_the_job_with_its_handle() {
    let mut env = TestEnv::new("").await;
    let _worker = env.start();
    let deadline = soon(3);
    env.submit(Kind::Create, &until(change("polled", "sim:wait"), deadline)).await;
    let outcome = env.outcome("polled").await;
    let data = &outcome["data"];
    assert_eq!(data["state"], "expired", "{outcome:#}");
    let effects = env.simulator.effects();
    assert_eq!(effects.len(), 1);
    assert_eq!(data["handle"]["order_ids"], json!(effects[0].order_ids));
    assert_eq!(data["result"]["order_ids"], json!(effects[0].order_ids));
    assert!(data["error"]["advice"].as_str().unwrap().contains("under the handle"));
    let ended: Timestamp = data["times"]["ended"].as_str().unwrap().parse().unwrap();
    assert!(ended >= deadline);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_call_is_looked_up_even_after_the_deadline() {
    let mut env = TestEnv::new("[probe]\nsettle = \"3s\"\n").await;
    let lost = |text: &str, fault| FaultRule {
        matching: Some(text.into()),
        ..FaultRule::always("CreateOrder", fault).first(1)
    };
    let faults = vec![lost("reached", Fault::CutAfter), lost("missed", Fault::CutBefore)];
    env.simulator.set_faults(FaultPlan { seed: 0, faults }).unwrap();
    let _worker = env.start();
    for word in ["reached", "missed"] {
        let job = until(accepted(change(word, word)), soon(2));
        env.submit(Kind::Create, &job).await;
    }
    let reached = env.outcome("reached").await;
    assert_eq!(reached["data"]["state"], "succeeded", "{reached:#}");
    assert_eq!(reached["data"]["result"]["adopted"], true);
    let missed = env.outcome("missed").await;
    assert_eq!(missed["data"]["state"], "expired", "{missed:#}");
    assert!(missed["data"]["error"]["advice"].as_str().unwrap().starts_with("Nothing was done."));
    assert_eq!(env.simulator.effects().len(), 1);
}
