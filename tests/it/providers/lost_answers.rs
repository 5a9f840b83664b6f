//! Calls whose answer was lost: adopted, called again if they had no effect, or unknown. Never done
//! twice.

use std::time::Duration;

use serde_json::{Value, json};
use ticketd::cloud::account::{Account, ProviderSettings};
use ticketd::simulator::{Fault, FaultPlan, FaultRule};

use crate::harness::TestEnv;
use crate::harness::all_operations::{AllOperations, effects, id, is_file};
use crate::harness::samples::{change, file, free_lock, kind, with};

async fn run(env: &TestEnv, sets: &[AllOperations], faults: Vec<FaultRule>) {
    env.simulator.set_faults(FaultPlan { seed: 0, faults }).unwrap();
    for (job, _) in sets.iter().flat_map(|set| &set.jobs) {
        env.submit(kind(job), job).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_call_that_took_effect_is_adopted() {
    let mut env = TestEnv::new("").await;
    let faults = [
        Fault::CutAfter,
        Fault::ErrorAfter { status: 500 },
        Fault::ErrorAfter { status: 502 },
        Fault::Garbage,
        Fault::CutBody,
        Fault::Late { delay: Duration::from_millis(500) },
        Fault::Slow { delay: Duration::from_millis(1_500) },
    ];
    let sets: Vec<AllOperations> =
        (0..).zip(&faults).map(|(n, _)| AllOperations::number(n)).collect();
    let rules = sets.iter().zip(&faults).flat_map(|(set, fault)| set.rules(fault, 1)).collect();
    let worker = env.start();
    run(&env, &sets, rules).await;
    for (set, fault) in sets.iter().zip(&faults) {
        for (job, _) in &set.jobs {
            let outcome = env.outcome(id(job)).await;
            let (data, about) = (&outcome["data"], format!("{fault:?} {outcome:#}"));
            assert_eq!(effects(&env, job).len(), 1, "{about}");
            assert_eq!(data["attempts"], 1, "{about}");
            if is_file(job) {
                unknown(&outcome);
                continue;
            }
            assert_eq!(data["state"], "succeeded", "{about}");
            assert_eq!(data["result"]["adopted"], true, "{about}");
            let states = env.states(id(job));
            assert_eq!(states[..3], ["started", "doubtful", "submitted"], "{about}");
            if let Some(orders) = data["result"]["order_ids"].as_array() {
                assert_eq!(json!(orders), json!(effects(&env, job)[0].order_ids), "{about}");
            }
        }
    }
    worker.stop().await;
    assert_eq!(env.simulator.effects().len(), 5 * faults.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_call_without_an_effect_is_called_again() {
    let mut env = TestEnv::new("").await;
    let faults = [Fault::CutBefore, Fault::ErrorBefore { status: 500 }];
    let sets: Vec<AllOperations> =
        (0..).zip(&faults).map(|(n, _)| AllOperations::number(n)).collect();
    let rules = sets.iter().zip(&faults).flat_map(|(set, fault)| set.rules(fault, 1)).collect();
    let _worker = env.start();
    run(&env, &sets, rules).await;
    for (set, fault) in sets.iter().zip(&faults) {
        for (job, _) in &set.jobs {
            let outcome = env.outcome(id(job)).await;
            let (data, about) = (&outcome["data"], format!("{fault:?} {outcome:#}"));
            if is_file(job) {
                unknown(&outcome);
                assert_eq!(effects(&env, job), []);
                continue;
            }
            assert_eq!((&data["state"], &data["attempts"]), (&json!("succeeded"), &json!(2)));
            assert_eq!(effects(&env, job).len(), 1, "{about}");
            assert!(data["result"]["adopted"].is_null(), "{about}");
            assert_eq!(env.states(id(job))[..2], ["started", "doubtful"], "{about}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn account_settings_decide_about_lost_calls() {
    let mut env = TestEnv::new("").await;
    let ali = env.settings.accounts.iter().find(|account| account.name == "ali").unwrap();
    let provider = ProviderSettings::Alibaba { marker: false, redeploy_in_doubt: false };
    let unmarked = Account { name: "unmarked".into(), provider, ..ali.clone() };
    let provider = ProviderSettings::Alibaba { marker: true, redeploy_in_doubt: true };
    let repeating = Account { name: "again".into(), provider, ..ali.clone() };
    env.settings.accounts.extend([unmarked, repeating]);
    let lost = |action: &str, text: &str, fault| FaultRule {
        matching: Some(text.into()),
        ..FaultRule::always(action, fault).first(1)
    };
    let faults = vec![
        lost("*", "word-1-", Fault::CutAfter),
        lost("*", "word-2-", Fault::CutBefore),
        lost("DeployDISyncTask", "FileId=5101", Fault::CutAfter),
        lost("DeployDISyncTask", "FileId=5102", Fault::CutBefore),
    ];
    env.simulator.set_faults(FaultPlan { seed: 0, faults }).unwrap();
    let jobs = [
        (with(change("a", "word-1-"), "account", json!("unmarked")), "unknown", 1),
        (with(free_lock("b", "word-2-"), "account", json!("unmarked")), "unknown", 0),
        (with(change("c", "word-3-"), "account", json!("unmarked")), "succeeded", 1),
        // A deliberate repeat: to its owner, two deploys of the same file are one.
        (with(file("d", "DI_SOLUTION", 5_101), "account", json!("again")), "succeeded", 2),
        (with(file("e", "DI_SOLUTION", 5_102), "account", json!("again")), "succeeded", 1),
    ];
    let _worker = env.start();
    for (job, _, _) in &jobs {
        env.submit(kind(job), job).await;
    }
    for (job, state, count) in &jobs {
        let outcome = env.outcome(id(job)).await;
        assert_eq!(outcome["data"]["state"], *state, "{outcome:#}");
        assert_eq!(effects(&env, job).len(), *count, "{outcome:#}");
        if *state == "unknown" {
            unknown(&outcome);
        }
    }
    let unmarked = effects(&env, &jobs[2].0);
    assert_eq!((unmarked[0].comment.as_deref(), &unmarked[0].marker), (Some("word-3-"), &None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttled_call_is_retried_with_an_event_for_each_wait() {
    let mut env = TestEnv::new("").await;
    let sets = [AllOperations::number(1)];
    let soon = Some(Duration::from_millis(200));
    let rules = sets[0].rules(&Fault::Throttle { retry_after: soon }, 2);
    let _worker = env.start();
    run(&env, &sets, rules).await;
    for (job, _) in &sets[0].jobs {
        let outcome = env.outcome(id(job)).await;
        let data = &outcome["data"];
        assert_eq!((&data["state"], &data["attempts"]), (&json!("succeeded"), &json!(3)));
        assert_eq!(effects(&env, job).len(), 1);
        let states = env.states(id(job));
        assert_eq!(states[..3], ["started", "retrying", "retrying"], "{states:?}");
        let retrying = env.state(id(job), "retrying").await;
        assert_eq!(retrying["data"]["error"]["class"], "retryable", "{retrying:#}");
        assert!(!states.contains(&"doubtful".to_owned()), "{states:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_call_fails_at_once() {
    let mut env = TestEnv::new("").await;
    let sets = [AllOperations::number(1)];
    let refuse = |status, code: &str| Fault::Refuse {
        status,
        code: code.into(),
        message: "not for you".into(),
    };
    let mut rules = sets[0].rules(&refuse(403, "Forbidden.RAM"), 9);
    rules[4].fault = refuse(403, "DLF.0403");
    let _worker = env.start();
    run(&env, &sets, rules).await;
    for (job, _) in &sets[0].jobs {
        let outcome = env.outcome(id(job)).await;
        let (data, error) = (&outcome["data"], &outcome["data"]["error"]);
        assert_eq!((&data["state"], &data["attempts"]), (&json!("failed"), &json!(1)));
        assert_eq!(error["class"], "permanent", "{outcome:#}");
        assert_eq!(error["message"], "not for you", "{outcome:#}");
        assert_eq!(data["provider"]["request_ids"].as_array().unwrap().len(), 1, "{outcome:#}");
        assert_eq!(env.states(id(job)), ["started", "failed"]);
    }
    assert_eq!(env.simulator.effects(), []);
}

/// Asserts an unknown outcome with advice for a person.
fn unknown(outcome: &Value) {
    let error = &outcome["data"]["error"];
    assert_eq!(outcome["data"]["state"], "unknown", "{outcome:#}");
    assert_eq!((&error["code"], &error["class"]), (&json!("AnswerLost"), &json!("ambiguous")));
    assert!(error["advice"].as_str().unwrap().contains("under a new id"), "{outcome:#}");
}
