#![expect(clippy::unwrap_used, reason = "tests")]

mod lookup;

use serde_json::{Value, json};

use super::DeployReleasePackages;
use crate::cloud::operations::rehearsal::{OperationHarness, Transcript, captured};
use crate::cloud::protocol::{Body, Service};
use crate::job::{Answer, FailureClass};

fn rehearsal(startup_mode: u8) -> OperationHarness {
    let params = json!({"package_ids": ["23", "24"], "startup_mode": startup_mode});
    OperationHarness::of(DeployReleasePackages, params)
}

fn task(status: &str, subtasks: &[&str]) -> Value {
    let subtasks: Vec<Value> = subtasks.iter().map(|status| json!({"status": status})).collect();
    json!({"id": "ff80", "status": status, "startTime": "1", "lastUpdate": 2, "subtasks": subtasks})
}

fn detail(deploy_status: i64) -> Value {
    json!({"release_package": {"package_id": "23", "deploy_status": deploy_status},
        "task_details": [{"item_name": "job_a", "start_job_status": 2}]})
}

fn baseline(replies: &[Value]) -> Option<Value> {
    match rehearsal(1).baseline(replies).1 {
        Ok(Answer::Baseline(baseline)) => Some(baseline),
        other => panic!("no baseline: {other:?}"),
    }
}

/// Polls one package with a system task of two subtasks.
fn poll(replies: &[Value]) -> Transcript {
    let mut rehearsal = rehearsal(1);
    rehearsal.execution.result = json!({"packages": []});
    let handle = json!({"packages": [{"package_id": "23", "asy_task_id": "ff80", "subtasks": 2}]});
    rehearsal.poll(&handle, replies)
}

fn seen(heard: Transcript) -> String {
    match heard.1 {
        Ok(Answer::Running(running)) => running.seen,
        other => panic!("not running: {other:?}"),
    }
}

fn failure(heard: Transcript) -> Option<(String, String)> {
    match heard.1 {
        Ok(Answer::Ended(ended)) => ended.failure,
        other => panic!("not ended: {other:?}"),
    }
}

#[test]
fn the_request_is_the_one_the_official_client_sends() {
    let rehearsal = rehearsal(0);
    assert_eq!(rehearsal.problems(), [""; 0]);
    let (requests, _) = rehearsal.call(json!({"fails": "DLF.0810"}));
    let capture = captured("huawei_sdk_wire_capture.json", "DeployFactoryPackages");
    assert!(capture["url"].as_str().unwrap().ends_with(&requests[0].path));
    assert_eq!(requests[0].service, Service::Factory);
    let body: Value = serde_json::from_str(capture["body"].as_str().unwrap()).unwrap();
    assert_eq!(requests[0].body, Body::Json(body));
}

#[test]
fn the_startup_mode_is_always_said_and_the_publish_type_where_configured() {
    let mut rehearsal = OperationHarness::of(DeployReleasePackages, json!({"package_ids": ["23"]}));
    assert_eq!(rehearsal.problems(), [""; 0]);
    rehearsal.account.publish_type = Some("asy".into());
    let (requests, _) = rehearsal.call(json!({"fails": "x"}));
    let expected = json!({"package_ids": ["23"], "startup_mode": 1, "publish_type": "asy"});
    assert_eq!(requests[0].body, Body::Json(expected));

    let params = json!({"package_ids": ["23"], "startup_mode": 0, "publish_type": "syn"});
    rehearsal = OperationHarness::of(DeployReleasePackages, params.clone());
    rehearsal.account.publish_type = Some("asy".into());
    assert_eq!(rehearsal.problems(), [""; 0]);
    let (requests, _) = rehearsal.call(json!({"fails": "x"}));
    assert_eq!(requests[0].body, Body::Json(params), "the job's own word counts");
}

#[test]
fn a_reply_may_leave_packages_out() {
    let reply = json!({"deploy_package_details": [
        {"package_id": 24, "asy_task_id": "ff80", "asy_subtask_num": 2}]});
    let (_, answer) = rehearsal(1).call(reply);
    let Ok(Answer::Accepted(accepted)) = answer else { panic!("not accepted: {answer:?}") };
    assert_eq!(
        accepted.result["packages"],
        json!([{"package_id": "23"},
            {"package_id": "24", "asy_task_id": "ff80", "subtasks": 2}])
    );
    let (_, answer) = rehearsal(1).call(json!({"deploy_package_details": []}));
    assert!(answer.is_err_and(|failure| failure.meaning == FailureClass::Ambiguous));
}

#[test]
fn a_deploy_runs_until_all_subtasks_and_the_package_have_ended() {
    let heard = poll(&[task("RUNNING", &["SUCCESSFUL", "RUNNING"]), detail(5)]);
    let urls = captured("huawei_sdk_wire_capture.json", "ListSystemTasks");
    assert!(urls["url"].as_str().unwrap().ends_with(&heard.0[0].path));
    assert_eq!(heard.0[0].service, Service::Tasks);
    assert_eq!(seen(heard), "RUNNING 1/2");
    let half = task("SUCCESSFUL", &["SUCCESSFUL", "RUNNING"]);
    assert_eq!(seen(poll(&[half, json!({"fails": "DLF.6888"})])), "SUCCESSFUL 1/2");

    let heard = poll(&[task("SUCCESSFUL", &["SUCCESSFUL", "SUCCESSFUL"]), detail(5)]);
    let urls = captured("huawei_sdk_wire_capture.json", "ShowFactoryPackageDetail");
    assert!(urls["url"].as_str().unwrap().ends_with(&heard.0[1].path));
    assert_eq!(heard.0[1].service, Service::Factory);
    assert_eq!(seen(heard), "deploying");
    let mut renamed = task("SUCCESSFUL", &[]);
    renamed["subTasks"] = json!([{"status": "SUCCESSFUL"}, {"status": "RUNNING"}]);
    assert_eq!(seen(poll(&[renamed, detail(1)])), "SUCCESSFUL 1/2");
    let done = task("SUCCESSFUL", &["SUCCESSFUL", "SUCCESSFUL"]);
    assert_eq!(failure(poll(&[done.clone(), detail(2)])), None);
    assert_eq!(failure(poll(&[done, json!({"fails": "DLF.6888"})])), None);
}

#[test]
fn a_deploy_fails_by_its_task_its_package_or_a_job_that_did_not_start() {
    let code = |heard| failure(heard).map(|(code, _)| code);
    let done = task("SUCCESSFUL", &[]);
    assert_eq!(code(poll(&[task("FAILED", &[])])).as_deref(), Some("FAILED"));
    let partly = task("SUCCESSFUL", &["SUCCESSFUL", "FAILED"]);
    assert_eq!(code(poll(&[partly])).as_deref(), Some("FAILED"));
    assert_eq!(code(poll(&[done.clone(), detail(3)])).as_deref(), Some("deploy_status 3"));
    assert_eq!(code(poll(&[task("WARNING", &[]), detail(3)])).as_deref(), Some("WARNING"));
    assert_eq!(failure(poll(&[task("WARNING", &[]), detail(2)])), None);

    let mut unstarted = detail(2);
    unstarted["task_details"][0]["start_job_status"] = json!(3);
    let told = failure(poll(&[done, unstarted.clone()])).unwrap();
    assert_eq!(told.0, "start_job_status 3");
    assert!(told.1.contains("job_a"));
    let handle = json!({"packages": [{"package_id": "23"}]});
    assert_eq!(failure(rehearsal(0).poll(&handle, &[unstarted])), None, "not asked to start");
}

#[test]
fn a_task_that_cannot_be_read_does_not_end_it_while_the_package_can_tell() {
    let missing = json!({"fails": "DLF.0810"});
    assert_eq!(failure(poll(&[missing.clone(), detail(2)])), None);
    assert_eq!(seen(poll(&[missing.clone(), detail(5)])), "deploying");
    assert_eq!(seen(poll(&[json!({"stutters": "APIGW.0308"}), detail(5)])), "deploying");
    let (_, answer) = poll(&[missing, json!({"fails": "x"})]);
    let retried = |f: &crate::job::Failure| matches!(f.meaning, FailureClass::Retryable { .. });
    assert!(answer.is_err_and(|f| f.code == "DLF.0810" && retried(&f)));
}

#[test]
fn while_one_witness_may_yet_speak_nothing_is_final() {
    let (no, later) = (json!({"fails": "DLF.6888"}), json!({"stutters": "APIGW.0308"}));
    for (replies, expected) in [
        ([no.clone(), later.clone()], "APIGW.0308"),
        ([later.clone(), no.clone()], "APIGW.0308"),
        ([json!({}), no.clone()], "UnreadableReply"),
        ([no.clone(), json!({})], "UnreadableReply"),
    ] {
        let (_, answer) = poll(&replies);
        let passing = |f: &crate::job::Failure| f.meaning != FailureClass::Permanent;
        assert!(answer.is_err_and(|f| f.code == expected && passing(&f)));
    }
    let (_, answer) = poll(&[no.clone(), no]);
    assert!(answer.is_err_and(|f| f.meaning == FailureClass::Permanent));
}

#[test]
fn a_warning_about_a_package_that_is_deployed_is_kept_with_the_success() {
    let mut warned = task("WARNING", &[]);
    warned["message"] = json!("one table was skipped");
    let mut rehearsal = rehearsal(1);
    let handle = json!({"packages": [{"package_id": "23", "asy_task_id": "ff80"},
        {"package_id": "24"}]});
    let Ok(Answer::Running(first)) = rehearsal.poll(&handle, &[warned, detail(2), detail(5)]).1
    else {
        panic!("not running")
    };
    rehearsal.execution.result = first.result;
    let Ok(Answer::Ended(ended)) = rehearsal.poll(&handle, &[detail(2)]).1 else {
        panic!("not ended")
    };
    assert_eq!(ended.failure, None);
    assert_eq!(ended.result["packages"][0]["warning"], json!("one table was skipped"));
    assert_eq!(ended.result["packages"][1].get("warning"), None);
}

#[test]
fn a_task_without_an_end_does_not_hide_the_package_s() {
    for status in ["RUNNING", "HIBERNATING"] {
        let failed = failure(poll(&[task(status, &[]), detail(3)])).unwrap();
        assert_eq!(failed.0, "deploy_status 3", "{status}");
    }
    let Ok(Answer::Running(withdrawn)) = poll(&[task("RUNNING", &[]), detail(4)]).1 else {
        panic!("not running")
    };
    assert!(withdrawn.waits_for_person);
    let mut rehearsal = rehearsal(1);
    let handle = json!({"packages": [{"package_id": "23"}]});
    let Ok(Answer::Running(alone)) = rehearsal.poll(&handle, &[detail(4)]).1 else {
        panic!("not running")
    };
    assert!(alone.waits_for_person);

    // It failed before this deploy, and its detail has not caught up yet.
    rehearsal.execution.baseline = baseline(&[detail(3), detail(1)]);
    let handle = json!({"packages": [{"package_id": "23", "asy_task_id": "ff80"}]});
    let heard = rehearsal.poll(&handle, &[task("RUNNING", &[]), detail(3)]);
    assert_eq!(seen(heard), "RUNNING");
}

#[test]
fn a_poll_asks_about_so_many_packages_and_no_more() {
    let ids: Vec<String> = (1..=100).map(|id| id.to_string()).collect();
    let packages: Value =
        ids.iter().map(|id| json!({"package_id": id, "asy_task_id": id})).collect();
    let rehearsal = OperationHarness::of(DeployReleasePackages, json!({"package_ids": ids}));
    let replies = vec![[task("RUNNING", &[]), detail(5)]; 25].concat();
    let heard = rehearsal.poll(&json!({"packages": packages}), &replies);
    assert_eq!(seen(heard), "25 RUNNING; 75 not asked yet");
}

#[test]
fn several_packages_end_together_and_the_ended_are_not_asked_again() {
    let mut rehearsal = rehearsal(1);
    let handle = json!({"packages": [{"package_id": "23"}, {"package_id": "24"}]});
    let Ok(Answer::Running(first)) = rehearsal.poll(&handle, &[detail(3), detail(5)]).1 else {
        panic!("not running")
    };
    assert_eq!(first.seen, "1 deploying; 1 failed");
    rehearsal.execution.result = first.result;
    let told = failure(rehearsal.poll(&handle, &[detail(2)])).unwrap();
    assert_eq!(told.0, "deploy_status 3");
}

#[test]
fn everything_wrong_is_told_at_once() {
    let problems = |params: Value| OperationHarness::of(DeployReleasePackages, params).problems();
    assert_eq!(
        problems(json!({"package_ids": ["23", 24, "../x", "23"], "startupMode": 1,
            "startup_mode": -1})),
        [
            "$.params.package_ids[1] must be a package id, a string of digits like `23`, not 24",
            "$.params.package_ids[2] must be a package id, a string of digits like `23`, not \
             `../x`",
            "$.params.package_ids[3] is `23` again; each may occur once",
            "$.params.startupMode is not a field of this request; did you mean `startup_mode`?",
            "$.params.startup_mode must be one of 0, 1, not -1",
        ]
    );
    assert_eq!(
        problems(json!({"package_ids": []})),
        ["$.params.package_ids must have at least 1 item"]
    );
    let many: Vec<String> = (1..=101).map(|id| id.to_string()).collect();
    assert_eq!(
        problems(json!({"package_ids": many})),
        ["$.params.package_ids has 101 items; at most 100 are allowed"]
    );
}
