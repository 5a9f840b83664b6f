#![expect(clippy::unwrap_used, reason = "tests")]

mod lost_call;

use serde_json::{Value, json};

use super::DeployReleasePackages;
use crate::cloud::operations::PollResult;
use crate::cloud::operations::tests::harness::{OperationHarness, Transcript, captured, huawei};
use crate::cloud::request::Body;
use crate::cloud::service::Service;
use crate::job::FailureClass;

fn harness(startup_mode: u8) -> OperationHarness {
    let params = json!({"package_ids": ["23", "24"], "startup_mode": startup_mode});
    OperationHarness::new(DeployReleasePackages, params)
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
    Some(harness(1).baseline(replies).1.unwrap())
}

/// Polls one package with a system task of two subtasks.
fn poll(replies: &[Value]) -> Transcript<PollResult> {
    let mut harness = harness(1);
    harness.execution.result = json!({"packages": []});
    let handle = json!({"packages": [{"package_id": "23", "asy_task_id": "ff80", "subtasks": 2}]});
    harness.poll(&handle, replies)
}

fn running(poll: PollResult) -> String {
    match poll {
        PollResult::Running { provider_status, .. } => provider_status,
        other => panic!("not running: {other:?}"),
    }
}

fn seen(poll: Transcript<PollResult>) -> String {
    running(poll.1.unwrap())
}

fn waits_for_person(poll: Transcript<PollResult>) -> bool {
    matches!(poll.1, Ok(PollResult::Running { waits_for_person: true, .. }))
}

fn failure(poll: Transcript<PollResult>) -> Option<(String, String)> {
    match poll.1.unwrap() {
        PollResult::Succeeded { .. } => None,
        PollResult::Failed { code, message, .. } => Some((code, message)),
        running @ PollResult::Running { .. } => panic!("not ended: {running:?}"),
    }
}

#[test]
fn the_request_equals_the_official_client_s() {
    let harness = harness(0);
    assert_eq!(harness.problems(), [""; 0]);
    let (requests, _) = harness.call(json!({"fails": "DLF.0810"}));
    let capture = captured("huawei_sdk_wire_capture.json", "DeployFactoryPackages");
    assert!(capture["url"].as_str().unwrap().ends_with(&requests[0].path));
    assert_eq!(requests[0].service, Service::Factory);
    let body: Value = serde_json::from_str(capture["body"].as_str().unwrap()).unwrap();
    assert_eq!(requests[0].body, Body::Json(body));
}

#[test]
fn the_startup_mode_is_always_sent_and_the_publish_type_if_configured() {
    let mut harness = OperationHarness::new(DeployReleasePackages, json!({"package_ids": ["23"]}));
    assert_eq!(harness.problems(), [""; 0]);
    harness.account.provider = huawei(Some("asy"));
    let (requests, _) = harness.call(json!({"fails": "x"}));
    let expected = json!({"package_ids": ["23"], "startup_mode": 1, "publish_type": "asy"});
    assert_eq!(requests[0].body, Body::Json(expected));

    let params = json!({"package_ids": ["23"], "startup_mode": 0, "publish_type": "syn"});
    harness = OperationHarness::new(DeployReleasePackages, params.clone());
    harness.account.provider = huawei(Some("asy"));
    assert_eq!(harness.problems(), [""; 0]);
    let (requests, _) = harness.call(json!({"fails": "x"}));
    assert_eq!(requests[0].body, Body::Json(params), "the job's own value counts");
}

#[test]
fn a_package_missing_from_the_reply_has_no_system_task() {
    let reply = json!({"deploy_package_details": [
        {"package_id": 24, "asy_task_id": "ff80", "asy_subtask_num": 2}]});
    let (_, answer) = harness(1).call(reply);
    let accepted = answer.unwrap();
    assert_eq!(
        accepted.result["packages"],
        json!([{"package_id": "23"},
            {"package_id": "24", "asy_task_id": "ff80", "subtasks": 2}])
    );
    let (_, answer) = harness(1).call(json!({"deploy_package_details": []}));
    assert!(answer.is_err_and(|failure| failure.class == FailureClass::Ambiguous));
}

#[test]
fn a_deploy_runs_until_every_subtask_and_the_package_have_ended() {
    let transcript = poll(&[task("RUNNING", &["SUCCESSFUL", "RUNNING"]), detail(5)]);
    let urls = captured("huawei_sdk_wire_capture.json", "ListSystemTasks");
    assert!(urls["url"].as_str().unwrap().ends_with(&transcript.0[0].path));
    assert_eq!(transcript.0[0].service, Service::Tasks);
    assert_eq!(seen(transcript), "RUNNING 1/2");
    let half = task("SUCCESSFUL", &["SUCCESSFUL", "RUNNING"]);
    assert_eq!(seen(poll(&[half, json!({"fails": "DLF.6888"})])), "SUCCESSFUL 1/2");

    let transcript = poll(&[task("SUCCESSFUL", &["SUCCESSFUL", "SUCCESSFUL"]), detail(5)]);
    let urls = captured("huawei_sdk_wire_capture.json", "ShowFactoryPackageDetail");
    assert!(urls["url"].as_str().unwrap().ends_with(&transcript.0[1].path));
    assert_eq!(transcript.0[1].service, Service::Factory);
    assert_eq!(seen(transcript), "deploying");
    let mut renamed = task("SUCCESSFUL", &[]);
    renamed["subTasks"] = json!([{"status": "SUCCESSFUL"}, {"status": "RUNNING"}]);
    assert_eq!(seen(poll(&[renamed, detail(1)])), "SUCCESSFUL 1/2");
    let done = task("SUCCESSFUL", &["SUCCESSFUL", "SUCCESSFUL"]);
    assert_eq!(failure(poll(&[done.clone(), detail(2)])), None);
    assert_eq!(failure(poll(&[done, json!({"fails": "DLF.6888"})])), None);
}

#[test]
fn a_deploy_fails_by_its_task_its_package_or_an_unstarted_job() {
    let code = |transcript| failure(transcript).map(|(code, _)| code);
    let done = task("SUCCESSFUL", &[]);
    assert_eq!(code(poll(&[task("FAILED", &[])])).as_deref(), Some("FAILED"));
    let partly = task("SUCCESSFUL", &["SUCCESSFUL", "FAILED"]);
    assert_eq!(code(poll(&[partly])).as_deref(), Some("FAILED"));
    assert_eq!(code(poll(&[done.clone(), detail(3)])).as_deref(), Some("deploy_status 3"));
    assert_eq!(code(poll(&[task("WARNING", &[]), detail(3)])).as_deref(), Some("WARNING"));
    assert_eq!(failure(poll(&[task("WARNING", &[]), detail(2)])), None);

    let mut unstarted = detail(2);
    unstarted["task_details"][0]["start_job_status"] = json!(3);
    let (code, message) = failure(poll(&[done, unstarted.clone()])).unwrap();
    assert_eq!(code, "start_job_status 3");
    assert!(message.starts_with("package 23: ") && message.contains("job_a"), "{message}");
    let handle = json!({"packages": [{"package_id": "23"}]});
    assert_eq!(failure(harness(0).poll(&handle, &[unstarted])), None, "not asked to start");
}

#[test]
fn the_package_decides_while_its_task_cannot_be_read() {
    let missing = json!({"fails": "DLF.0810"});
    assert_eq!(failure(poll(&[missing.clone(), detail(2)])), None);
    assert_eq!(seen(poll(&[missing.clone(), detail(5)])), "deploying");
    assert_eq!(seen(poll(&[json!({"fails_for_now": "APIGW.0308"}), detail(5)])), "deploying");
    let (_, answer) = poll(&[missing, json!({"fails": "x"})]);
    let is_retryable = |f: &crate::job::Failure| matches!(f.class, FailureClass::Retryable { .. });
    assert!(answer.is_err_and(|f| f.code == "DLF.0810" && is_retryable(&f)));
}

#[test]
fn two_failed_reads_are_permanent_only_if_both_are() {
    let (no, later) = (json!({"fails": "DLF.6888"}), json!({"fails_for_now": "APIGW.0308"}));
    for (replies, expected) in [
        ([no.clone(), later.clone()], "APIGW.0308"),
        ([later.clone(), no.clone()], "APIGW.0308"),
        ([json!({}), no.clone()], "UnreadableReply"),
        ([no.clone(), json!({})], "UnreadableReply"),
    ] {
        let (_, answer) = poll(&replies);
        let may_pass = |f: &crate::job::Failure| f.class != FailureClass::Permanent;
        assert!(answer.is_err_and(|f| f.code == expected && may_pass(&f)));
    }
    let (_, answer) = poll(&[no.clone(), no]);
    assert!(answer.is_err_and(|f| f.class == FailureClass::Permanent));
}

#[test]
fn a_warning_about_a_deployed_package_is_kept_in_the_result() {
    let mut warned = task("WARNING", &[]);
    warned["message"] = json!("one table was skipped");
    let mut harness = harness(1);
    let handle = json!({"packages": [{"package_id": "23", "asy_task_id": "ff80"},
        {"package_id": "24"}]});
    running(harness.poll_and_save(&handle, &[warned, detail(2), detail(5)]));
    let last = harness.poll_and_save(&handle, &[detail(2)]);
    assert!(matches!(last, PollResult::Succeeded { .. }), "{last:?}");
    let packages = &harness.execution.result["packages"];
    assert_eq!(packages[0]["warning"], json!("one table was skipped"));
    assert_eq!(packages[1].get("warning"), None);
}

#[test]
fn the_package_decides_while_its_task_does_not_end() {
    for status in ["RUNNING", "HIBERNATING"] {
        let failed = failure(poll(&[task(status, &[]), detail(3)])).unwrap();
        assert_eq!(failed.0, "deploy_status 3", "{status}");
    }
    assert!(waits_for_person(poll(&[task("RUNNING", &[]), detail(4)])));
    let mut harness = harness(1);
    let handle = json!({"packages": [{"package_id": "23"}]});
    assert!(waits_for_person(harness.poll(&handle, &[detail(4)])));

    // The package failed before this deploy, and its detail still shows that.
    harness.execution.baseline = baseline(&[detail(3), detail(1)]);
    let handle = json!({"packages": [{"package_id": "23", "asy_task_id": "ff80"}]});
    let transcript = harness.poll(&handle, &[task("RUNNING", &[]), detail(3)]);
    assert_eq!(seen(transcript), "RUNNING");
}

#[test]
fn one_poll_asks_about_25_packages_at_most() {
    let ids: Vec<String> = (1..=100).map(|id| id.to_string()).collect();
    let packages: Value =
        ids.iter().map(|id| json!({"package_id": id, "asy_task_id": id})).collect();
    let harness = OperationHarness::new(DeployReleasePackages, json!({"package_ids": ids}));
    let replies = vec![[task("RUNNING", &[]), detail(5)]; 25].concat();
    let transcript = harness.poll(&json!({"packages": packages}), &replies);
    assert_eq!(seen(transcript), "25 RUNNING; 75 not asked yet");
}

#[test]
fn a_job_ends_after_its_last_package_and_ended_ones_are_not_polled() {
    let mut harness = harness(1);
    let handle = json!({"packages": [{"package_id": "23"}, {"package_id": "24"}]});
    let first = harness.poll_and_save(&handle, &[detail(3), detail(5)]);
    assert_eq!(running(first), "1 deploying; 1 failed");
    let (code, message) = failure(harness.poll(&handle, &[detail(2)])).unwrap();
    assert_eq!(code, "deploy_status 3");
    assert_eq!(message, "package 23: the package could not be deployed");
}

#[test]
fn all_problems_of_the_params_are_reported_at_once() {
    let problems = |params: Value| OperationHarness::new(DeployReleasePackages, params).problems();
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
