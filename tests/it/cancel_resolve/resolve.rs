//! Resolving unknown jobs: every operation, every resolution.

use serde_json::{Value, json};
use ticketd::app;
use ticketd::cloud::account::{Account, ProviderSettings};
use ticketd::job::{JobId, State, Status};
use ticketd::simulator::{Fault, FaultPlan, FaultRule};
use ticketd::worker::{ResolveError, ResolveRequest, Resolver};

use crate::harness::samples::{change, file, free_lock, kind, packages, publish, with};
use crate::harness::{TestEnv, TestWorker, until};

/// One job of each operation. The account has no marker, so lost tickets cannot be looked up; a
/// DataWorks deploy never can.
fn jobs() -> [Value; 5] {
    let of = |account: &str, job| with(job, "account", json!(account));
    [
        of("unmarked", change("order", "c")),
        of("unmarked", free_lock("lock", "c")),
        of("ali", publish("publish", 70_201, 17)),
        of("ali", file("file", "DI_SOLUTION", 5_201)),
        of("hw", packages("package", &["8201"])),
    ]
}

/// Loses the first call of each job and refuses the probes. Baselines are the first reads of their kind.
fn faults(lost: &Fault) -> Vec<FaultRule> {
    let calls = [
        "CreateOrder",
        "CreateFreeLockCorrectOrder",
        "CreatePublishGroupTask",
        "DeployDISyncTask",
        "DeployReleasePackages",
    ];
    let refused = Fault::Refuse { status: 403, code: "Refused".into(), message: "not you".into() };
    let look =
        |action| FaultRule { nth: Some(vec![2]), ..FaultRule::always(action, refused.clone()) };
    let mut rules = calls.map(|call| FaultRule::always(call, lost.clone()).first(1)).to_vec();
    rules.extend(["ListDDLPublishRecords", "GetReleasePackage"].map(look));
    rules
}

/// Unknown jobs, a worker, and the resolver.
struct Play {
    env: TestEnv,
    resolver: Resolver,
    _worker: TestWorker,
}

impl Play {
    async fn after(lost: Fault) -> Self {
        let mut env = TestEnv::new("").await;
        let ali = env.settings.accounts.iter().find(|account| account.name == "ali").unwrap();
        let provider = ProviderSettings::Alibaba { marker: false, redeploy_in_doubt: false };
        let unmarked = Account { name: "unmarked".into(), provider, ..ali.clone() };
        env.settings.accounts.push(unmarked);
        env.simulator.set_faults(FaultPlan { seed: 0, faults: faults(&lost) }).unwrap();
        let worker = env.worker();
        let (ledger, publisher) = (worker.ledger.clone(), env.broker().publisher());
        let resolver = app::resolver(env.settings.clone(), ledger.clone(), publisher).unwrap();
        let _worker = TestWorker::of(worker);
        for job in jobs() {
            env.submit(kind(&job), &job).await;
        }
        for job in jobs() {
            let outcome = env.outcome(name(&job)).await;
            assert_eq!(outcome["data"]["state"], "unknown", "{outcome:#}");
            assert_eq!(outcome["id"], format!("{}/outcome", name(&job)));
            let done = async || ledger.find(&id(&job)).await.unwrap().unwrap().state;
            until(async || matches!(done().await, State::Done { .. })).await;
        }
        Self { env, resolver, _worker }
    }

    async fn resolve(&self, job: &Value, request: ResolveRequest) -> Result<Status, ResolveError> {
        Ok(self.resolver.resolve(&id(job), request).await?.status())
    }

    /// The second outcome, which has its own event id.
    async fn outcome(&mut self, job: &Value) -> Value {
        let event = format!("{}/outcome.2", name(job));
        self.env.event(|published| published["id"] == event.as_str()).await
    }

    /// The handle a person types for the job's effect at the provider.
    fn typed_handle(&self, job: &Value) -> String {
        let effects = self.env.simulator.effects();
        let effect = effects.iter().find(|effect| job["operation"] == effect.operation.as_str());
        match (name(job), effect.unwrap()) {
            ("order" | "lock", effect) => effect.order_ids[0].to_string(),
            ("file", effect) => effect.file_id.unwrap().to_string(),
            ("package", effect) => effect.package_ids[0].clone(),
            (_, _) => String::new(),
        }
    }
}

fn name(job: &Value) -> &str {
    job["id"].as_str().unwrap()
}

fn id(job: &Value) -> JobId {
    name(job).parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adopted_call_is_polled_to_its_end() {
    let mut play = Play::after(Fault::CutAfter).await;
    for job in jobs() {
        let found = ResolveRequest::Adopt(play.typed_handle(&job));
        assert_eq!(play.resolve(&job, found).await.unwrap(), Status::Polling);
        let outcome = play.outcome(&job).await;
        let data = &outcome["data"];
        assert_eq!(data["state"], "succeeded", "{outcome:#}");
        assert_eq!((&data["attempts"], &data["result"]["adopted"]), (&json!(1), &json!(true)));
    }
    assert_eq!(play.env.simulator.effects().len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_absent_call_is_called_again() {
    let mut play = Play::after(Fault::CutBefore).await;
    assert_eq!(play.env.simulator.effects(), []);
    for job in jobs() {
        assert_eq!(play.resolve(&job, ResolveRequest::Absent).await.unwrap(), Status::Retrying);
        let outcome = play.outcome(&job).await;
        let data = &outcome["data"];
        assert_eq!((&data["state"], &data["attempts"]), (&json!("succeeded"), &json!(2)));
        assert!(data["result"]["adopted"].is_null(), "{outcome:#}");
    }
    assert_eq!(play.env.simulator.effects().len(), 5);
    let events = play.env.events();
    let mut ids: Vec<&str> = events.iter().map(|event| event["id"].as_str().unwrap()).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), events.len(), "every event has its own id");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_resolved_as_failed_makes_no_more_requests() {
    let mut play = Play::after(Fault::CutAfter).await;
    let asked = play.env.simulator.requests();
    for job in jobs() {
        let note = ResolveRequest::Fail("replaced by chg-9".into());
        assert_eq!(play.resolve(&job, note).await.unwrap(), Status::Reporting);
        let outcome = play.outcome(&job).await;
        let (data, error) = (&outcome["data"], &outcome["data"]["error"]);
        assert_eq!((&data["state"], &error["class"]), (&json!("failed"), &json!("resolved")));
        assert_eq!(error["message"], "replaced by chg-9");
    }
    assert_eq!(play.env.simulator.requests(), asked);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_resolution_changes_nothing() {
    let mut play = Play::after(Fault::CutAfter).await;
    let [order, ..] = jobs();
    let wrong = play.resolve(&order, ResolveRequest::Adopt("many".into())).await.unwrap_err();
    assert_eq!(wrong.to_string(), "expected the ticket's number, such as 406, not \"many\"");
    let nobody = with(order.clone(), "id", json!("nobody"));
    let wrong = play.resolve(&nobody, ResolveRequest::Absent).await.unwrap_err();
    assert_eq!(wrong.to_string(), "job nobody is not known");
    // The invalid resolutions above have changed nothing.
    let note = || ResolveRequest::Fail("closed".into());
    play.resolve(&order, note()).await.unwrap();
    play.outcome(&order).await;
    let again = async || play.resolve(&order, note()).await.unwrap_err().to_string();
    until(async || again().await.contains("job order is failed; only a job whose outcome")).await;
}
