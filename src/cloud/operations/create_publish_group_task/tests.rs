#![expect(clippy::unwrap_used, reason = "tests")]

use serde_json::{Value, json};

use super::CreatePublishGroupTask;
use crate::cloud::operations::tests::harness::{OperationHarness, Transcript, captured, query};
use crate::cloud::operations::{PollResult, ProbeResult};
use crate::job::{Failure, FailureClass};

fn harness() -> OperationHarness {
    let params = json!({"OrderId": 142435, "DbId": 12345, "Logic": false,
        "PublishStrategy": "REGULARLY", "PlanTime": "2026-10-10 00:00:00", "Tid": -1});
    OperationHarness::new(CreatePublishGroupTask, params)
}

/// A record with this job's target and an approval of its own.
fn record(approval: i64, publish: &str) -> Value {
    json!({"PublishStatus": publish, "StatusDesc": "a description", "AuditStatus": "EXEMPT_PASS",
        "Finality": false, "WorkflowInstanceId": approval,
        "PublishTaskInfoList": [{"DbId": 12345, "Logic": false, "PublishStrategy": "REGULARLY",
            "PlanTime": "2026-10-10 00:00:00.0", "TaskJobStatus": "NONE",
            "PublishJobList": [{"DBTaskGroupId": approval + 1000, "TaskJobStatus": "NONE"}]}]})
}

fn list(records: &[Value]) -> Value {
    json!({"Success": true, "DDLPublishRecordList": records})
}

/// Polls after a baseline that saw one old record.
fn poll(new: Value) -> Transcript<PollResult> {
    let old = record(1, "SUCCESS");
    let mut harness = harness();
    harness.execution.baseline = baseline(std::slice::from_ref(&old));
    harness.execution.result = json!({"task_id": 5});
    harness.poll(&json!({"task_id": 5}), &[list(&[old, new])])
}

fn not_listed(failure: &Failure) -> bool {
    failure.code == "NotListed" && matches!(failure.class, FailureClass::Retryable { .. })
}

/// A record that does not show its tasks yet.
fn without_tasks(approval: i64) -> Value {
    let mut record = record(approval, "START");
    record["PublishTaskInfoList"] = json!([]);
    record
}

fn baseline(records: &[Value]) -> Option<Value> {
    Some(harness().baseline(&[list(records)]).1.unwrap())
}

#[test]
fn the_request_equals_the_official_client_s_but_for_a_boolean_s_case() {
    assert_eq!(harness().problems(), [""; 0]);
    let (requests, answer) = harness().call(json!({"TaskId": "5", "Success": true}));
    let mut capture = captured("aliyun_sdk_wire_capture.json", "CreatePublishGroupTask");
    capture["query"]["Logic"] = json!("false");
    assert_eq!(query(&requests[0]), capture["query"]);
    assert!(answer.is_ok_and(|accepted| accepted.result == json!({"task_id": 5})));
    let (_, answer) = harness().call(json!({"Success": true}));
    assert!(answer.is_err_and(|failure| failure.class == FailureClass::Ambiguous));
}

#[test]
fn a_new_record_with_the_same_target_is_this_job_s() {
    let old = record(1, "SUCCESS");
    let mut harness = harness();
    harness.execution.baseline = baseline(std::slice::from_ref(&old));
    let mut other_database = record(2, "START");
    other_database["PublishTaskInfoList"][0]["DbId"] = json!(999);
    let mut later = record(3, "START");
    later["PublishTaskInfoList"][0]["PlanTime"] = json!("2026-10-11 00:00:00");

    let probe = |records: &[Value]| harness.probe(&[list(records)]).1;
    assert!(matches!(probe(&[old.clone(), other_database, later]), Ok(ProbeResult::Absent)));
    let found = probe(&[record(4, "START"), old.clone()]);
    assert!(
        matches!(found, Ok(ProbeResult::Found(found)) if found.result == json!({"adopted": true}))
    );
    let several = probe(&[old, record(4, "START"), record(5, "START")]);
    assert!(matches!(several, Ok(ProbeResult::Undecided(_))));
    assert!(matches!(harness.probe(&[json!({"Success": true})]).1, Ok(ProbeResult::Absent)));
    assert!(harness.probe(&[json!({})]).1.is_err());
    harness.execution.baseline = None;
    assert!(matches!(harness.probe(&[]).1, Ok(ProbeResult::Undecided(_))));
}

#[test]
fn a_publish_is_absent_only_if_every_new_record_has_another_target() {
    let old = record(1, "SUCCESS");
    let mut harness = harness();
    harness.execution.baseline = baseline(std::slice::from_ref(&old));
    let probe = |records: &[Value]| harness.probe(&[list(records)]).1;
    assert!(matches!(probe(std::slice::from_ref(&old)), Ok(ProbeResult::Absent)));

    let mut unlisted = without_tasks(2);
    unlisted["PublishTaskInfoList"] = Value::Null;
    let mut without_database = record(2, "START");
    without_database["PublishTaskInfoList"][0]["DbId"] = Value::Null;
    let mut odd_time = record(2, "START");
    odd_time["PublishTaskInfoList"][0]["PlanTime"] = json!("10 Oct 2026");
    for new in
        [without_tasks(2), without_tasks(0), without_tasks(1), unlisted, without_database, odd_time]
    {
        let answer = probe(&[old.clone(), new.clone()]);
        assert!(matches!(answer, Ok(ProbeResult::Undecided(_))), "{new}: {answer:?}");
    }
    let both = probe(&[old, without_tasks(2), record(3, "START")]);
    assert!(
        matches!(both, Ok(ProbeResult::Undecided(_))),
        "the record without tasks may be this job's too"
    );
}

#[test]
fn a_record_is_new_by_its_name_even_if_an_old_one_vanished() {
    let mut harness = harness();
    harness.execution.baseline = baseline(&[record(1, "SUCCESS")]);
    let (_, answer) = harness.probe(&[list(&[record(2, "START")])]);
    assert!(matches!(answer, Ok(ProbeResult::Found(_))), "{answer:?}");
    let (_, answer) = harness.poll(&json!({"task_id": 5}), &[list(&[record(2, "SUCCESS")])]);
    assert!(matches!(answer, Ok(PollResult::Succeeded { .. })));

    harness.execution.baseline = baseline(&[without_tasks(0)]);
    let (_, answer) = harness.probe(&[list(&[record(2, "START")])]);
    assert!(
        matches!(answer, Ok(ProbeResult::Undecided(_))),
        "the record without a name may have one now"
    );
}

#[test]
fn a_record_without_a_target_is_followed_but_its_end_is_ambiguous() {
    assert!(
        matches!(poll(without_tasks(2)).1, Ok(PollResult::Running { provider_status, .. }) if provider_status == "START")
    );
    let mut withdrawn = without_tasks(2);
    withdrawn["Finality"] = json!(true);
    let answer = poll(withdrawn).1;
    assert!(answer.is_err_and(|f| f.code == "CannotTell" && f.class == FailureClass::Ambiguous));
}

#[test]
fn a_failure_has_the_message_of_the_innermost_part_that_has_one() {
    let message = |new: &Value| match poll(new.clone()).1 {
        Ok(PollResult::Failed { message, .. }) => message,
        other => panic!("not failed: {other:?}"),
    };
    let mut new = record(2, "DISPATCH");
    new["PublishTaskInfoList"][0]["TaskJobStatus"] = json!("FAIL");
    new["PublishTaskInfoList"][0]["StatusDesc"] = json!("NONE");
    assert_eq!(message(&new), "a description");
    let job = &mut new["PublishTaskInfoList"][0]["PublishJobList"][0];
    job["TaskJobStatus"] = json!("FAIL");
    job["StatusDesc"] = json!("table t exists");
    assert_eq!(message(&new), "table t exists");
}

#[test]
fn a_publish_runs_waits_or_succeeds_by_its_publish_status() {
    for (status, waits) in
        [("START", false), ("ANALYZE", false), ("audit", true), ("DISPATCH", false)]
    {
        let answer = poll(record(2, status)).1;
        assert!(
            matches!(answer, Ok(PollResult::Running { waits_for_person, .. }) if waits_for_person == waits),
            "{status}: {answer:?}"
        );
    }
    let answer = poll(record(2, "Success")).1;
    let expected = PollResult::Succeeded { result: json!({"publish_status": "SUCCESS"}) };
    assert_eq!(answer, Ok(expected));
}

#[test]
fn a_failed_publish_has_the_code_of_the_part_that_failed() {
    let failed = |pointer: &str, value: Value| {
        let mut new = record(2, "DISPATCH");
        if let Some(place) = new.pointer_mut(pointer) {
            *place = value;
        }
        match poll(new).1 {
            Ok(PollResult::Failed { code, .. }) => code,
            other => panic!("not failed: {other:?}"),
        }
    };
    assert_eq!(failed("/AuditStatus", json!("CANCEL")), "AUDIT_CANCEL");
    assert_eq!(failed("/AuditStatus", json!("fail")), "AUDIT_FAIL");
    assert_eq!(failed("/Finality", json!(true)), "FINALITY");
    assert_eq!(failed("/PublishTaskInfoList/0/TaskJobStatus", json!("FAIL")), "FAIL");
    let job = "/PublishTaskInfoList/0/PublishJobList/0/TaskJobStatus";
    assert_eq!(failed(job, json!("FAIL")), "FAIL");
}

#[test]
fn a_publish_that_is_not_listed_yet_is_a_retryable_failure() {
    let old = record(1, "SUCCESS");
    let mut harness = harness();
    harness.execution.baseline = baseline(std::slice::from_ref(&old));
    let (_, answer) = harness.poll(&json!({"task_id": 5}), &[list(&[old])]);
    assert!(answer.is_err_and(|failure| not_listed(&failure)));
}

#[test]
fn a_publish_with_an_old_approval_is_new_by_its_task_group() {
    let mut new = record(1, "SUCCESS");
    let no_new_group = poll(new.clone()).1;
    assert!(no_new_group.is_err_and(|failure| not_listed(&failure)));
    new["PublishTaskInfoList"][0]["PublishJobList"][0]["DBTaskGroupId"] = json!(2);
    assert!(matches!(poll(new).1, Ok(PollResult::Succeeded { .. })));
}

#[test]
fn unnamed_records_that_ended_differently_stay_undecided() {
    let unnamed = |publish: &str, audit: &str| {
        let mut record = record(0, publish);
        record["PublishTaskInfoList"][0]["PublishJobList"] = json!([]);
        record["AuditStatus"] = json!(audit);
        record
    };
    let old = unnamed("SUCCESS", "EXEMPT_PASS");
    let mut harness = harness();
    harness.execution.baseline = baseline(std::slice::from_ref(&old));
    let handle = json!({"task_id": 5});
    let (_, answer) = harness.poll(&handle, &[list(&[old, unnamed("AUDIT", "FAIL")])]);
    assert!(answer.is_err_and(|failure| failure.code == "CannotTell"));
}

#[test]
fn all_problems_of_the_params_are_reported_at_once() {
    let problems = |params: Value| OperationHarness::new(CreatePublishGroupTask, params).problems();
    assert_eq!(
        problems(json!({"OrderID": 1, "DbId": 1e30, "Logic": "false",
            "PublishStrategy": "REGULARLY"})),
        [
            "$.params.DbId must be at most 9223372036854775807, not 1e+30",
            "$.params.Logic must be a boolean, not the string `false`",
            "$.params.OrderID is not a field of this request; did you mean `OrderId`?",
            "$.params.OrderId is missing",
            "$.params.PlanTime is missing: PublishStrategy is REGULARLY",
        ]
    );
    let planned = |time: &str| {
        problems(json!({"OrderId": 1, "DbId": 1, "Logic": false, "PublishStrategy": "IMEDIATELY",
            "PlanTime": time}))
    };
    let strategy = "$.params.PublishStrategy must be one of IMMEDIATELY, REGULARLY, not \
                    `IMEDIATELY`; did you mean `IMMEDIATELY`?";
    assert_eq!(
        planned("2026-10-10T00:00:00Z"),
        [
            "$.params.PlanTime must be a time like `2026-10-10 00:00:00`, not `2026-10-10T00:00:00Z`",
            strategy
        ]
    );
    assert_eq!(
        planned("2026-02-30 00:00:00"),
        [
            "$.params.PlanTime must be an existing date and time, not `2026-02-30 00:00:00`",
            strategy
        ]
    );
}
