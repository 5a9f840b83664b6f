//! Every operation's conversations, held with the simulator.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::visitor::simulator;
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
use crate::simulator::{Fault, FaultPlan, Rule, Running};

const LIMIT: Duration = Duration::from_secs(20);

fn providers(running: &Running, huawei_by_password: bool) -> Providers {
    let huawei = match huawei_by_password {
        true => running.huawei_user("huawei"),
        false => running.huawei("huawei", false).unwrap(),
    };
    let accounts = vec![running.alibaba("alibaba", true).unwrap(), huawei];
    install_tls_provider();
    let waits = HttpSettings { connect_timeout: LIMIT, timeout: LIMIT };
    Providers::new(accounts, operations(), Arc::new(Https::new(waits).unwrap()), Clock::default())
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

fn execution(ask: RequestKind) -> ExecutionState {
    serde_json::from_value(json!({"request": ask, "call": 1, "failures": 0, "absences": 0,
        "result": {}, "unchanged": 0, "provider_reply": {}, "times": {}}))
    .unwrap()
}

/// Asks; and again where the refusal says that this helps at once.
async fn ask(
    providers: &Providers,
    job: &Job,
    execution: &ExecutionState,
) -> Result<Answer, Failure> {
    let at_once = FailureClass::Retryable { retry_after: Some(Duration::ZERO) };
    for _ in 0..2 {
        match providers.ask(job, execution).await {
            Input::Answered(answered) => return Ok(answered.answer),
            Input::Failed(failure) if failure.meaning == at_once => {}
            Input::Failed(failure) => return Err(failure),
            other => panic!("{other:?}"),
        }
    }
    panic!("asking again did not help")
}

/// Makes the call, after its baseline where it has one; with `lost`, its answer is looked up.
async fn run(providers: &Providers, job: &Job, lost: bool) -> Ended {
    let mut now = execution(RequestKind::Call);
    if providers.capabilities(job).baseline {
        let Answer::Baseline(seen) =
            ask(providers, job, &execution(RequestKind::Baseline)).await.unwrap()
        else {
            panic!("no baseline")
        };
        now.baseline = Some(seen);
    }
    let called = ask(providers, job, &now).await;
    let accepted = if lost {
        assert_eq!(called.unwrap_err().meaning, FailureClass::Ambiguous);
        now.doubt = Some(Doubt { called_at: Timestamp::now(), cause: "lost".into() });
        now.request = RequestKind::Probe;
        let looking = async {
            loop {
                match ask(providers, job, &now).await.unwrap() {
                    Answer::Found(accepted) => return accepted,
                    // What it made is too young to be recognised.
                    Answer::Undecided(_) => {}
                    other => panic!("{other:?}"),
                }
            }
        };
        tokio::time::timeout(LIMIT, looking).await.unwrap()
    } else {
        match called.unwrap() {
            Answer::Accepted(accepted) => accepted,
            other => panic!("{other:?}"),
        }
    };
    now.request = RequestKind::Poll(accepted.handle);
    now.result = accepted.result;
    let polling = async {
        loop {
            match ask(providers, job, &now).await.unwrap() {
                Answer::Ended(ended) => return ended,
                Answer::Running(running) => now.result = running.result,
                other => panic!("{other:?}"),
            }
        }
    };
    tokio::time::timeout(LIMIT, polling).await.unwrap()
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
async fn every_operation_runs_to_its_end() {
    let running = simulator(5).await;
    let providers = providers(&running, true);
    let mut jobs = jobs("plain");
    let sync = json!({"ProjectId": 10000, "TaskType": "DI_REALTIME", "FileId": 100});
    jobs.push(job("sync", "dataworks.DeployDISyncTask", sync));
    for job in &jobs {
        let ended = run(&providers, job, false).await;
        assert_eq!(ended.failure, None, "{}", job.id);
    }
    assert_eq!(running.effects().len(), jobs.len());
}

#[tokio::test]
async fn a_lost_call_of_every_operation_that_can_be_probed_is_found() {
    let running = simulator(50).await;
    let providers = providers(&running, false);
    let calls = [
        "CreateOrder",
        "CreateFreeLockCorrectOrder",
        "CreatePublishGroupTask",
        "DeployReleasePackages",
    ];
    let faults = calls.map(|action| Rule::always(action, Fault::CutAfter)).to_vec();
    running.set_faults(FaultPlan { seed: 0, faults }).unwrap();
    let jobs = jobs("lost");
    for job in &jobs {
        let ended = run(&providers, job, true).await;
        assert_eq!(ended.failure, None, "{}", job.id);
    }
    assert_eq!(running.effects().len(), jobs.len());
}

#[tokio::test]
async fn an_earlier_deployment_is_not_taken_for_a_lost_one() {
    let running = simulator(0).await;
    let providers = providers(&running, false);
    let deploy = |id| {
        let params = json!({"package_ids": ["23"], "startup_mode": 1});
        job(id, "dataarts.DeployReleasePackages", params)
    };
    assert_eq!(run(&providers, &deploy("earlier"), false).await.failure, None);

    let faults = vec![Rule::always("DeployReleasePackages", Fault::CutBefore)];
    running.set_faults(FaultPlan { seed: 0, faults }).unwrap();
    let job = deploy("lost");
    let Answer::Baseline(seen) =
        ask(&providers, &job, &execution(RequestKind::Baseline)).await.unwrap()
    else {
        panic!("no baseline")
    };
    let mut now = ExecutionState { baseline: Some(seen), ..execution(RequestKind::Call) };
    assert_eq!(ask(&providers, &job, &now).await.unwrap_err().meaning, FailureClass::Ambiguous);
    now.doubt = Some(Doubt { called_at: Timestamp::now(), cause: "lost".into() });
    now.request = RequestKind::Probe;
    let answer = ask(&providers, &job, &now).await.unwrap();
    assert!(matches!(answer, Answer::Undecided(_)), "{answer:?}");
    assert_eq!(running.effects().len(), 1);
}

#[tokio::test]
async fn a_failure_at_the_provider_is_the_end_of_the_job() {
    let running = simulator(5).await;
    let providers = providers(&running, false);
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
async fn a_clock_that_is_off_is_learned_from_the_refusal() {
    let running = simulator(5).await;
    running.set_clock_offset(3 * 3_600_000);
    let providers = providers(&running, false);
    for job in &jobs("skewed") {
        assert_eq!(run(&providers, job, false).await.failure, None, "{}", job.id);
    }
}
