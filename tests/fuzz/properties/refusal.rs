//! One reply to a call, with any status: its failure class and its delay.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use ticketd::job::machine::Input;
use ticketd::job::{Answer, ExecutionState, Failure, FailureClass, RequestKind};

use super::fixtures::{RUNTIME, contains_secret, job, providers};
use super::replies::{ScriptedProvider, parts, reply};

/// Longest message of a failure, in characters, with the text that we add.
const MAX_MESSAGE: usize = 1_400;

/// The first part of the input is `huawei`, or anything else for Alibaba.
pub(crate) fn refusal(bytes: &[u8]) {
    let parts = parts(bytes);
    let (head, replies) = parts.split_first().unwrap();
    let job = if head.starts_with(b"huawei") {
        job(
            "dataarts.DeployReleasePackages",
            "hw",
            json!({"package_ids": ["7"], "startup_mode": 1}),
        )
    } else {
        let params = json!({"ProjectId": 1, "TaskType": "DI_REALTIME", "FileId": 5});
        job("dataworks.DeployDISyncTask", "ali", params)
    };
    // One client for all replies, because a reply may set the clock skew or lock a key.
    let provider = Arc::new(ScriptedProvider::new(replies, false));
    let providers = providers(provider.clone());
    let execution = ExecutionState { calls: 1, ..ExecutionState::first(RequestKind::Call) };
    for part in replies {
        let before = provider.count();
        let event = RUNTIME.with(|runtime| runtime.block_on(providers.ask(&job, &execution)));
        let raw = reply(part).ok().filter(|_| provider.count() > before);
        match &event {
            Input::Answered(answered) => {
                assert!(matches!(answered.answer, Answer::Accepted(_)), "{answered:?}");
                let raw = raw.expect("a result needs a reply");
                assert!((200..=299).contains(&raw.status), "accepted with status {}", raw.status);
            }
            Input::Failed(failure) => {
                check_failure(failure, &job.account);
                if let Some(raw) = raw {
                    check_class(failure, raw.status, &raw.body);
                }
            }
            Input::Deferred(_) => {}
            Input::Resumed | Input::Published | Input::Poisoned | Input::Resolved(_) => {
                panic!("{event:?}")
            }
        }
    }
}

fn check_failure(failure: &Failure, account: &str) {
    assert!(!failure.code.is_empty() && failure.code.chars().count() <= 100, "{failure}");
    assert!(failure.message.chars().count() <= MAX_MESSAGE, "{failure}");
    assert!(failure.request_id.as_ref().is_none_or(|id| id.chars().count() <= 128), "{failure:?}");
    assert!(!contains_secret(&failure.to_string(), account), "{failure}");
    if let FailureClass::Retryable { retry_after: Some(wait) } = failure.class {
        assert!(wait <= Duration::from_secs(24 * 60 * 60), "{failure:?}");
    }
}

/// A call is repeated or given up only if the provider says that the call had no effect.
fn check_class(failure: &Failure, status: u16, body: &[u8]) {
    let body: Option<Value> = serde_json::from_slice(body).ok();
    match status {
        200..=299 if body.is_none() => assert_eq!(failure.class, FailureClass::Ambiguous),
        // Neither the body nor the status says whether the call had an effect.
        500 | 502 | 504 if body.is_none() && failure.code.starts_with("Http") => {
            assert_eq!(failure.class, FailureClass::Ambiguous, "{failure}");
        }
        _ => {}
    }
}
