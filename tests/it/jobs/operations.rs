//! Every operation from its message to its outcome, and the errors of providers in outcomes.

use std::time::Duration;

use serde_json::{Value, json};
use ticketd::cloud::account::{Account, Credentials};
use ticketd::secret::Secret;
use ticketd::simulator::{self, Effect, ForcedFileOutcome, ForcedPackageOutcome, Override};

use crate::harness::TestEnv;
use crate::harness::samples::{
    accepted, change, file, free_lock, kind, packages, plugin_params, publish, ticket, with,
};

/// Long timeouts: on a slow machine a late answer would count as lost.
const LONG_TIMEOUTS: &str = "[http]\ntimeout = \"10s\"\n[probe]\nsettle = \"10s\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn every_plugin_type_succeeds_until_accepted_and_until_finished() {
    let mut env = TestEnv::new(LONG_TIMEOUTS).await;
    let _worker = env.start();
    for (plugin_type, _) in plugin_params() {
        let job = ticket(&format!("{plugin_type}-f"), plugin_type, "close carts");
        env.submit(kind(&job), &job).await;
        let job = accepted(ticket(&format!("{plugin_type}-a"), plugin_type, "close carts"));
        env.submit(kind(&job), &job).await;
    }
    for (plugin_type, _) in plugin_params() {
        for end in ["a", "f"] {
            let id = format!("{plugin_type}-{end}");
            let outcome = env.outcome(&id).await;
            succeeded(&outcome);
            let effect = only_effect(&env, |effect| order_ids(&outcome) == effect.order_ids);
            assert!(effect.comment.unwrap().starts_with("close carts [tk:"));
            let tickets = outcome["data"]["result"]["tickets"].as_array();
            assert_eq!(tickets.is_some(), end == "f", "{outcome:#}");
            let (states, handle) = (env.states(&id), &outcome["data"]["handle"]);
            assert_eq!(handle["order_ids"], outcome["data"]["result"]["order_ids"]);
            assert_eq!(states[0], "started");
            assert_eq!(states.contains(&"submitted".to_owned()), end == "f", "{states:?}");
        }
    }
    assert_eq!(env.simulator.effects().len(), 14);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_four_operations_succeed_with_their_results() {
    let mut env = TestEnv::new(LONG_TIMEOUTS).await;
    let _worker = env.start();
    let jobs = [
        free_lock("lock-f", "c"),
        accepted(free_lock("lock-a", "c")),
        publish("pub-f", 70_001, 17),
        accepted(publish("pub-a", 70_002, 17)),
        file("di-f", "DI_SOLUTION", 21),
        file("di-r", "DI_REALTIME", 22),
        accepted(file("di-a", "DI_REALTIME", 23)),
        packages("pkg-f", &["31", "32"]),
        accepted(packages("pkg-a", &["33"])),
    ];
    for job in &jobs {
        env.submit(kind(job), job).await;
    }
    let mut results = Vec::new();
    for job in &jobs {
        let outcome = env.outcome(job["id"].as_str().unwrap()).await;
        succeeded(&outcome);
        assert_eq!(outcome["data"]["kind"], kind(job).as_str());
        results.push(outcome["data"]["result"].clone());
    }
    assert_eq!(env.simulator.effects().len(), jobs.len());
    let [lock_f, lock_a, pub_f, pub_a, di_f, di_r, di_a, pkg_f, pkg_a] =
        results.try_into().unwrap();
    for result in [&lock_f, &lock_a] {
        only_effect(&env, |effect| json!(effect.order_ids) == result["order_ids"]);
    }
    assert_eq!(lock_f["tickets"][0]["ended"], "succeeded");
    for (result, order) in [(&pub_f, 70_001), (&pub_a, 70_002)] {
        let effect = only_effect(&env, |effect| effect.order_ids == [order]);
        assert_eq!(json!(effect.task_ids), json!([result["task_id"].to_string()]));
    }
    assert_eq!(pub_f["publish_status"], "SUCCESS");
    assert_eq!(di_f, json!({ "file_id": 21, "status": "success", "task_state": "4" }));
    assert_eq!(di_r, json!({ "file_id": 22, "status": "success", "task_state": "NORUN" }));
    assert_eq!(di_a, json!({ "file_id": 23, "status": "success" }));
    for (result, ids) in [(&pkg_f, ["31", "32"].as_slice()), (&pkg_a, &["33"])] {
        let effect = only_effect(&env, |effect| effect.package_ids == ids);
        for (n, id) in ids.iter().enumerate() {
            let package = &result["packages"][n];
            assert_eq!(package["package_id"], *id);
            assert_eq!(package["asy_task_id"], effect.task_ids[n]);
            assert!(!package["subtasks"].is_null(), "{result:#}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_at_the_provider_is_failed_with_its_code() {
    // Slow enough that nothing changes between the reads of one poll on a slow machine.
    let pace = Duration::from_secs(1);
    let simulated = simulator::SimulatorSettings { pace, ..Default::default() };
    let mut env = TestEnv::with(LONG_TIMEOUTS, simulated).await;
    env.simulator.apply(Override::File { id: 51, outcome: ForcedFileOutcome::FailLater }).unwrap();
    let warn = Override::Package { id: "61".into(), outcome: ForcedPackageOutcome::Warn };
    env.simulator.apply(warn).unwrap();
    let _worker = env.start();
    let jobs = [
        (change("rejected", "sim:reject"), "reject", "ticket"),
        (change("closed", "sim:close"), "closed", "ticket"),
        (change("task", "sim:fail"), "FAIL", "ticket"),
        (free_lock("lock-task", "sim:fail"), "FAIL", "ticket"),
        (free_lock("lock-rejected", "sim:reject"), "reject", "ticket"),
        (ticket("export", "DATA_EXPORT", "sim:fail"), "EXPORT_FAIL", "ticket"),
        (ticket("permission", "PERM_APPLY", "sim:reject"), "reject", "ticket"),
        (ticket("design", "NDDL", "sim:close"), "closed", "ticket"),
        (publish("publish", 70_001, 9_001), "FAIL", "ticket"),
        (file("file", "DI_REALTIME", 9_002), "DeployFailed", "permanent"),
        (file("file-accepted", "DI_SOLUTION", 9_003), "DeployFailed", "permanent"),
        (file("solution", "DI_SOLUTION", 51), "SolutionFailed", "ticket"),
        (packages("package", &["9004"]), "FAILED", "ticket"),
        (packages("one-of-two", &["62", "9005"]), "FAILED", "ticket"),
        (packages("not-started", &["61"]), "start_job_status 3", "ticket"),
    ];
    for (job, _, _) in &jobs {
        env.submit(kind(job), job).await;
    }
    for (job, code, class) in &jobs {
        let outcome = env.outcome(job["id"].as_str().unwrap()).await;
        let data = &outcome["data"];
        assert_eq!(data["state"], "failed", "{outcome:#}");
        let error = &data["error"];
        assert_eq!((&error["code"], &error["class"]), (&json!(code), &json!(class)), "{outcome:#}");
        assert_ne!(error["advice"], "");
        assert_eq!(data["attempts"], 1);
    }
    assert_eq!(env.simulator.effects().len(), jobs.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_are_signed_with_the_credentials_of_the_named_account() {
    let mut env = TestEnv::new(LONG_TIMEOUTS).await;
    let secret = |text: &str| Secret::from(text);
    let simulated = ticketd::simulator::SimulatorSettings::default();
    let add = |env: &mut TestEnv, like: &str, name: &str, credentials| {
        let account = env.settings.accounts.iter().find(|account| account.name == like).unwrap();
        let account = Account { name: name.into(), credentials, ..account.clone() };
        env.settings.accounts.push(account);
    };
    let temporary = |key: &ticketd::simulator::AccessKeyPair| Credentials::Key {
        id: secret(&key.id),
        secret: secret(&key.secret),
        security_token: key.security_token.as_deref().map(secret),
    };
    add(&mut env, "ali", "ali-sts", temporary(&simulated.alibaba[1]));
    add(&mut env, "hw", "hw-sts", temporary(&simulated.huawei[1]));
    let user = Credentials::Iam {
        user: simulated.user.name.clone(),
        domain: simulated.user.domain.clone(),
        password: secret(&simulated.user.password),
        endpoint: env.simulator.url(),
    };
    add(&mut env, "hw", "hw-user", user);
    let _worker = env.start();

    let jobs = [
        (change("a", "key of ali"), "ali", &simulated.alibaba[0].id),
        (change("b", "sts of ali"), "ali-sts", &simulated.alibaba[1].id),
        (file("c", "DI_REALTIME", 1), "ali-sts", &simulated.alibaba[1].id),
        (packages("d", &["1"]), "hw", &simulated.huawei[0].id),
        (packages("e", &["2"]), "hw-sts", &simulated.huawei[1].id),
        (packages("f", &["3"]), "hw-user", &simulated.user.name),
        (packages("g", &["4"]), "hw-user", &simulated.user.name),
    ];
    for (job, account, _) in &jobs {
        env.submit(kind(job), &with(job.clone(), "account", json!(account))).await;
    }
    for (job, account, key) in &jobs {
        let outcome = env.outcome(job["id"].as_str().unwrap()).await;
        succeeded(&outcome);
        assert_eq!(outcome["data"]["account"], *account);
        let calls = env.simulator.effects();
        let made = calls.iter().filter(|effect| effect.key == **key).count();
        assert_eq!(made, jobs.iter().filter(|(_, _, other)| other == key).count());
    }
    assert_eq!(env.simulator.requests()["iam.CreateToken"].received, 1);
    let published = env.events().iter().map(Value::to_string).collect::<String>();
    for secret in [&simulated.alibaba[1].secret, &simulated.user.password] {
        assert!(!published.contains(secret.as_str()));
    }
}

fn succeeded(outcome: &Value) {
    assert_eq!(outcome["data"]["state"], "succeeded", "{outcome:#}");
    assert_eq!(outcome["data"]["attempts"], 1, "{outcome:#}");
    assert!(outcome["data"]["result"]["adopted"].is_null(), "{outcome:#}");
}

fn order_ids(outcome: &Value) -> Vec<i64> {
    serde_json::from_value(outcome["data"]["result"]["order_ids"].clone()).unwrap()
}

/// The one effect that matches.
fn only_effect(env: &TestEnv, fits: impl Fn(&Effect) -> bool) -> Effect {
    let mut fitting = env.simulator.effects().into_iter().filter(fits);
    let effect = fitting.next().unwrap();
    assert_eq!(fitting.next(), None);
    effect
}
