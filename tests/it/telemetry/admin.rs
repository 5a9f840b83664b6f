//! The admin address of a worker.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;
use serde_json::{Value, json};
use ticketd::job::Kind;
use ticketd::simulator::{Fault, FaultPlan, FaultRule};

use crate::harness::{LIMIT, Proxy, TestEnv, until};
use crate::jobs::tickets::{id, ticket};
use crate::replicas::process::Process;

/// The operator's book, with the table of metrics.
const RUNBOOK: &str = include_str!("../../../deploy/README.md");

/// A worker and its admin address.
struct AdminClient {
    process: Process,
    address: String,
}

impl AdminClient {
    async fn on(env: &TestEnv) -> Self {
        let mut process = Process::start(env.process());
        let line = process.says("ready for jobs").await;
        let address = line.split("admin=").nth(1).unwrap().trim().to_owned();
        Self { process, address }
    }

    /// The status and the body.
    async fn get(&self, path: &str) -> (u16, String) {
        let reply = reqwest::get(format!("http://{}{path}", self.address)).await.unwrap();
        (reply.status().as_u16(), reply.text().await.unwrap())
    }

    /// The readiness as JSON.
    async fn ready(&self) -> (u16, Value) {
        let (status, body) = self.get("/readyz").await;
        (status, serde_json::from_str(&body).unwrap())
    }

    /// Every sample, by its name and labels.
    async fn samples(&self) -> BTreeMap<String, f64> {
        let (status, body) = self.get("/metrics").await;
        assert_eq!(status, 200, "{body}");
        let lines = body.lines().filter(|line| !line.starts_with('#'));
        let sample = |line: &str| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name.to_owned(), value.parse().unwrap())
        };
        lines.map(sample).collect()
    }
}

/// Installs the TLS provider for the HTTP client of these tests.
fn with_a_client() {
    ticketd::app::install_tls_provider();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metrics_count_the_outcomes_of_jobs() {
    with_a_client();
    let mut env = TestEnv::new("").await;
    let throttle = Fault::Throttle { retry_after: None };
    let refused = FaultRule::always("dms.CreateOrder", throttle).first(1);
    env.simulator.set_faults(FaultPlan { seed: 0, faults: vec![refused] }).unwrap();
    let admin = AdminClient::on(&env).await;
    env.submit(Kind::Create, &ticket(1, "")).await;
    env.submit(Kind::Create, &json!({ "id": "bad" })).await;
    env.outcome("bad").await;
    env.outcome(&id(1)).await;
    let mut parked = ticket(2, "");
    parked["not_before"] = json!("2999-01-01T00:00:00Z");
    env.submit(Kind::Create, &parked).await;

    let of = |rest: &str| format!(r#"operation="dms.CreateOrder",{rest}"#);
    let waiting = format!("ticketd_jobs{{{}}}", of(r#"status="waiting""#));
    until(async || admin.samples().await.get(&waiting) == Some(&1.0)).await;
    let samples = admin.samples().await;
    let ours = |call: &str| format!(r#"account="ali",{}"#, of(call));
    for (name, expected) in [
        (format!("ticketd_job_outcomes_total{{{}}}", of(r#"outcome="succeeded""#)), 1.0),
        (r#"ticketd_job_outcomes_total{operation="unknown",outcome="rejected"}"#.into(), 1.0),
        (format!("ticketd_job_milestones_total{{{}}}", of(r#"milestone="retrying""#)), 1.0),
        (format!("ticketd_job_milestones_total{{{}}}", of(r#"milestone="submitted""#)), 1.0),
        (r#"ticketd_job_attempts_sum{operation="dms.CreateOrder"}"#.into(), 2.0),
        (r#"ticketd_job_duration_seconds_count{operation="dms.CreateOrder"}"#.into(), 1.0),
        (
            format!(
                "ticketd_provider_request_duration_seconds_count{{{}}}",
                ours(r#"request="call",result="retryable""#)
            ),
            1.0,
        ),
        (
            format!(
                "ticketd_provider_request_duration_seconds_count{{{}}}",
                ours(r#"request="call",result="ok""#)
            ),
            1.0,
        ),
        (r#"ticketd_provider_up{account="ali",service="dms"}"#.into(), 1.0),
        (r#"ticketd_dead_letters_total{reason="invalid"}"#.into(), 1.0),
        (r#"ticketd_queue_messages{queue="dead"}"#.into(), 1.0),
        (r#"ticketd_queue_messages{queue="jobs.create"}"#.into(), 0.0),
        (r#"ticketd_broker_connected{connection="consuming"}"#.into(), 1.0),
        (r#"ticketd_backlog_scrape_success{source="ledger"}"#.into(), 1.0),
        ("ticketd_jobs_overdue_seconds".into(), 0.0),
        ("ticketd_jobs_running".into(), 0.0),
    ] {
        assert_eq!(samples.get(&name), Some(&expected), "{name} in {samples:#?}");
    }
    let polls = samples.iter().filter(|(name, _)| {
        name.starts_with("ticketd_provider_request_duration_seconds_count")
            && name.contains(&ours(r#"request="poll",result="ok""#))
    });
    assert!(polls.map(|(_, count)| count).sum::<f64>() >= 1.0, "{samples:#?}");
    assert!(samples["ticketd_ledger_commit_requests_sum"] >= 5.0, "{samples:#?}");
    let confirmed =
        r#"ticketd_publish_duration_seconds_count{exchange="events",result="confirmed"}"#;
    assert!(samples[confirmed] >= 4.0, "{samples:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_of_metrics_is_complete() {
    with_a_client();
    let mut env = TestEnv::new("").await;
    let admin = AdminClient::on(&env).await;
    // A metric with unknown label values appears once it has a value.
    env.submit(Kind::Create, &ticket(1, "")).await;
    env.outcome(&id(1)).await;
    let mut parked = ticket(2, "");
    parked["not_before"] = json!("2999-01-01T00:00:00Z");
    env.submit(Kind::Create, &parked).await;
    until(async || admin.samples().await.keys().any(|name| name.starts_with("ticketd_jobs{")))
        .await;
    let (_, body) = admin.get("/metrics").await;
    let exposed: BTreeSet<(String, String)> = body
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .map(|line| {
            let (name, kind) = line.split_once(' ').unwrap();
            let suffix = match kind {
                "counter" => "_total",
                "info" => "_info",
                _ => "",
            };
            (format!("{name}{suffix}"), kind.to_owned())
        })
        .collect();
    let documented: BTreeSet<(String, String)> = RUNBOOK
        .lines()
        .filter_map(|line| line.strip_prefix("| `ticketd_"))
        .map(|row| {
            let mut cells = row.split('|').map(str::trim);
            let name = cells.next().unwrap().trim_end_matches('`');
            (format!("ticketd_{name}"), cells.next().unwrap().to_owned())
        })
        .collect();
    assert_eq!(exposed, documented);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_is_ready_while_broker_and_ledger_answer() {
    with_a_client();
    let mut env = TestEnv::new("").await;
    let proxy = Proxy::to(&env.url).await;
    env.url = proxy.url.clone();
    let admin = AdminClient::on(&env).await;
    assert_eq!(admin.ready().await, (200, json!({ "status": "ready" })));

    proxy.hang();
    proxy.cut();
    until(async || admin.ready().await.0 == 503).await;
    let (_, said) = admin.ready().await;
    assert_eq!(said["problems"][0], "the broker is unavailable or accepts no messages");
    assert_eq!(admin.get("/healthz").await.0, 200, "an outage is no reason to be restarted");
    let connected = r#"ticketd_broker_connected{connection="publishing"}"#;
    let samples = admin.samples().await;
    assert_eq!(samples[connected], 0.0);
    assert_eq!(samples[r#"ticketd_backlog_scrape_success{source="broker"}"#], 0.0);
    proxy.heal();
    until(async || admin.ready().await.0 == 200).await;
    let samples = admin.samples().await;
    assert_eq!(samples[connected], 1.0);
    assert!(samples[r#"ticketd_broker_reconnects_total{connection="publishing"}"#] >= 1.0);

    let ledger = Connection::open(env.configuration().with_file_name("ledger.db")).unwrap();
    ledger.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (status, said) = admin.ready().await;
    assert_eq!((status, &said["problems"][0]), (503, &json!("the ledger accepts no writes")));
    ledger.execute_batch("ROLLBACK").unwrap();
    until(async || admin.ready().await.0 == 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draining_worker_is_alive_and_not_ready() {
    with_a_client();
    let slow = std::time::Duration::from_secs(3);
    let mut env = TestEnv::new("[http]\ntimeout = \"5s\"\n[probe]\nsettle = \"5s\"").await;
    let rule = FaultRule::always("dms.CreateOrder", Fault::Slow { delay: slow });
    env.simulator.set_faults(FaultPlan { seed: 0, faults: vec![rule] }).unwrap();
    let admin = AdminClient::on(&env).await;
    env.submit(Kind::Create, &ticket(1, "")).await;
    env.state(&id(1), "started").await;
    admin.process.signal("TERM").await;
    until(async || admin.ready().await.0 == 503).await;
    let (_, said) = admin.ready().await;
    assert_eq!(said["problems"][0], "the worker is stopping and starts no more jobs");
    assert_eq!(admin.get("/healthz").await.0, 200);
    let ended = tokio::time::timeout(LIMIT, admin.process.end()).await.unwrap();
    assert_eq!(ended.0.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_in_use_is_one_line() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let env = TestEnv::new("").await;
    let mut command = env.process();
    command.env("TICKETD_ADMIN__ADDRESS", &address);
    let (status, said) = Process::start(command).end().await;
    assert_eq!(status.code(), Some(1));
    let [line] = said.as_slice() else { panic!("not one line: {said:#?}") };
    assert!(line.contains(&address) && line.contains("TICKETD_ADMIN__ADDRESS"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_hold_no_secret() {
    with_a_client();
    let mut env = TestEnv::new("").await;
    let admin = AdminClient::on(&env).await;
    env.submit(Kind::Create, &ticket(1, "")).await;
    env.outcome(&id(1)).await;
    let (_, body) = admin.get("/metrics").await;
    assert!(body.contains("ticketd_build_info"), "{body}");
    for account in &env.settings.accounts {
        let ticketd::cloud::account::Credentials::Key { id, secret, .. } = &account.credentials
        else {
            panic!("{account:?}")
        };
        for secret in [id, secret] {
            assert!(
                !body.contains(secrecy::ExposeSecret::expose_secret(&secret.current())),
                "{body}"
            );
        }
    }
}
