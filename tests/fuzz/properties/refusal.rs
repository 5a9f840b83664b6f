//! One reply to a call, of any status: what it means, and for how long it says to wait.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use ticketd::job::machine::Input;
use ticketd::job::{Answer, ExecutionState, Failure, FailureClass, RequestKind};

use super::cast::{RUNTIME, job, providers, tells};
use super::script::{Script, parts, reply};

/// The longest message of a failure, in characters, with our own words around it.
const LONGEST_MESSAGE: usize = 1_400;

/// A reply to a call: in the first part `huawei` or whatever else for Alibaba.
pub fn refusal(bytes: &[u8]) {
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
    // One provider all along: it may have us learn its clock, or bar a key.
    let script = Arc::new(Script::new(replies, false));
    let providers = providers(script.clone());
    let execution = ExecutionState { calls: 1, ..ExecutionState::first(RequestKind::Call) };
    for part in replies {
        let before = script.count();
        let event = RUNTIME.with(|runtime| runtime.block_on(providers.ask(&job, &execution)));
        let raw = reply(part).ok().filter(|_| script.count() > before);
        match &event {
            Input::Answered(answered) => {
                assert!(matches!(answered.answer, Answer::Accepted(_)), "{answered:?}");
                let raw = raw.expect("an answer needs a reply");
                assert!((200..=299).contains(&raw.status), "taken with {}", raw.status);
            }
            Input::Failed(failure) => {
                told(failure, &job.account);
                if let Some(raw) = raw {
                    meant(failure, raw.status, &raw.body);
                }
            }
            Input::Deferred(_) => {}
            Input::Resumed | Input::Published | Input::Poisoned | Input::Resolved(_) => {
                panic!("{event:?}")
            }
        }
    }
}

fn told(failure: &Failure, account: &str) {
    assert!(!failure.code.is_empty() && failure.code.chars().count() <= 100, "{failure}");
    assert!(failure.message.chars().count() <= LONGEST_MESSAGE, "{failure}");
    assert!(failure.request_id.as_ref().is_none_or(|id| id.chars().count() <= 128), "{failure:?}");
    assert!(!tells(&failure.to_string(), account), "{failure}");
    if let FailureClass::Retryable { retry_after: Some(wait) } = failure.meaning {
        assert!(wait <= Duration::from_secs(24 * 60 * 60), "{failure:?}");
    }
}

/// A call may be repeated, or given up, only where the provider said that it did not act.
fn meant(failure: &Failure, status: u16, body: &[u8]) {
    let body: Option<Value> = serde_json::from_slice(body).ok();
    match status {
        200..=299 if body.is_none() => assert_eq!(failure.meaning, FailureClass::Ambiguous),
        // Words of no fixed form and no status of a refusal: nobody knows.
        500 | 502 | 504 if body.is_none() && failure.code.starts_with("Http") => {
            assert_eq!(failure.meaning, FailureClass::Ambiguous, "{failure}");
        }
        _ => {}
    }
}
