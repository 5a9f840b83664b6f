use serde_json::{Value, json};

use super::CreatePublishGroupTask;
use crate::cloud::operations::rehearsal::{OperationHarness, Transcript, captured, query};
use crate::job::{Answer, Failure, FailureClass};

fn rehearsal() -> OperationHarness {
    let params = json!({"OrderId": 142435, "DbId": 12345, "Logic": false,
        "PublishStrategy": "REGULARLY", "PlanTime": "2026-10-10 00:00:00", "Tid": -1});
    OperationHarness::of(CreatePublishGroupTask, params)
}

/// A record like the job's, with an approval of its own.
fn record(approval: i64, publish: &str) -> Value {
    json!({"PublishStatus": publish, "StatusDesc": "in words", "AuditStatus": "EXEMPT_PASS",
        "Finality": false, "WorkflowInstanceId": approval,
        "PublishTaskInfoList": [{"DbId": 12345, "Logic": false, "PublishStrategy": "REGULARLY",
            "PlanTime": "2026-10-10 00:00:00.0", "TaskJobStatus": "NONE",
            "PublishJobList": [{"DBTaskGroupId": approval + 1000, "TaskJobStatus": "NONE"}]}]})
}

fn list(records: &[Value]) -> Value {
    json!({"Success": true, "DDLPublishRecordList": records})
}

/// Polls after a baseline that saw one old record.
fn poll(new: Value) -> Transcript {
    let old = record(1, "SUCCESS");
    let mut rehearsal = rehearsal();
    rehearsal.execution.baseline = baseline(std::slice::from_ref(&old));
    rehearsal.execution.result = json!({"task_id": 5});
    rehearsal.poll(&json!({"task_id": 5}), &[list(&[old, new])])
}

fn not_listed(failure: &Failure) -> bool {
    failure.code == "NotListed" && matches!(failure.meaning, FailureClass::Retryable { .. })
}

/// A record like the job's that does not show its tasks yet.
fn young(approval: i64) -> Value {
    let mut record = record(approval, "START");
    record["PublishTaskInfoList"] = json!([]);
    record
}

fn baseline(records: &[Value]) -> Option<Value> {
    match rehearsal().baseline(&[list(records)]).1 {
        Ok(Answer::Baseline(baseline)) => Some(baseline),
        other => panic!("no baseline: {other:?}"),
    }
}

#[test]
fn the_request_is_the_one_the_official_client_sends_with_a_lower_case_truth_value() {
    assert_eq!(rehearsal().problems(), [""; 0]);
    let (requests, answer) = rehearsal().call(json!({"TaskId": "5", "Success": true}));
    let mut capture = captured("aliyun_sdk_wire_capture.json", "CreatePublishGroupTask");
    capture["query"]["Logic"] = json!("false");
    assert_eq!(query(&requests[0]), capture["query"]);
    assert!(matches!(answer, Ok(Answer::Accepted(made)) if made.result == json!({"task_id": 5})));
    let (_, answer) = rehearsal().call(json!({"Success": true}));
    assert!(answer.is_err_and(|failure| failure.meaning == FailureClass::Ambiguous));
}

#[test]
fn a_new_record_that_matches_is_ours() {
    let old = record(1, "SUCCESS");
    let mut rehearsal = rehearsal();
    rehearsal.execution.baseline = baseline(std::slice::from_ref(&old));
    let mut elsewhere = record(2, "START");
    elsewhere["PublishTaskInfoList"][0]["DbId"] = json!(999);
    let mut later = record(3, "START");
    later["PublishTaskInfoList"][0]["PlanTime"] = json!("2026-10-11 00:00:00");

    let probe = |records: &[Value]| rehearsal.probe(&[list(records)]).1;
    assert!(matches!(probe(&[old.clone(), elsewhere, later]), Ok(Answer::Absent)));
    let found = probe(&[record(4, "START"), old.clone()]);
    assert!(matches!(found, Ok(Answer::Found(found)) if found.result == json!({"adopted": true})));
    let several = probe(&[old, record(4, "START"), record(5, "START")]);
    assert!(matches!(several, Ok(Answer::Undecided(_))));
    assert!(matches!(rehearsal.probe(&[json!({"Success": true})]).1, Ok(Answer::Absent)));
    assert!(rehearsal.probe(&[json!({})]).1.is_err());
    rehearsal.execution.baseline = None;
    assert!(matches!(rehearsal.probe(&[]).1, Ok(Answer::Undecided(_))));
}

#[test]
fn a_publish_is_absent_only_where_every_new_record_names_another_target() {
    let old = record(1, "SUCCESS");
    let mut rehearsal = rehearsal();
    rehearsal.execution.baseline = baseline(std::slice::from_ref(&old));
    let probe = |records: &[Value]| rehearsal.probe(&[list(records)]).1;
    assert!(matches!(probe(std::slice::from_ref(&old)), Ok(Answer::Absent)));

    let mut unlisted = young(2);
    unlisted["PublishTaskInfoList"] = Value::Null;
    let mut without_database = record(2, "START");
    without_database["PublishTaskInfoList"][0]["DbId"] = Value::Null;
    let mut odd_time = record(2, "START");
    odd_time["PublishTaskInfoList"][0]["PlanTime"] = json!("10 Oct 2026");
    for new in [young(2), young(0), young(1), unlisted, without_database, odd_time] {
        let answer = probe(&[old.clone(), new.clone()]);
        assert!(matches!(answer, Ok(Answer::Undecided(_))), "{new}: {answer:?}");
    }
    let both = probe(&[old, young(2), record(3, "START")]);
    assert!(matches!(both, Ok(Answer::Undecided(_))), "the young one may be ours, too");
}

#[test]
fn a_record_is_new_by_its_name_whatever_the_count() {
    let mut rehearsal = rehearsal();
    rehearsal.execution.baseline = baseline(&[record(1, "SUCCESS")]);
    let (_, answer) = rehearsal.probe(&[list(&[record(2, "START")])]);
    assert!(matches!(answer, Ok(Answer::Found(_))), "{answer:?}");
    let (_, answer) = rehearsal.poll(&json!({"task_id": 5}), &[list(&[record(2, "SUCCESS")])]);
    assert!(matches!(answer, Ok(Answer::Ended(ended)) if ended.failure.is_none()));

    rehearsal.execution.baseline = baseline(&[young(0)]);
    let (_, answer) = rehearsal.probe(&[list(&[record(2, "START")])]);
    assert!(matches!(answer, Ok(Answer::Undecided(_))), "the young one may have got a name");
}

#[test]
fn a_young_record_is_followed_and_its_end_is_not_guessed_at() {
    assert!(matches!(poll(young(2)).1, Ok(Answer::Running(running)) if running.seen == "START"));
    let mut withdrawn = young(2);
    withdrawn["Finality"] = json!(true);
    let answer = poll(withdrawn).1;
    assert!(answer.is_err_and(|f| f.code == "CannotTell" && f.meaning == FailureClass::Ambiguous));
}

#[test]
fn a_failure_is_told_in_the_words_nearest_to_it() {
    let told = |new: &Value| match poll(new.clone()).1 {
        Ok(Answer::Ended(ended)) => ended.failure.map(|(_, message)| message),
        other => panic!("not ended: {other:?}"),
    };
    let mut new = record(2, "DISPATCH");
    new["PublishTaskInfoList"][0]["TaskJobStatus"] = json!("FAIL");
    new["PublishTaskInfoList"][0]["StatusDesc"] = json!("NONE");
    assert_eq!(told(&new).as_deref(), Some("in words"));
    let job = &mut new["PublishTaskInfoList"][0]["PublishJobList"][0];
    job["TaskJobStatus"] = json!("FAIL");
    job["StatusDesc"] = json!("table t exists");
    assert_eq!(told(&new).as_deref(), Some("table t exists"));
}

#[test]
fn a_publish_is_followed_to_its_end() {
    for (status, waits) in
        [("START", false), ("ANALYZE", false), ("audit", true), ("DISPATCH", false)]
    {
        let answer = poll(record(2, status)).1;
        assert!(
            matches!(&answer, Ok(Answer::Running(r)) if r.waits_for_person == waits),
            "{status}: {answer:?}"
        );
    }
    let answer = poll(record(2, "Success")).1;
    let expected = json!({"task_id": 5, "publish_status": "SUCCESS"});
    assert!(matches!(answer, Ok(Answer::Ended(e)) if e.failure.is_none() && e.result == expected));
}

#[test]
fn a_publish_that_failed_says_where() {
    let failed = |pointer: &str, value: Value| {
        let mut new = record(2, "DISPATCH");
        if let Some(place) = new.pointer_mut(pointer) {
            *place = value;
        }
        match poll(new).1 {
            Ok(Answer::Ended(ended)) => ended.failure.map(|(code, _)| code),
            other => panic!("not ended: {other:?}"),
        }
    };
    let code = |code: &str| Some(code.to_owned());
    assert_eq!(failed("/AuditStatus", json!("CANCEL")), code("AUDIT_CANCEL"));
    assert_eq!(failed("/AuditStatus", json!("fail")), code("AUDIT_FAIL"));
    assert_eq!(failed("/Finality", json!(true)), code("FINALITY"));
    assert_eq!(failed("/PublishTaskInfoList/0/TaskJobStatus", json!("FAIL")), code("FAIL"));
    let job = "/PublishTaskInfoList/0/PublishJobList/0/TaskJobStatus";
    assert_eq!(failed(job, json!("FAIL")), code("FAIL"));
}

#[test]
fn a_publish_that_is_not_listed_is_asked_about_again_but_not_for_ever() {
    let old = record(1, "SUCCESS");
    let mut rehearsal = rehearsal();
    rehearsal.execution.baseline = baseline(std::slice::from_ref(&old));
    let (_, answer) = rehearsal.poll(&json!({"task_id": 5}), &[list(&[old])]);
    assert!(answer.is_err_and(|failure| not_listed(&failure)));
}

#[test]
fn a_publish_under_an_old_approval_is_told_apart_by_its_task_group() {
    let mut new = record(1, "SUCCESS");
    let nothing_new = poll(new.clone()).1;
    assert!(nothing_new.is_err_and(|failure| not_listed(&failure)));
    new["PublishTaskInfoList"][0]["PublishJobList"][0]["DBTaskGroupId"] = json!(2);
    assert!(matches!(poll(new).1, Ok(Answer::Ended(ended)) if ended.failure.is_none()));
}

#[test]
fn nameless_records_that_ended_apart_are_not_guessed_at() {
    let nameless = |publish: &str, audit: &str| {
        let mut record = record(0, publish);
        record["PublishTaskInfoList"][0]["PublishJobList"] = json!([]);
        record["AuditStatus"] = json!(audit);
        record
    };
    let old = nameless("SUCCESS", "EXEMPT_PASS");
    let mut rehearsal = rehearsal();
    rehearsal.execution.baseline = baseline(std::slice::from_ref(&old));
    let handle = json!({"task_id": 5});
    let (_, answer) = rehearsal.poll(&handle, &[list(&[old, nameless("AUDIT", "FAIL")])]);
    assert!(answer.is_err_and(|failure| failure.code == "CannotTell"));
}

#[test]
fn everything_wrong_is_told_at_once() {
    let problems = |params: Value| OperationHarness::of(CreatePublishGroupTask, params).problems();
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
        ["$.params.PlanTime is no time on the calendar: `2026-02-30 00:00:00`", strategy]
    );
}
