//! Reads that fail, lag or are refused: baselines, probes and polls.

use std::time::Duration;

use serde_json::{Value, json};
use ticketd::simulator::{Fault, FaultPlan, FaultRule, SimulatorSettings};

use crate::harness::TestEnv;
use crate::harness::samples::{change, file, free_lock, kind, packages, publish};

fn refused() -> Fault {
    Fault::Refuse { status: 403, code: "Forbidden".into(), message: "not for you".into() }
}

fn faults(env: &TestEnv, rules: Vec<FaultRule>) {
    env.simulator.set_faults(FaultPlan { seed: 0, faults: rules }).unwrap();
}

async fn run(env: &mut TestEnv, jobs: &[Value]) -> Vec<Value> {
    for job in jobs {
        env.submit(kind(job), job).await;
    }
    let mut outcomes = Vec::new();
    for job in jobs {
        outcomes.push(env.outcome(job["id"].as_str().unwrap()).await);
    }
    outcomes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_read_is_repeated_and_changes_nothing() {
    let mut env = TestEnv::new("").await;
    let polls = [
        "GetOrderBaseInfo",
        "GetDataCorrectTaskDetail",
        "GetDISyncTask",
        "GetSystemTask",
        "ListDDLPublishRecords",
    ];
    let mut rules = Vec::new();
    for (fault, nth) in [
        (Fault::ErrorBefore { status: 503 }, 1),
        (Fault::CutBody, 2),
        (Fault::Garbage, 3),
        (Fault::Throttle { retry_after: None }, 4),
        (Fault::CutAfter, 5),
        (Fault::Backwards, 7),
    ] {
        let rule =
            |action| FaultRule { nth: Some(vec![nth]), ..FaultRule::always(action, fault.clone()) };
        rules.extend(polls.map(rule));
    }
    faults(&env, rules);
    let _worker = env.start();
    let jobs = [
        change("order", "c"),
        free_lock("lock", "c"),
        publish("publish", 70_001, 17),
        file("file", "DI_SOLUTION", 1),
        packages("packages", &["1"]),
    ];
    for outcome in run(&mut env, &jobs).await {
        let data = &outcome["data"];
        assert_eq!((&data["state"], &data["attempts"]), (&json!("succeeded"), &json!(1)));
        assert!(data["result"]["adopted"].is_null(), "{outcome:#}");
    }
    let requests = env.simulator.requests();
    for action in ["dms.GetOrderBaseInfo", "dataworks.GetDISyncTask", "dms.ListDDLPublishRecords"] {
        assert!(requests[action].faulted >= 5, "{action}: {requests:?}");
    }
    // If the system task cannot be read, the package itself has the status.
    assert!(requests["dataarts.GetSystemTask"].faulted >= 1, "{requests:?}");
    assert_eq!(env.simulator.effects().len(), jobs.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_with_forbidden_polls_is_unknown_with_its_handle() {
    let mut env = TestEnv::new("").await;
    let actions = ["GetOrderBaseInfo", "GetDISyncTask", "GetSystemTask", "GetReleasePackage"];
    faults(&env, actions.map(|action| FaultRule::always(action, refused())).into());
    let _worker = env.start();
    let jobs = [change("order", "c"), file("file", "DI_SOLUTION", 1), packages("packages", &["1"])];
    for outcome in run(&mut env, &jobs).await {
        let (data, error) = (&outcome["data"], &outcome["data"]["error"]);
        assert_eq!(data["state"], "unknown", "{outcome:#}");
        assert_eq!(error["code"], "Forbidden", "{outcome:#}");
        assert!(error["advice"].as_str().unwrap().starts_with("The call was accepted"));
        assert!(data["handle"].is_object(), "{outcome:#}");
    }
    assert_eq!(env.simulator.effects().len(), jobs.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publish_with_a_forbidden_baseline_makes_no_call() {
    let mut env = TestEnv::new("").await;
    faults(&env, vec![FaultRule::always("ListDDLPublishRecords", refused())]);
    let _worker = env.start();
    let outcomes = run(&mut env, &[publish("publish", 70_001, 17)]).await;
    let data = &outcomes[0]["data"];
    assert_eq!((&data["state"], &data["attempts"]), (&json!("failed"), &json!(0)));
    assert_eq!(env.simulator.effects(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_call_with_forbidden_probes_is_unknown() {
    let mut env = TestEnv::new("").await;
    let lost = |action| FaultRule::always(action, Fault::CutAfter);
    let reads = ["ListOrders", "GetReleasePackage"];
    let mut rules: Vec<FaultRule> = reads.map(|action| FaultRule::always(action, refused())).into();
    rules.extend(["CreateOrder", "DeployReleasePackages"].map(lost));
    // The records can be read before the call and not after it.
    let records = FaultRule {
        nth: Some((2..99).collect()),
        ..FaultRule::always("ListDDLPublishRecords", refused())
    };
    rules.extend([records, lost("CreatePublishGroupTask")]);
    faults(&env, rules);
    let _worker = env.start();
    let jobs = [change("order", "c"), publish("publish", 70_001, 17), packages("packages", &["1"])];
    for outcome in run(&mut env, &jobs).await {
        let (data, error) = (&outcome["data"], &outcome["data"]["error"]);
        assert_eq!((&data["state"], &data["attempts"]), (&json!("unknown"), &json!(1)));
        assert_eq!(error["code"], "AnswerLost", "{outcome:#}");
    }
    assert_eq!(env.simulator.effects().len(), jobs.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lagging_list_does_not_repeat_a_lost_call() {
    let (pace, lag) = (Duration::from_millis(100), Duration::from_millis(2_500));
    let simulated = SimulatorSettings { pace, lag, ..SimulatorSettings::default() };
    let mut env = TestEnv::with("[probe]\ntries = 20\n", simulated).await;
    let calls = ["CreateOrder", "CreateFreeLockCorrectOrder", "CreatePublishGroupTask"];
    faults(&env, calls.map(|action| FaultRule::always(action, Fault::CutAfter).first(1)).into());
    let _worker = env.start();
    let jobs = [
        change("order", "c"),
        free_lock("lock", "c"),
        publish("publish", 70_001, 17),
        // Its system task does not exist at first.
        packages("packages", &["1"]),
    ];
    for (n, outcome) in run(&mut env, &jobs).await.iter().enumerate() {
        let data = &outcome["data"];
        assert_eq!((&data["state"], &data["attempts"]), (&json!("succeeded"), &json!(1)));
        assert_eq!(data["result"]["adopted"] == true, n < calls.len(), "{outcome:#}");
    }
    assert_eq!(env.simulator.effects().len(), jobs.len());
}
