//! Workers that share a SQLite file, and the leases that separate their jobs.

use std::time::Duration;

use jiff::Timestamp;
use ticketd::job::{JobId, Kind, State};
use ticketd::simulator::{Fault, FaultPlan, FaultRule};
use ticketd::worker::Drained;

use crate::harness::TestEnv;
use crate::harness::samples::packages;
use crate::jobs::tickets::{assert_one_each, id, ticket};
use crate::replicas::process::Process;

const JOBS: usize = 200;

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_on_one_file_share_the_jobs() {
    let mut env = TestEnv::new("").await;
    let talkative = || {
        let mut command = env.process();
        command.env("RUST_LOG", "info,ticketd::cloud=debug");
        Process::start(command)
    };
    let mut workers = [talkative(), talkative()];
    for worker in &mut workers {
        worker.says("ready for jobs").await;
    }
    for number in 0..JOBS {
        env.submit(Kind::Create, &ticket(number, "")).await;
    }
    for number in 0..JOBS {
        let outcome = env.outcome(&id(number)).await;
        assert_eq!(outcome["data"]["state"], "succeeded", "{outcome:#}");
        assert_eq!(outcome["data"]["attempts"], 1, "{outcome:#}");
    }
    assert_one_each(&env.simulator, JOBS);
    let mut calls = Vec::new();
    for worker in workers {
        worker.signal("TERM").await;
        let (status, said) = worker.end().await;
        assert_eq!(status.code(), Some(0), "{said:#?}");
        let call = |line: &&String| line.contains("action=\"CreateOrder\"");
        calls.push(said.iter().filter(call).count());
    }
    assert_eq!(calls.iter().sum::<usize>(), JOBS);
    assert!(calls.iter().all(|calls| *calls > JOBS / 10), "one worker did nearly all: {calls:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_is_renewed_during_a_long_request() {
    let mut env = TestEnv::new("[ledger]\nlease = \"2500ms\"").await;
    let slow = FaultRule::always("*", Fault::Slow { delay: Duration::from_millis(800) });
    env.simulator.set_faults(FaultPlan { seed: 0, faults: vec![slow] }).unwrap();
    let worker = env.start();
    let ids: Vec<String> = (8801..8809).map(|id| id.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    env.submit(Kind::Deploy, &packages("long", &ids)).await;

    let (ledger, id) = (env.worker().ledger, "long".parse::<JobId>().unwrap());
    let mut longest = Duration::ZERO;
    loop {
        let record = ledger.find(&id).await.unwrap();
        let now = Timestamp::now();
        match record.map(|record| (record.state, record.held_until)) {
            Some((State::Done { .. }, _)) => break,
            Some((State::Asking { since, .. }, held)) => {
                longest = longest.max(now.duration_since(since).unsigned_abs());
                assert!(held > Some(now), "the claim expired during a request of {longest:?}");
            }
            _ => {}
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(longest > env.settings.ledger.lease, "the longest request took only {longest:?}");
    assert_eq!(env.outcome("long").await["data"]["state"], "succeeded");
    assert_eq!(worker.stop().await, Drained::Clean);
}
