//! Two workers on one ledger.

use ticketd::job::Kind;

use super::process::Process;
use super::tickets::{assert_one_each, id, ticket};
use crate::harness::Stage;

const JOBS: usize = 200;

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_on_one_file_share_the_jobs() {
    let mut stage = Stage::new("").await;
    let talkative = || {
        let mut command = stage.process();
        command.env("RUST_LOG", "info,ticketd::cloud=debug");
        Process::start(command)
    };
    let mut workers = [talkative(), talkative()];
    for worker in &mut workers {
        worker.says("ready for jobs").await;
    }
    for number in 0..JOBS {
        stage.submit(Kind::Create, &ticket(number, "")).await;
    }
    for number in 0..JOBS {
        let outcome = stage.outcome(&id(number)).await;
        assert_eq!(outcome["data"]["state"], "succeeded", "{outcome:#}");
        assert_eq!(outcome["data"]["attempts"], 1, "{outcome:#}");
    }
    assert_one_each(&stage.simulator, JOBS);
    let mut calls = Vec::new();
    for worker in workers {
        worker.signal("TERM").await;
        let (status, said) = worker.end().await;
        assert_eq!(status.code(), Some(0), "{said:#?}");
        calls.push(said.iter().filter(|line| line.contains("CreateOrder")).count());
    }
    assert_eq!(calls.iter().sum::<usize>(), JOBS);
    assert!(calls.iter().all(|calls| *calls > JOBS / 10), "one did nearly all: {calls:?}");
}
