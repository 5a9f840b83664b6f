use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{CloudEvent, OutcomeKind};
use crate::job::message::{MessageKind, Rejection};
use crate::job::state::{ExecutionState, ProviderReply, Timestamps};
use crate::job::{
    Failure, Job, Kind, Milestone, Outcome, OutcomeError, Problem, RequestKind, Trace, Until,
};

const SOURCE: &str = "/ticketd";

fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
}

fn job() -> Job {
    Job {
        id: "team/chg-1".parse().unwrap(),
        operation: "dms.CreateOrder".into(),
        kind: Kind::Create,
        account: "ali".into(),
        params: json!({ "Comment": "never in an event" }),
        until: Until::Finished,
        not_before: None,
        deadline: None,
        metadata: Some(json!({ "team": "carts" })),
        correlation_id: Some("c-1".into()),
        reply_to: None,
        trace: Trace { traceparent: Some("00-ab-cd-01".into()), tracestate: None },
        received_at: at(0),
    }
}

fn execution() -> ExecutionState {
    let mut execution = ExecutionState::first(RequestKind::Call);
    execution.calls = 2;
    execution.changes = 3;
    execution.seen = Some("processing".into());
    execution.last_failure = Some(Failure::retryable("Throttling.User", "slow down"));
    execution.times.started = Some(at(1));
    execution
}

fn outcome(kind: OutcomeKind, error: Option<OutcomeError>) -> Outcome {
    let started = (kind != OutcomeKind::Expired).then(|| at(1));
    Outcome {
        kind,
        attempts: u32::from(started.is_some()),
        result: Value::Null,
        handle: None,
        error,
        provider_reply: ProviderReply::default(),
        times: Timestamps { started, submitted: None, ended: Some(at(9)) },
        resolutions: 0,
        execution: None,
    }
}

fn rejection() -> Rejection {
    Rejection {
        expected: MessageKind::Job,
        problems: vec![Problem::new("$.id", "is empty"), Problem::new("$.params", "is missing")],
        digest: "d1".into(),
        job_id: None,
        operation: None,
        account: None,
        metadata: None,
        trace: Trace::default(),
        correlation_id: None,
        reply_to: None,
        at: at(5),
    }
}

fn milestone(milestone: Milestone, execution: &ExecutionState) -> CloudEvent {
    CloudEvent::milestone(SOURCE, &job(), execution, milestone, at(7))
}

fn data(event: &CloudEvent) -> Value {
    serde_json::to_value(event).unwrap()["data"].clone()
}

#[test]
fn an_event_is_routed_by_kind_operation_and_state() {
    let keys = [
        (milestone(Milestone::Started, &execution()), "create.dms.CreateOrder.started"),
        (milestone(Milestone::Doubtful, &execution()), "create.dms.CreateOrder.doubtful"),
        (
            CloudEvent::outcome(SOURCE, &job(), &outcome(OutcomeKind::Succeeded, None)),
            "create.dms.CreateOrder.succeeded",
        ),
        (CloudEvent::rejected(SOURCE, &rejection()), "unknown.unknown.rejected"),
    ];
    for (event, key) in keys {
        assert_eq!(event.routing_key(), key);
        assert!(event.kind.ends_with(&key[key.rfind('.').unwrap()..]), "{}", event.kind);
    }
}

#[test]
fn a_repeated_event_has_the_same_id_and_another_step_another_id() {
    let mut later = execution();
    later.calls += 1;
    later.changes += 1;
    let mut ids = Vec::new();
    for repeated in [
        Milestone::Started,
        Milestone::Submitted,
        Milestone::Retrying,
        Milestone::Doubtful,
        Milestone::Progress,
    ] {
        let event = milestone(repeated, &execution());
        assert_eq!(
            event.id,
            CloudEvent::milestone(SOURCE, &job(), &execution(), repeated, at(8)).id
        );
        ids.push(event.id);
        if !matches!(repeated, Milestone::Started | Milestone::Submitted) {
            ids.push(milestone(repeated, &later).id);
        }
    }
    // One outcome per job: whatever is decided, its event has one id.
    for kind in [OutcomeKind::Failed, OutcomeKind::Unknown] {
        assert_eq!(
            CloudEvent::outcome(SOURCE, &job(), &outcome(kind, None)).id,
            "team/chg-1/outcome"
        );
    }
    ids.push("team/chg-1/outcome".into());
    // The outcome after a person has resolved the previous one.
    for resolutions in 1..=2 {
        let later = Outcome { resolutions, ..outcome(OutcomeKind::Failed, None) };
        let id = CloudEvent::outcome(SOURCE, &job(), &later).id;
        assert_eq!(id, format!("team/chg-1/outcome.{}", resolutions + 1));
        ids.push(id);
    }
    ids.push(CloudEvent::rejected(SOURCE, &rejection()).id);
    let all = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), all, "{ids:?}");
}

#[test]
fn a_rejection_event_has_the_fields_that_are_valid() {
    let nothing = serde_json::to_value(CloudEvent::rejected(SOURCE, &rejection())).unwrap();
    assert_eq!(nothing.get("subject"), None);
    assert_eq!(nothing["data"].get("job_id"), None);
    assert_eq!(nothing["data"]["kind"], "unknown");

    let much = Rejection {
        job_id: Some("chg-1".into()),
        operation: Some(("dms.CreateOrder", Kind::Create)),
        account: Some("ali".into()),
        metadata: Some(Value::Null),
        ..rejection()
    };
    let event = CloudEvent::rejected(SOURCE, &much);
    assert_eq!(event.routing_key(), "create.dms.CreateOrder.rejected");
    assert_eq!(event.subject, event.data.job_id);
    assert_eq!(
        serde_json::to_value(event).unwrap(),
        json!({
            "specversion": "1.0", "id": "rejected/d1", "source": "/ticketd",
            "type": "ticketd.job.rejected", "subject": "chg-1", "time": "1970-01-01T00:00:05Z",
            "datacontenttype": "application/json",
            "data": {
                "job_id": "chg-1", "operation": "dms.CreateOrder", "account": "ali",
                "kind": "create", "state": "rejected", "attempts": 0, "metadata": null,
                "times": { "received": "1970-01-01T00:00:05Z", "ended": "1970-01-01T00:00:05Z" },
                "error": {
                    "code": "InvalidJob", "class": "invalid",
                    "message": "$.id: is empty; $.params: is missing",
                    "advice": "Nothing was done. Correct the message and send it again; its id \
                        is still free.",
                },
            },
        })
    );
}

#[test]
fn a_milestone_has_what_is_known_so_far() {
    let mut execution = execution();
    assert_eq!(
        serde_json::to_value(milestone(Milestone::Retrying, &execution)).unwrap(),
        json!({
            "specversion": "1.0", "id": "team/chg-1/retrying.2", "source": "/ticketd",
            "type": "ticketd.job.retrying", "subject": "team/chg-1",
            "time": "1970-01-01T00:00:07Z", "datacontenttype": "application/json",
            "traceparent": "00-ab-cd-01",
            "data": {
                "job_id": "team/chg-1", "operation": "dms.CreateOrder", "account": "ali",
                "kind": "create", "state": "retrying", "attempts": 2,
                "times": { "received": "1970-01-01T00:00:00Z", "started": "1970-01-01T00:00:01Z" },
                "provider": { "status": "processing" },
                "error": {
                    "code": "Throttling.User", "message": "slow down", "class": "retryable",
                    "advice": "Nothing: ticketd continues by itself.",
                },
                "metadata": { "team": "carts" },
            },
        })
    );
    // An error that was got over is no news.
    assert_eq!(data(&milestone(Milestone::Progress, &execution)).get("error"), None);
    execution.handle = Some(json!({ "order_id": 7 }));
    execution.result = json!({ "order_ids": [7] });
    let submitted = data(&milestone(Milestone::Submitted, &execution));
    assert_eq!(submitted["handle"], json!({ "order_id": 7 }));
    assert_eq!(submitted["result"], json!({ "order_ids": [7] }));
}

#[test]
fn an_outcome_event_has_the_fields_of_its_kind() {
    let job = Job { metadata: None, ..job() };
    let data_of = |outcome: Outcome| data(&CloudEvent::outcome(SOURCE, &job, &outcome));
    let times = json!({
        "received": "1970-01-01T00:00:00Z", "started": "1970-01-01T00:00:01Z",
        "ended": "1970-01-01T00:00:09Z",
    });
    let whole = |state: &str, more: Value| {
        let mut data = json!({
            "job_id": "team/chg-1", "operation": "dms.CreateOrder", "account": "ali",
            "kind": "create", "state": state, "attempts": 1, "times": times,
        });
        data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        data
    };
    let error = |error: &OutcomeError| json!({ "error": error });

    let succeeded = Outcome {
        result: json!({ "order_ids": [7] }),
        handle: Some(json!({ "order_id": 7 })),
        provider_reply: ProviderReply {
            request_ids: vec!["r-1".into()],
            reply: json!({ "Success": true }),
        },
        ..outcome(OutcomeKind::Succeeded, None)
    };
    assert_eq!(
        data_of(succeeded),
        whole(
            "succeeded",
            json!({
                "result": { "order_ids": [7] }, "handle": { "order_id": 7 },
                "provider": { "request_ids": ["r-1"], "reply": { "Success": true } },
            })
        )
    );
    let refused = OutcomeError::failure(&Failure::permanent("NoPermission", "not yours"));
    assert_eq!(
        data_of(outcome(OutcomeKind::Failed, Some(refused))),
        whole(
            "failed",
            json!({ "error": {
                "code": "NoPermission", "message": "not yours", "class": "permanent",
                "advice": "The provider refused the call and did nothing. Correct the cause, \
                    then submit the job under a new id.",
            } })
        )
    );
    let lost = OutcomeError::failure(&Failure::ambiguous("TimedOut", "no answer in 20s"));
    assert_eq!(
        data_of(outcome(OutcomeKind::Unknown, Some(lost.clone()))),
        whole("unknown", error(&lost))
    );
    let late = OutcomeError::deadline(false);
    assert_eq!(
        data_of(outcome(OutcomeKind::Expired, Some(late.clone()))),
        whole(
            "expired",
            json!({
                "attempts": 0, "error": late,
                "times": { "received": times["received"], "ended": times["ended"] },
            })
        )
    );
    let stopped = OutcomeError::cancelled(true, "");
    assert_eq!(
        data_of(outcome(OutcomeKind::Cancelled, Some(stopped.clone()))),
        whole("cancelled", error(&stopped))
    );
    // The sixth, of a job that turned out bad only after it was read.
    let bad = OutcomeError::invalid(MessageKind::Job, &[Problem::new("$.id", "is taken")]);
    assert_eq!(
        data_of(outcome(OutcomeKind::Rejected, Some(bad.clone()))),
        whole("rejected", error(&bad))
    );
}

#[test]
fn an_event_does_not_repeat_the_params() {
    for event in [
        milestone(Milestone::Started, &execution()),
        CloudEvent::outcome(SOURCE, &job(), &outcome(OutcomeKind::Succeeded, None)),
    ] {
        assert!(!serde_json::to_string(&event).unwrap().contains("never in an event"));
    }
}
