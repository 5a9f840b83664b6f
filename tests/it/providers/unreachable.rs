//! Providers that cannot be reached or refuse our credentials: closed ports, clocks, keys, tokens.

use std::net::{Ipv4Addr, TcpListener};

use serde_json::json;
use ticketd::cloud::account::{Account, Credentials};
use ticketd::secret::Secret;
use ticketd::simulator::{Fault, FaultPlan, FaultRule};
use url::Url;

use crate::harness::TestEnv;
use crate::harness::samples::{change, file, kind, packages, publish, with};

#[tokio::test(flavor = "multi_thread")]
async fn jobs_at_a_provider_that_is_down_fail_after_their_attempts() {
    let mut env = TestEnv::new("[retry]\nmax_attempts = 3\n").await;
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    // One account each, because a few more failures open a circuit.
    let ali = env.settings.accounts.iter().find(|account| account.name == "ali").unwrap();
    let other = Account { name: "other".into(), ..ali.clone() };
    env.settings.accounts.push(other);
    let closed = Url::parse(&format!("http://127.0.0.1:{port}")).unwrap();
    for account in &mut env.settings.accounts {
        account.endpoints.values_mut().for_each(|endpoint| *endpoint = closed.clone());
    }
    let _worker = env.start();
    let jobs = [
        (with(change("order", "c"), "account", json!("ali")), 3),
        (with(file("file", "DI_SOLUTION", 1), "account", json!("ali")), 3),
        // These fail at the baseline.
        (packages("packages", &["1"]), 0),
        (with(publish("publish", 70_001, 17), "account", json!("other")), 0),
    ];
    for (job, _) in &jobs {
        env.submit(kind(job), job).await;
    }
    for (job, attempts) in &jobs {
        let id = job["id"].as_str().unwrap();
        let outcome = env.outcome(id).await;
        let (data, error) = (&outcome["data"], &outcome["data"]["error"]);
        assert_eq!((&data["state"], &data["attempts"]), (&json!("failed"), &json!(attempts)));
        assert_eq!(
            (&error["code"], &error["class"]),
            (&json!("NotConnected"), &json!("retryable"))
        );
        assert!(error["advice"].as_str().unwrap().contains("did not act"), "{outcome:#}");
        if *attempts > 0 {
            assert_eq!(env.states(id), ["started", "retrying", "retrying", "failed"]);
        }
    }
    assert_eq!(env.simulator.effects(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_refusal_corrects_the_clock_skew() {
    let mut env = TestEnv::new("").await;
    env.simulator.set_clock_offset(3_600_000);
    let _worker = env.start();
    for (n, job) in [change("a", "c"), packages("b", &["1"]), change("c", "c")].iter().enumerate() {
        env.submit(kind(job), job).await;
        let outcome = env.outcome(job["id"].as_str().unwrap()).await;
        assert_eq!(outcome["data"]["state"], "succeeded", "{outcome:#}");
        assert_eq!(env.simulator.effects().len(), n + 1);
    }
    let requests = env.simulator.requests();
    assert_eq!(requests["dms.CreateOrder"].refused, 1);
    // The first request of a deploy is its baseline.
    assert_eq!(requests["dataarts.GetReleasePackage"].refused, 1);
    assert_eq!(requests["dataarts.DeployReleasePackages"].refused, 0);
    assert_eq!(requests["dms.GetOrderBaseInfo"].refused, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_key_is_not_used_again_for_the_job() {
    let mut env = TestEnv::new("").await;
    for account in &mut env.settings.accounts {
        if let Credentials::Key { secret, .. } = &mut account.credentials {
            *secret = Secret::from("another-secret");
        }
    }
    let _worker = env.start();
    let (order, deploy) = (change("order", "c"), packages("packages", &["1"]));
    for job in [&order, &deploy] {
        env.submit(kind(job), job).await;
        let outcome = env.outcome(job["id"].as_str().unwrap()).await;
        assert_eq!(outcome["data"]["state"], "failed", "{outcome:#}");
        assert!(!outcome.to_string().contains("another-secret"));
    }
    let requests = env.simulator.requests();
    assert_eq!(requests["dms.CreateOrder"].received, 1);
    // Refused at the baseline. The deploy is not sent, because the key is locked out.
    assert_eq!(requests["dataarts.GetReleasePackage"].received, 1);
    assert!(!requests.contains_key("dataarts.DeployReleasePackages"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_token_that_is_refused_is_fetched_once_more_only() {
    let mut env = TestEnv::new("").await;
    let simulated = ticketd::simulator::SimulatorSettings::default();
    let user = Credentials::Iam {
        user: simulated.user.name.clone(),
        domain: simulated.user.domain.clone(),
        password: Secret::from(simulated.user.password.as_str()),
        endpoint: env.simulator.url(),
    };
    let hw = env.settings.accounts.iter().find(|account| account.name == "hw").unwrap();
    let account = Account { name: "user".into(), credentials: user, ..hw.clone() };
    env.settings.accounts.push(account);
    let expired = Fault::Refuse {
        status: 401,
        code: "APIGW.0301".into(),
        message: "Incorrect IAM authentication information: token expired".into(),
    };
    let faults = vec![FaultRule::always("DeployReleasePackages", expired)];
    env.simulator.set_faults(FaultPlan { seed: 0, faults }).unwrap();
    let _worker = env.start();
    let job = with(packages("packages", &["1"]), "account", json!("user"));
    env.submit(kind(&job), &job).await;
    let outcome = env.outcome("packages").await;
    assert_eq!(outcome["data"]["state"], "failed", "{outcome:#}");
    let requests = env.simulator.requests();
    assert!(requests["iam.CreateToken"].received <= 2, "{requests:?}");
    assert!(requests["dataarts.DeployReleasePackages"].received <= 2, "{requests:?}");
    assert_eq!(env.simulator.effects(), []);
}
