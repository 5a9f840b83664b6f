//! Requests to a scripted provider, in process.

#![expect(clippy::unwrap_used, reason = "tests")]

mod clocks_and_tokens;
mod credential_changes;
mod fixtures;
mod limits;
mod outages;

use std::sync::atomic::Ordering;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::job::{Answer, FailureClass, RequestKind};
use fixtures::{
    Pages, ScriptedProvider, execution, job, lost, ok, providers, refused, with_operation,
};
pub(in crate::cloud) use fixtures::{alibaba, huawei};

/// The input, which must be an answer.
fn answered(input: Input) -> Answered {
    match input {
        Input::Answered(answered) => answered,
        other => panic!("expected an answer, got {other:?}"),
    }
}

fn failed(input: Input) -> Failure {
    match input {
        Input::Failed(failure) => failure,
        other => panic!("expected a failure, got {other:?}"),
    }
}

#[tokio::test]
async fn an_answer_from_several_requests_has_all_their_ids() {
    let script = ScriptedProvider::new([
        ok(json!({ "RequestId": "r1", "More": true })),
        ok(json!({ "RequestId": "r2", "More": true })),
        ok(json!({ "RequestId": "r3", "Order": 7 })),
    ]);
    let providers = providers([alibaba()], &script);
    let answered = answered(providers.ask(&job("dms"), &execution(RequestKind::Probe)).await);
    assert_eq!(answered.answer, Answer::Undecided("3 replies".into()));
    assert_eq!(answered.provider_reply.request_ids, ["r1", "r2", "r3"]);
    assert_eq!(answered.provider_reply.reply, json!({ "RequestId": "r3", "Order": 7 }));
    let nonces = script.headers("x-acs-signature-nonce");
    assert_eq!(nonces.len(), 3);
    assert!(nonces[0] != nonces[1] && nonces[1] != nonces[2]);
}

#[tokio::test]
async fn a_failure_after_a_reply_ends_the_step() {
    let script = ScriptedProvider::new([ok(json!({ "RequestId": "r1", "More": true })), lost()]);
    let providers = providers([alibaba()], &script);
    let failure = failed(providers.ask(&job("dms"), &execution(RequestKind::Probe)).await);
    assert_eq!(failure.class, FailureClass::Ambiguous);
    assert_eq!(script.sent(), 2);
}

#[tokio::test]
async fn a_step_without_an_end_fails_at_the_request_limit() {
    let script = ScriptedProvider::endless(json!({ "More": true }));
    let providers = providers([alibaba()], &script);
    let failure = failed(providers.ask(&job("dms"), &execution(RequestKind::Probe)).await);
    assert_eq!(failure.class, FailureClass::Permanent);
    let failure = failed(providers.ask(&job("dms"), &execution(RequestKind::Call)).await);
    assert_eq!(failure.class, FailureClass::Ambiguous);
    assert_eq!(script.sent(), 2 * MAX_REQUESTS);
}

#[tokio::test]
async fn a_repeated_call_keeps_its_nonce_and_the_next_call_gets_another() {
    let sent = async |request: RequestKind, calls: u32| {
        let script = ScriptedProvider::new([ok(json!({}))]);
        providers([alibaba()], &script)
            .ask(&job("dms"), &ExecutionState { calls, ..execution(request) })
            .await;
        script.headers("x-acs-signature-nonce").remove(0)
    };
    let first = sent(RequestKind::Call, 1).await;
    assert_eq!(first.len(), 32);
    assert_eq!(first, sent(RequestKind::Call, 1).await);
    assert_ne!(first, sent(RequestKind::Call, 2).await);
    // Job ids are unique in one installation only, and the provider remembers the nonces of all.
    let of =
        |account: Account, job: &Job| nonce::nonce(&account, job, &execution(RequestKind::Call), 0);
    let job = job("dms");
    let [other_key, other_params, other_operation] = [
        of(Account { credentials: huawei(false).credentials, ..alibaba() }, &job),
        of(alibaba(), &Job { params: json!({"a": 1}), ..job.clone() }),
        of(alibaba(), &Job { operation: "dms.Other".into(), ..job.clone() }),
    ];
    assert_eq!(first, of(alibaba(), &job));
    assert!(first != other_key && first != other_params && first != other_operation);
    let poll = RequestKind::Poll(Value::Null);
    assert_ne!(sent(poll.clone(), 1).await, sent(poll, 1).await);
}

#[tokio::test]
async fn a_long_reply_is_cut_to_its_limit() {
    let long = json!({ "Log": "\"\u{1}é".repeat(50_000) });
    let bytes = long.to_string().len();
    let script = ScriptedProvider::new([ok(long)]);
    let answered = answered(
        providers([alibaba()], &script).ask(&job("dms"), &execution(RequestKind::Call)).await,
    );
    let kept = answered.provider_reply.reply;
    assert_eq!((kept["cut"].clone(), kept["bytes"].clone()), (json!(true), json!(bytes)));
    assert!(kept["head"].as_str().unwrap().starts_with("{\"Log\":"));
    assert!(kept.to_string().len() <= 64 << 10);
}

#[tokio::test]
async fn a_job_waits_for_an_account_or_operation_that_is_missing() {
    let script = ScriptedProvider::new([]);
    let providers = providers([alibaba()], &script);
    let unknown = Job { operation: "dms.Dance".into(), ..job("dms") };
    for job in [job("other"), unknown.clone()] {
        let input = providers.ask(&job, &execution(RequestKind::Call)).await;
        assert!(matches!(input, Input::Deferred(until) if until > Timestamp::now()), "{input:?}");
    }
    assert_eq!(script.sent(), 0);
    assert!(providers.capabilities(&job("dms")).probe && !providers.capabilities(&unknown).probe);
}

#[tokio::test]
async fn trace_context_is_sent_with_every_request() {
    let script = ScriptedProvider::new([ok(json!({}))]);
    let mut job = job("dms");
    job.trace.traceparent = Some("00-1-2-01".into());
    providers([alibaba()], &script).ask(&job, &execution(RequestKind::Call)).await;
    assert_eq!(script.headers("traceparent"), ["00-1-2-01"]);
    assert!(!script.headers("authorization")[0].contains("traceparent"));
    for hostile in ["00-1\r\nHost: evil", &"0".repeat(513), "é"] {
        let script = ScriptedProvider::new([ok(json!({}))]);
        job.trace.traceparent = Some(hostile.into());
        providers([alibaba()], &script).ask(&job, &execution(RequestKind::Call)).await;
        assert_eq!(script.headers("traceparent"), [""; 0]);
    }
}

#[tokio::test]
async fn no_secret_is_in_a_failure_or_in_debug_output() {
    let text = "key LTAI5tFakeAccessKeyId001 secret FakeSecret/With+Plus=And~Tilde0123";
    let script = ScriptedProvider::new([refused(400, &format!("Odd {text}"), text)]);
    let providers = providers([alibaba()], &script);
    let failure = failed(providers.ask(&job("dms"), &execution(RequestKind::Call)).await);
    assert_eq!(failure.message, "key *** secret ***");
    assert_eq!(failure.code, "Odd key *** secret ***");
    let accounts: Vec<_> = providers.clients.values().map(|client| &client.account).collect();
    assert!(!format!("{providers:?} {accounts:?}").contains("FakeSecret"));
}

#[tokio::test]
async fn a_long_message_is_cut_without_half_a_secret() {
    let text = "é".repeat(990) + "FakeSecret/With+Plus=And~Tilde0123" + &"é".repeat(990);
    let script = ScriptedProvider::new([refused(400, &"C".repeat(900), &text)]);
    let providers = providers([alibaba()], &script);
    let failure = failed(providers.ask(&job("dms"), &execution(RequestKind::Call)).await);
    assert_eq!(failure.message, "é".repeat(990) + "***" + &"é".repeat(7));
    assert_eq!(failure.code, "C".repeat(100));
}

#[tokio::test]
async fn a_poll_gets_the_handle() {
    let script = ScriptedProvider::new([ok(json!({}))]);
    let operation = Pages::default();
    let polled = operation.polled.clone();
    let providers = with_operation(vec![alibaba()], operation, script.clone());
    providers.ask(&job("dms"), &execution(RequestKind::Poll(json!(7)))).await;
    assert_eq!(polled.load(Ordering::SeqCst), 7);
}
