//! Providers that are unavailable for a while: jobs wait and spend no attempt.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use serde_json::json;
use ticketd::cloud::account::Account;
use ticketd::cloud::service::Service;
use ticketd::simulator::{Simulator, SimulatorSettings};
use url::Url;

use crate::harness::TestEnv;
use crate::harness::samples::{accepted, change, file, kind, with};

/// Jobs at the unavailable service, and the failures that open its circuit.
const JOBS: usize = 20;
const FAILURE_THRESHOLD: u64 = 5;

/// An address without a listener, which may get one later.
fn closed() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

fn at(account: &Account, name: &str, service: Service, address: SocketAddr) -> Account {
    let url = Url::parse(&format!("http://{address}")).unwrap();
    let mut account = Account { name: name.into(), ..account.clone() };
    account.endpoints.insert(service, url);
    account
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_survive_an_outage_longer_than_all_their_attempts() {
    let mut env = TestEnv::new("[retry]\nmax_attempts = 3\n").await;
    let ali = env.settings.accounts.iter().find(|account| account.name == "ali").unwrap();
    let away = closed();
    let accounts = [at(ali, "away", Service::Dms, away), at(ali, "lonely", Service::Dms, closed())];
    env.settings.accounts.extend(accounts);
    let _worker = env.start();
    let of = |account: &str, job| with(accepted(job), "account", json!(account));
    let jobs: Vec<_> =
        (0..JOBS).map(|n| of("away", change(&format!("job-{n}"), &format!("word-{n}")))).collect();
    for job in &jobs {
        env.submit(kind(job), job).await;
    }
    // One job alone does not open the circuit. It fails, which shows how long three attempts take.
    env.submit(kind(&jobs[0]), &of("lonely", change("alone", "c"))).await;
    assert_eq!(env.outcome("alone").await["data"]["state"], "failed");
    // The account's other service is called meanwhile.
    let other = of("away", file("other", "DI_SOLUTION", 5_001));
    env.submit(kind(&other), &other).await;
    assert_eq!(env.outcome("other").await["data"]["state"], "succeeded");

    let back = Simulator::start(SimulatorSettings::default(), away).await.unwrap();
    let mut spent = 0;
    for job in &jobs {
        let outcome = env.outcome(job["id"].as_str().unwrap()).await;
        assert_eq!(outcome["data"]["state"], "succeeded", "{outcome:#}");
        spent += outcome["data"]["attempts"].as_u64().unwrap() - 1;
    }
    assert!(spent < FAILURE_THRESHOLD, "{spent} attempts were spent on an outage");
    assert_eq!(back.effects().len(), JOBS);
    assert_eq!(back.requests()["dms.CreateOrder"].received, JOBS as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_expires_a_job_that_waits_for_an_unavailable_service() {
    let mut env = TestEnv::new("[retry]\nmax_attempts = 100\n").await;
    let ali = env.settings.accounts.iter().find(|account| account.name == "ali").unwrap();
    let account = at(ali, "away", Service::Dms, closed());
    env.settings.accounts.push(account);
    let _worker = env.start();
    let deadline = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(4);
    for n in 0..8 {
        let job = with(change(&format!("job-{n}"), "c"), "account", json!("away"));
        let job = with(job, "deadline", json!(deadline));
        env.submit(kind(&job), &job).await;
    }
    for n in 0..8 {
        let outcome = env.outcome(&format!("job-{n}")).await;
        assert_eq!(outcome["data"]["state"], "expired", "{outcome:#}");
    }
    assert!(jiff::Timestamp::now() >= deadline);
}
