//! `ticketd doctor`, completions and manual pages.

use serde_json::{Value, json};
use tokio::process::Command;

use crate::harness::samples::{accepted, change};
use crate::harness::{TestEnv, until};

/// The doctor's exit code and its checks.
async fn doctor(env: &TestEnv, prepare: impl FnOnce(&mut Command)) -> (i32, Vec<Value>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ticketd"));
    command
        .arg("--config")
        .arg(env.configuration())
        .args(["doctor", "--json"])
        .env("TICKETD_BROKER__URL", &env.url);
    prepare(&mut command);
    let output = command.output().await.unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let printed = String::from_utf8(output.stdout).unwrap();
    for secret in ["sim-alibaba-secret", "sim-huawei-secret", "guest:guest", "h1dden"] {
        assert!(!printed.contains(secret), "{printed}");
    }
    let report: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(report["ok"], output.status.success());
    (output.status.code().unwrap(), report["checks"].as_array().unwrap().clone())
}

#[track_caller]
fn check<'a>(checks: &'a [Value], name: &str) -> (&'a str, &'a str) {
    let found = checks.iter().find(|check| check["name"] == name);
    let found = found.unwrap_or_else(|| panic!("no {name} in {checks:#?}"));
    (found["status"].as_str().unwrap(), found["message"].as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_passes_a_healthy_environment() {
    let mut env = TestEnv::new("").await;
    let worker = env.start();
    env.submit(ticketd::job::Kind::Create, &accepted(change("a", "c"))).await;
    env.outcome("a").await;
    let effects = env.simulator.effects().len();
    let (code, checks) = doctor(&env, |_| {}).await;
    assert_eq!(code, 0, "{checks:#?}");
    for name in ["broker", "broker topology", "ledger", "jobs", "ali dms", "ali dataworks"] {
        assert_eq!(check(&checks, name).0, "ok", "{checks:#?}");
    }
    for name in ["hw factory", "hw tasks", "admin address", "configuration"] {
        assert_eq!(check(&checks, name).0, "ok", "{checks:#?}");
    }
    assert_eq!(env.simulator.effects().len(), effects, "checking changes nothing");
    env.submit(ticketd::job::Kind::Create, &json!({ "id": "bad" })).await;
    until(async || env.broker().dead_and_unrouted().await.unwrap().dead == 1).await;
    let (code, checks) = doctor(&env, |_| {}).await;
    let (status, message) = check(&checks, "dead and unrouted");
    assert_eq!((code, status), (0, "warning"));
    assert!(message.contains("ticketd dead list"), "{message}");
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_reports_what_is_wrong_and_what_to_do() {
    let env = TestEnv::new("").await;
    drop(env.worker());
    let folder = env.configuration().parent().unwrap().to_owned();
    std::fs::write(folder.join("ali-secret"), "h1dden").unwrap();
    std::fs::write(folder.join("ledger.db"), "no database, but long enough to be one: ".repeat(50))
        .unwrap();
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (code, checks) = doctor(&env, |command| {
        command
            .env("TICKETD_BROKER__URL", "amqp://guest:h1dden@127.0.0.1:1/%2f")
            .env("TICKETD_ADMIN__ADDRESS", taken.local_addr().unwrap().to_string())
            .env("TICKETD_ACCOUNTS__HW__ENDPOINTS__TASKS", "http://127.0.0.1:1");
    })
    .await;
    assert_eq!(code, 1);
    for (name, status, words) in [
        ("broker", "error", "start RabbitMQ there, or correct broker.url"),
        ("ledger", "error", "ledger.db"),
        ("admin address", "warning", "is in use"),
        ("ali dms", "error", "SignatureDoesNotMatch"),
        ("ali dataworks", "error", "SignatureDoesNotMatch"),
        ("hw factory", "ok", ""),
        ("hw tasks", "error", "can't connect to 127.0.0.1"),
    ] {
        let (found, message) = check(&checks, name);
        assert_eq!(found, status, "{name}: {message}");
        assert!(message.contains(words), "{name}: {message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_topology_is_reported_by_topology_mode() {
    let env = TestEnv::new("").await;
    let elsewhere = |command: &mut Command| {
        command.env("TICKETD_BROKER__PREFIX", "nobody-made-this");
    };
    let (code, checks) = doctor(&env, elsewhere).await;
    let (status, message) = check(&checks, "broker topology");
    assert_eq!((code, status), (0, "warning"));
    assert!(message.ends_with("objects are missing: a worker declares them"), "{message}");
    let (code, checks) = doctor(&env, |command| {
        elsewhere(command);
        command.env("TICKETD_BROKER__TOPOLOGY", "check");
    })
    .await;
    let (status, message) = check(&checks, "broker topology");
    assert_eq!((code, status), (1, "error"));
    assert!(message.ends_with("is missing: run `ticketd topology apply`"), "{message}");
}

#[tokio::test]
async fn completions_and_manual_pages_have_every_command() {
    let run = async |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_ticketd")).args(arguments).output().await;
        let output = output.unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    for shell in ["bash", "zsh", "fish"] {
        let script = run(&["completions", shell]).await;
        assert!(script.contains("doctor") && script.contains("simulate"), "{script}");
    }
    assert!(run(&["man"]).await.starts_with(".ie"), "roff");
    let script = format!("{} completions zsh | head -n 1", env!("CARGO_BIN_EXE_ticketd"));
    let cut = Command::new("sh").args(["-c", &script]).output().await.unwrap();
    assert_eq!(String::from_utf8_lossy(&cut.stderr), "", "a closed pipe is no error");
    let folder = tempfile::tempdir().unwrap();
    run(&["man", folder.path().to_str().unwrap()]).await;
    for page in ["ticketd.1", "ticketd-worker.1", "ticketd-jobs-resolve.1"] {
        assert!(folder.path().join(page).exists(), "{page}");
    }
}
