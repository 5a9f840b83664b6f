//! `kill -9` between any two steps of a job, for every operation.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use ticketd::job::Kind;
use ticketd::simulator::{self, Effect};

use super::crash_points::{Death, die_at};
use crate::harness::{TestEnv, TestWorker, database, is_outcome, open_jobs, until};

/// Polls and the first probe are parked, so that wake-ups are among the steps.
const PARKED: &str = r#"
[poll]
interval = "1200ms"
max_interval = "1200ms"
"#;

/// More steps than any job has.
const MAX_STEPS: u32 = 60;

/// An operation under test.
struct Case {
    operation: &'static str,
    kind: Kind,
    until: &'static str,
    /// Its params. The number distinguishes the effects of several jobs.
    params: fn(u32) -> Value,
    /// Whether an effect belongs to the job with this number.
    is_of: fn(&Effect, u32) -> bool,
    /// Whether a lost call can be looked up.
    probes: bool,
}

fn cases() -> Vec<Case> {
    fn order(number: u32) -> Value {
        json!({"Comment": comment(number), "PluginType": "DC_CHUNK", "PluginParam": {
            "execSQL": "delete from t", "dbItemList": [{"dbId": 17, "logic": false}]}})
    }
    fn correction(number: u32) -> Value {
        json!({"Comment": comment(number), "Param": {"ExecSQL": "x", "SqlType": "TEXT",
            "DbItemList": [{"DbId": 17, "Logic": false}]}})
    }
    fn publish(number: u32) -> Value {
        json!({"OrderId": 70_001 + number, "DbId": 17, "Logic": false,
            "PublishStrategy": "IMMEDIATELY"})
    }
    fn sync(number: u32) -> Value {
        json!({"ProjectId": 10_000, "TaskType": "DI_SOLUTION", "FileId": number})
    }
    fn package(number: u32) -> Value {
        json!({"package_ids": [number.to_string()], "startup_mode": 1})
    }
    fn comment(number: u32) -> String {
        format!("job {number}.")
    }
    let has_comment = |effect: &Effect, number: u32| {
        effect.comment.as_ref().is_some_and(|text| text.starts_with(&comment(number)))
    };
    let create_order = Case {
        operation: "dms.CreateOrder",
        kind: Kind::Create,
        until: "finished",
        params: order,
        is_of: has_comment,
        probes: true,
    };
    let deploy_sync = Case {
        operation: "dataworks.DeployDISyncTask",
        kind: Kind::Deploy,
        until: "finished",
        params: sync,
        is_of: |effect, number| effect.file_id == Some(number.into()),
        probes: false,
    };
    vec![
        Case { until: "accepted", ..create_order },
        create_order,
        Case {
            operation: "dms.CreateFreeLockCorrectOrder",
            kind: Kind::Create,
            until: "finished",
            params: correction,
            is_of: has_comment,
            probes: true,
        },
        Case {
            operation: "dms.CreatePublishGroupTask",
            kind: Kind::Publish,
            until: "finished",
            params: publish,
            is_of: |effect, number| {
                let target = effect.target.as_ref();
                target.is_some_and(|target| target.order_id == i64::from(70_001 + number))
            },
            probes: true,
        },
        Case { until: "accepted", ..deploy_sync },
        deploy_sync,
        Case {
            operation: "dataarts.DeployReleasePackages",
            kind: Kind::Deploy,
            until: "finished",
            params: package,
            is_of: |effect, number| effect.package_ids == [number.to_string()],
            probes: true,
        },
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_between_any_two_steps_leaves_one_effect_and_one_outcome() {
    kill_all(cases().into_iter().map(|case| (case, PARKED.to_owned()))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_between_any_two_steps_is_safe_on_postgresql() {
    // One operation whose lost calls can be looked up, and one whose lost calls cannot.
    let cases = cases().into_iter().filter(|case| {
        case.until == "finished" && (case.operation == "dms.CreateOrder" || !case.probes)
    });
    let database = database().await;
    kill_all(
        cases.map(|case| (case, format!("{PARKED}[ledger]\nurl = \"{}\"\n", database.fresh()))),
    )
    .await;
}

async fn kill_all(cases: impl Iterator<Item = (Case, String)>) {
    let runs = cases.map(|(case, more)| tokio::spawn(kill_at_every_step(case, more)));
    let mut broken = Vec::new();
    for run in join_all(runs).await {
        broken.extend(run.unwrap());
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

/// Runs one job for each step, with a worker killed there, until a worker finishes its job. Returns the
/// broken promises.
async fn kill_at_every_step(case: Case, more: String) -> Vec<String> {
    let pace = Duration::from_millis(100);
    let simulated = simulator::SimulatorSettings { pace, ..Default::default() };
    let mut env = TestEnv::with(&more, simulated).await;
    let mut broken = Vec::new();
    let mut steps = Vec::new();
    for step in 1..=MAX_STEPS {
        let id = format!("{}-{}-{step}", case.operation, case.until);
        let job = json!({"id": id, "operation": case.operation, "until": case.until,
            "params": (case.params)(step)});
        env.submit(case.kind, &job).await;
        let death = die_at(&env, &id, step).await;
        let worker = env.worker();
        let ledger = worker.ledger.clone();
        let worker = TestWorker::of(worker);
        let outcome = env.outcome(&id).await;
        // The outcome may have been published before the kill.
        until(async || open_jobs(ledger.as_ref()).await == 0).await;
        worker.stop().await;

        let effects = env.simulator.effects();
        let effects = effects.iter().filter(|effect| (case.is_of)(effect, step)).count();
        let state = outcome["data"]["state"].as_str().unwrap().to_owned();
        let is_true = match state.as_str() {
            "succeeded" => effects == 1,
            "unknown" => !case.probes && effects <= 1,
            _ => false,
        };
        if !is_true {
            broken.push(format!("{id}, {death:?}: {state} with {effects} effects: {outcome}"));
        }
        match death {
            Death::At(name) => steps.push((name, state)),
            Death::Finished => break,
        }
    }
    println!("{} until {}: {} steps", case.operation, case.until, steps.len());
    for (name, state) in &steps {
        println!("  {name}: {state}");
    }
    if !(8..MAX_STEPS as usize).contains(&steps.len()) {
        broken.push(format!("{}: {} steps are not a whole run", case.operation, steps.len()));
    }
    if steps[0].1 != "succeeded" {
        broken.push(format!("{}: a job without a call is {}", case.operation, steps[0].1));
    }
    broken.extend(with_two_outcomes(&env));
    let kept = env.broker().dead_and_unrouted().await.unwrap().dead;
    if kept != 0 {
        broken.push(format!("{}: {kept} dead letters", case.operation));
    }
    broken
}

/// Jobs with two different outcomes.
fn with_two_outcomes(env: &TestEnv) -> Vec<String> {
    let outcomes: BTreeSet<(String, String, String)> = env
        .events()
        .iter()
        .filter(|event| is_outcome(event))
        .map(|event| {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            (text(&event["subject"]), text(&event["id"]), text(&event["data"]["state"]))
        })
        .collect();
    let mut seen = BTreeSet::new();
    let twice = outcomes.iter().filter(|(job, ..)| !seen.insert(job));
    twice.map(|(job, id, state)| format!("{job} has another outcome: {state}, {id}")).collect()
}
