//! Replicas that share a PostgreSQL ledger.

use std::time::Duration;

use ticketd::job::Kind;
use ticketd::simulator;
use ticketd::worker::Drained;

use crate::harness::{self, Stop, TestEnv, until};
use crate::jobs::tickets::{assert_one_each, id, made, received, ticket};
use crate::replicas::process::Process;
use crate::replicas::queues::Queues;

const JOBS: usize = 200;

async fn env(url: &str, more: &str) -> TestEnv {
    let pace = Duration::from_millis(100);
    let more = format!("[ledger]\nurl = \"{url}\"\n{more}");
    TestEnv::with(&more, simulator::SimulatorSettings { pace, ..Default::default() }).await
}

/// Asserts that every job succeeds with one call.
async fn all_succeed_with_one_call(env: &mut TestEnv) {
    for number in 0..JOBS {
        let outcome = env.outcome(&id(number)).await;
        assert_eq!(outcome["data"]["state"], "succeeded", "{outcome:#}");
        assert_eq!(outcome["data"]["attempts"], 1, "{outcome:#}");
    }
    assert_one_each(&env.simulator, JOBS);
}

#[tokio::test(flavor = "multi_thread")]
async fn three_replicas_on_one_database_share_the_jobs() {
    let mut env = env(&harness::database().await.fresh(), "").await;
    let talkative = || {
        let mut command = env.process();
        command.env("RUST_LOG", "info,ticketd::cloud=debug");
        Process::start(command)
    };
    let mut workers = [talkative(), talkative(), talkative()];
    for worker in &mut workers {
        worker.says("ready for jobs").await;
    }
    for number in 0..JOBS {
        env.submit(Kind::Create, &ticket(number, "")).await;
    }
    all_succeed_with_one_call(&mut env).await;
    let mut calls = Vec::new();
    for worker in workers {
        worker.signal("TERM").await;
        let (status, said) = worker.end().await;
        assert_eq!(status.code(), Some(0), "{said:#?}");
        let call = |line: &&String| line.contains("action=\"CreateOrder\"");
        calls.push(said.iter().filter(call).count());
    }
    assert_eq!(calls.iter().sum::<usize>(), JOBS);
    assert!(calls.iter().all(|calls| *calls > JOBS / 15), "one worker did nearly all: {calls:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_restart_under_load_loses_and_repeats_no_job() {
    let database = harness::own_database().await;
    let mut env = env(&database.fresh(), "[worker]\nconcurrency = 8").await;
    let replicas = [Process::ready(&env).await, Process::ready(&env).await];
    for number in 0..JOBS {
        env.submit(Kind::Create, &ticket(number, "")).await;
    }
    for (how, share) in [(Stop::Fast, 10), (Stop::Immediate, 4)] {
        until(async || made(&env.simulator).len() > JOBS / share).await;
        database.stop(how).await.unwrap();
        let before = made(&env.simulator).len();
        assert!(before < JOBS, "the outage came too late");
        database.start_again().await.unwrap();
        until(async || made(&env.simulator).len() > before).await;
    }
    all_succeed_with_one_call(&mut env).await;
    for replica in replicas {
        replica.signal("TERM").await;
        let (status, said) = replica.end().await;
        assert_eq!(status.code(), Some(0), "{said:#?}");
        assert!(!said.iter().any(|line| line.contains("panicked")), "{said:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parked_job_deleted_from_the_ledger_makes_no_second_call() {
    const PARKED: &str =
        "lease = \"2100ms\"\n[poll]\ninterval = \"2500ms\"\nmax_interval = \"2500ms\"";
    let database = harness::database().await;
    let url = database.fresh();
    let mut env = env(&url, PARKED).await;
    let queues = Queues::of(&env).await;
    let worker = env.start();
    env.submit(Kind::Create, &ticket(1, "")).await;
    env.state(&id(1), "submitted").await;
    until(async || queues.waiting().await == 1).await;
    let schema = url.rsplit_once('=').unwrap().1;
    let truncate = format!("TRUNCATE {schema}.jobs CASCADE");
    database.shell().await.batch_execute(&truncate).await.unwrap();

    let outcome = env.outcome(&id(1)).await;
    assert_eq!(outcome["data"]["state"], "succeeded", "{outcome:#}");
    assert_eq!(worker.stop().await, Drained::Clean);
    assert_eq!(received(&env.simulator, "dms.CreateOrder"), 1);
    assert_one_each(&env.simulator, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_database_is_one_line() {
    let env = env("postgres://u@127.0.0.1:1/d", "").await;
    let (status, said) = Process::start(env.process()).end().await;
    assert_eq!(status.code(), Some(1), "{said:#?}");
    assert_eq!(said.len(), 1, "{said:#?}");
    assert!(
        said[0].contains("the ledger postgres://u@127.0.0.1:1/d can't be reached"),
        "{said:#?}"
    );
}
