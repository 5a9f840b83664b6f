//! Every operation against the simulator.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::client::start_simulator;
use crate::app::install_tls_provider;
use crate::clock::Clock;
use crate::cloud::Providers;
use crate::cloud::http::{HttpSettings, Https};
use crate::cloud::operations::{catalogue, operations};
use crate::job::machine::Input;
use crate::job::state::Doubt;
use crate::job::{
    Answer, Ended, ExecutionState, Failure, FailureClass, Job, RequestKind, Trace, Until,
};
use crate::simulator::{Fault, FaultPlan, FaultRule, RunningSimulator};

const TIMEOUT: Duration = Duration::from_secs(20);

fn providers(simulator: &RunningSimulator, huawei_by_password: bool) -> Providers {
    let huawei = match huawei_by_password {
        true => simulator.huawei_user("huawei"),
        false => simulator.huawei("huawei", false).unwrap(),
    };
    let accounts = vec![simulator.alibaba("alibaba", true).unwrap(), huawei];
    install_tls_provider();
    let settings = HttpSettings { connect_timeout: TIMEOUT, timeout: TIMEOUT };
    Providers::new(
        accounts,
        operations(),
        Arc::new(Https::new(settings).unwrap()),
        Clock::default(),
    )
}

fn job(id: &str, operation: &str, params: Value) -> Job {
    let catalogue = catalogue();
    let known = catalogue.get(operation).unwrap();
    let problems = known.check_params(&params);
    assert!(problems.is_empty(), "{problems:?}");
    Job {
        id: id.parse().unwrap(),
        operation: operation.to_owned(),
        kind: known.kind,
        account: known.provider.to_string(),
        params,
        until: Until::Finished,
        not_before: None,
        deadline: None,
        metadata: None,
        correlation_id: None,
        reply_to: None,
        trace: Trace::default(),
        received_at: Timestamp::now(),
    }
}

fn execution(kind: RequestKind) -> ExecutionState {
    serde_json::from_value(json!({"request": kind, "call": 1, "failures": 0, "absences": 0,
        "result": {}, "unchanged": 0, "provider_reply": {}, "times": {}}))
    .unwrap()
}

/// Sends a request, and once more if its failure may be retried at once.
async fn request(
    providers: &Providers,
    job: &Job,
    execution: &ExecutionState,
) -> Result<Answer, Failure> {
    let at_once = FailureClass::Retryable { retry_after: Some(Duration::ZERO) };
    for _ in 0..2 {
        match providers.ask(job, execution).await {
            Input::Answered(answered) => return Ok(answered.answer),
            Input::Failed(failure) if failure.class == at_once => {}
            Input::Failed(failure) => return Err(failure),
            other => panic!("{other:?}"),
        }
    }
    panic!("the second request failed too")
}

/// Runs a job to its end: baseline if the operation has one, call, polls. With `lost`, the reply to
/// the call is lost and a probe finds its effect.
async fn run(providers: &Providers, job: &Job, lost: bool) -> Ended {
    let mut state = execution(RequestKind::Call);
    if providers.capabilities(job).baseline {
        let Answer::Baseline(seen) =
            request(providers, job, &execution(RequestKind::Baseline)).await.unwrap()
        else {
            panic!("the operation has no baseline")
        };
        state.baseline = Some(seen);
    }
    let called = request(providers, job, &state).await;
    let accepted = if lost {
        assert_eq!(called.unwrap_err().class, FailureClass::Ambiguous);
        state.doubt = Some(Doubt { called_at: Timestamp::now(), cause: "lost".into() });
        state.request = RequestKind::Probe;
        let probing = async {
            loop {
                match request(providers, job, &state).await.unwrap() {
                    Answer::Found(accepted) => return accepted,
                    // Its effect is not listed yet.
                    Answer::Undecided(_) => {}
                    other => panic!("{other:?}"),
                }
            }
        };
        tokio::time::timeout(TIMEOUT, probing).await.unwrap()
    } else {
        match called.unwrap() {
            Answer::Accepted(accepted) => accepted,
            other => panic!("{other:?}"),
        }
    };
    state.request = RequestKind::Poll(accepted.handle);
    state.result = accepted.result;
    let polling = async {
        loop {
            match request(providers, job, &state).await.unwrap() {
                Answer::Ended(ended) => return ended,
                Answer::Running(running) => state.result = running.result,
                other => panic!("{other:?}"),
            }
        }
    };
    tokio::time::timeout(TIMEOUT, polling).await.unwrap()
}

fn create(plugin_type: &str, comment: &str, param: Value) -> Value {
    json!({"Comment": comment, "PluginType": plugin_type, "PluginParam": param,
        "RelatedUserList": "1,2"})
}

fn change(comment: &str) -> Value {
    let databases = json!([{"dbId": 17, "logic": false}]);
    create("DC_CHUNK", comment, json!({"execSQL": "delete from t", "dbItemList": databases}))
}

fn jobs(prefix: &str) -> Vec<Job> {
    let databases = json!([{"dbId": 17, "logic": false}]);
    let clear = json!({"filterSQL": "", "columnName": "c", "remainDays": 3, "tableName": "t"});
    let common = json!({"classify": "x", "estimateAffectRows": 1, "execSQL": "update t",
        "sqlType": "TEXT", "dbItemList": databases});
    let cron = json!({"classify": "x", "cronFormat": "0 1 21 * * ?", "dbItemList": databases,
        "cronClearItemList": [clear]});
    let design = json!({"title": "t", "description": "d", "dbId": 17, "logic": false,
        "relatedIds": [1]});
    let export = json!({"classify": "x", "dbId": 17, "logic": false, "exeSQL": "select 1",
        "ignoreAffectRows": false, "affectRows": 1});
    let list = json!([{"DbId": 17, "Logic": false}]);
    let named = |name: &str, operation, params| job(&format!("{prefix}-{name}"), operation, params);
    vec![
        named("common", "dms.CreateOrder", create("DC_COMMON", "c", common)),
        named("chunk", "dms.CreateOrder", change("c")),
        named("cron", "dms.CreateOrder", create("DC_CRON_CLEAR", "c", cron)),
        named("nddl", "dms.CreateOrder", create("NDDL", "c", design)),
        named("export", "dms.CreateOrder", create("DATA_EXPORT", "c", export)),
        named("perm", "dms.CreateOrder", create("PERM_APPLY", "c", json!({"any": 1}))),
        named("owner", "dms.CreateOrder", create("OWNER_APPLY", "c", json!({"any": 1}))),
        named(
            "lock",
            "dms.CreateFreeLockCorrectOrder",
            json!({"Comment": "c",
            "Param": {"ExecSQL": "x", "SqlType": "TEXT", "DbItemList": list}}),
        ),
        named(
            "publish",
            "dms.CreatePublishGroupTask",
            json!({"OrderId": 70002, "DbId": 17,
            "Logic": false, "PublishStrategy": "IMMEDIATELY"}),
        ),
        named(
            "package",
            "dataarts.DeployReleasePackages",
            json!({"package_ids": ["23", "24"], "startup_mode": 1}),
        ),
    ]
}

#[tokio::test]
async fn every_operation_succeeds() {
    let simulator = start_simulator(5).await;
    let providers = providers(&simulator, true);
    let mut jobs = jobs("plain");
    let sync = json!({"ProjectId": 10000, "TaskType": "DI_REALTIME", "FileId": 100});
    jobs.push(job("sync", "dataworks.DeployDISyncTask", sync));
    for job in &jobs {
        let ended = run(&providers, job, false).await;
        assert_eq!(ended.failure, None, "{}", job.id);
    }
    assert_eq!(simulator.effects().len(), jobs.len());
}

#[tokio::test]
async fn a_probe_finds_the_lost_call_of_every_operation_with_probes() {
    let simulator = start_simulator(50).await;
    let providers = providers(&simulator, false);
    let calls = [
        "CreateOrder",
        "CreateFreeLockCorrectOrder",
        "CreatePublishGroupTask",
        "DeployReleasePackages",
    ];
    let faults = calls.map(|action| FaultRule::always(action, Fault::CutAfter)).to_vec();
    simulator.set_faults(FaultPlan { seed: 0, faults }).unwrap();
    let jobs = jobs("lost");
    for job in &jobs {
        let ended = run(&providers, job, true).await;
        assert_eq!(ended.failure, None, "{}", job.id);
    }
    assert_eq!(simulator.effects().len(), jobs.len());
}

#[tokio::test]
async fn a_probe_does_not_take_an_earlier_deployment_for_the_lost_one() {
    let simulator = start_simulator(0).await;
    let providers = providers(&simulator, false);
    let deploy = |id| {
        let params = json!({"package_ids": ["23"], "startup_mode": 1});
        job(id, "dataarts.DeployReleasePackages", params)
    };
    assert_eq!(run(&providers, &deploy("earlier"), false).await.failure, None);

    let faults = vec![FaultRule::always("DeployReleasePackages", Fault::CutBefore)];
    simulator.set_faults(FaultPlan { seed: 0, faults }).unwrap();
    let job = deploy("lost");
    let Answer::Baseline(seen) =
        request(&providers, &job, &execution(RequestKind::Baseline)).await.unwrap()
    else {
        panic!("the operation has no baseline")
    };
    let mut state = ExecutionState { baseline: Some(seen), ..execution(RequestKind::Call) };
    assert_eq!(request(&providers, &job, &state).await.unwrap_err().class, FailureClass::Ambiguous);
    state.doubt = Some(Doubt { called_at: Timestamp::now(), cause: "lost".into() });
    state.request = RequestKind::Probe;
    let answer = request(&providers, &job, &state).await.unwrap();
    assert!(matches!(answer, Answer::Undecided(_)), "{answer:?}");
    assert_eq!(simulator.effects().len(), 1);
}

#[tokio::test]
async fn a_failure_at_the_provider_ends_the_job_as_failed() {
    let simulator = start_simulator(5).await;
    let providers = providers(&simulator, false);
    let failing = [
        job("reject", "dms.CreateOrder", change("sim:reject")),
        job("close", "dms.CreateOrder", change("sim:close")),
        job("fail", "dms.CreateOrder", change("sim:fail")),
        job(
            "publish",
            "dms.CreatePublishGroupTask",
            json!({"OrderId": 70002, "DbId": 9001,
            "Logic": false, "PublishStrategy": "IMMEDIATELY"}),
        ),
        job(
            "package",
            "dataarts.DeployReleasePackages",
            json!({"package_ids": ["9001"], "startup_mode": 1}),
        ),
    ];
    for job in &failing {
        assert!(run(&providers, job, false).await.failure.is_some(), "{}", job.id);
    }
}

#[tokio::test]
async fn a_clock_skew_is_learned_from_the_refusal() {
    let simulator = start_simulator(5).await;
    simulator.set_clock_offset(3 * 3_600_000);
    let providers = providers(&simulator, false);
    for job in &jobs("skewed") {
        assert_eq!(run(&providers, job, false).await.failure, None, "{}", job.id);
    }
}
