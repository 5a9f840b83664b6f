//! `kill -9` between any two steps of a job, for every operation.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use ticketd::job::Kind;
use ticketd::simulator::{self, Effect};

use super::crash_points::{Death, die_at};
use crate::harness::{TestEnv, TestWorker, database, is_outcome, until};

/// Polls and the first look for a lost call are parked, so lives go through wake-ups too.
const PARKED: &str = r#"
[poll]
interval = "1200ms"
max_interval = "1200ms"
"#;

/// More steps than any job has: the end of a search for one that never comes.
const ENDLESS: u32 = 60;

/// An operation under test.
struct Play {
    operation: &'static str,
    kind: Kind,
    until: &'static str,
    /// Its parameters; the number keeps the effects of several jobs apart.
    params: fn(u32) -> Value,
    /// Whether an effect is that of the job with this number.
    is_of: fn(&Effect, u32) -> bool,
    /// A lost call can be looked up.
    probes: bool,
}

fn plays() -> Vec<Play> {
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
    let create_order = Play {
        operation: "dms.CreateOrder",
        kind: Kind::Create,
        until: "finished",
        params: order,
        is_of: has_comment,
        probes: true,
    };
    let deploy_sync = Play {
        operation: "dataworks.DeployDISyncTask",
        kind: Kind::Deploy,
        until: "finished",
        params: sync,
        is_of: |effect, number| effect.file_id == Some(number.into()),
        probes: false,
    };
    vec![
        Play { until: "accepted", ..create_order },
        create_order,
        Play {
            operation: "dms.CreateFreeLockCorrectOrder",
            kind: Kind::Create,
            until: "finished",
            params: correction,
            is_of: has_comment,
            probes: true,
        },
        Play {
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
        Play { until: "accepted", ..deploy_sync },
        deploy_sync,
        Play {
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
async fn a_worker_killed_between_any_two_steps_leaves_one_effect_and_one_outcome() {
    kill_all(plays().into_iter().map(|play| (play, PARKED.to_owned()))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_holds_for_a_ledger_in_postgresql() {
    // One that is looked up, and one that can't be.
    let plays = plays().into_iter().filter(|play| {
        play.until == "finished" && (play.operation == "dms.CreateOrder" || !play.probes)
    });
    let database = database().await;
    kill_all(
        plays.map(|play| (play, format!("{PARKED}[ledger]\nurl = \"{}\"\n", database.fresh()))),
    )
    .await;
}

async fn kill_all(plays: impl Iterator<Item = (Play, String)>) {
    let lives = plays.map(|(play, more)| tokio::spawn(kill_at_every_step(play, more)));
    let mut broken = Vec::new();
    for life in join_all(lives).await {
        broken.extend(life.unwrap());
    }
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

/// One job for each step, and a worker that dies there, until one outlives its job. Returns the
/// promises that were broken.
async fn kill_at_every_step(play: Play, more: String) -> Vec<String> {
    let pace = Duration::from_millis(100);
    let simulated = simulator::Settings { pace, ..Default::default() };
    let mut env = TestEnv::with(&more, simulated).await;
    let mut broken = Vec::new();
    let mut places = Vec::new();
    for step in 1..=ENDLESS {
        let id = format!("{}-{}-{step}", play.operation, play.until);
        let job = json!({"id": id, "operation": play.operation, "until": play.until,
            "params": (play.params)(step)});
        env.submit(play.kind, &job).await;
        let death = die_at(&env, &id, step).await;
        let worker = env.worker();
        let ledger = worker.ledger.clone();
        let worker = TestWorker::of(worker);
        let outcome = env.outcome(&id).await;
        // It may have been told before the death.
        until(async || ledger.counts().await.unwrap().open == 0).await;
        worker.stop().await;

        let effects = env.simulator.effects();
        let effects = effects.iter().filter(|effect| (play.is_of)(effect, step)).count();
        let state = outcome["data"]["state"].as_str().unwrap().to_owned();
        let is_true = match state.as_str() {
            "succeeded" => effects == 1,
            "unknown" => !play.probes && effects <= 1,
            _ => false,
        };
        if !is_true {
            broken.push(format!("{id}, {death:?}: {state} with {effects} effects: {outcome}"));
        }
        match death {
            Death::At(place) => places.push((place, state)),
            Death::Late => break,
        }
    }
    println!("{} until {}: {} places to die", play.operation, play.until, places.len());
    for (place, state) in &places {
        println!("  {place}: {state}");
    }
    if !(8..ENDLESS as usize).contains(&places.len()) {
        broken.push(format!("{}: {} places are not a whole life", play.operation, places.len()));
    }
    if places[0].1 != "succeeded" {
        broken.push(format!("{}: a job nobody had begun is {}", play.operation, places[0].1));
    }
    broken.extend(twofold(&env));
    let kept = env.broker().lengths().await.unwrap().dead;
    if kept != 0 {
        broken.push(format!("{}: {kept} dead letters", play.operation));
    }
    broken
}

/// Jobs told of with two outcomes.
fn twofold(env: &TestEnv) -> Vec<String> {
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
