//! A job's whole life, with a provider that says whatever the input holds: the real machine, the
//! real conversations, everything but the network.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use ticketd::job::cloud_event;
use ticketd::job::machine::{Action, Context, Input, Isolation, start, step};
use ticketd::job::policy::{Policy, Poll, Probe, Retry};
use ticketd::job::{
    Answer, FailureClass, Job, Outcome, OutcomeError, OutcomeKind, RequestKind, State,
};

use super::cast::{RUNTIME, job, providers, tells};
use super::script::{Script, parts};

/// The most requests of one question, and of one life.
const MOST_REQUESTS: usize = 200;
const MOST_IN_A_LIFE: usize = 250;

/// Questions after which a life is left alone.
const MOST_QUESTIONS: usize = 40;

/// The longest text that may come of a reply, in characters, with what we put around it.
const LONGEST_TEXT: usize = 5_000;

/// What is kept of a reply, in bytes.
const LONGEST_REPLY: usize = 64 << 10;

/// The most characters of an id of a request.
const LONGEST_ID: usize = 128;

pub const POLICY: Policy = Policy {
    retry: Retry {
        initial: Duration::from_secs(1),
        multiplier: 2.0,
        jitter: 0.5,
        max_interval: Duration::from_secs(300),
        max_attempts: 4,
        max_elapsed: Duration::from_secs(600),
    },
    probe: Probe { settle: Duration::from_secs(30), interval: Duration::from_secs(15), tries: 2 },
    poll: Poll {
        interval: Duration::from_secs(5),
        max_interval: Duration::from_secs(300),
        people_interval: Duration::from_secs(60),
    },
};

/// Whose life it is.
#[derive(Clone, Copy, Debug)]
pub enum Play {
    Order,
    FreeLock,
    Publish,
    File,
    Packages,
    /// Packages, by an account whose token has to be fetched.
    Tokens,
}

/// The replies to a job. The first part of the input says which kind of job it is, by its first
/// digit, and with a `*` that the replies begin again when they are over.
pub fn replies(play: Play, bytes: &[u8]) {
    let parts = parts(bytes);
    let (head, replies) = parts.split_first().unwrap();
    let kind = head.iter().find(|byte| byte.is_ascii_digit()).map_or(0, |byte| byte - b'0');
    let script = Arc::new(Script::new(replies, head.contains(&b'*')));
    let job = cast(play, kind.into());
    let capabilities = providers(script.clone()).capabilities(&job);
    let state = start(&job, capabilities);
    if let Some(outcome) = live(&job, state, &script) {
        let done = outcome.kind == OutcomeKind::Succeeded;
        assert!(!done || outcome.handle.is_some(), "succeeded without a handle");
        let unfit = |trouble: &OutcomeError| trouble.code == "InvalidHandle";
        assert!(!outcome.error.as_ref().is_some_and(unfit), "a handle the poll can't use");
    }
}

/// Plays a job from a state on, to its end or until it is left alone.
pub fn live(job: &Job, mut state: State, script: &Arc<Script>) -> Option<Outcome> {
    let providers = providers(script.clone());
    let capabilities = providers.capabilities(job);
    let mut now = Timestamp::now();
    let mut event = Input::Resumed;
    for _ in 0..MOST_QUESTIONS {
        let context = Context {
            job,
            policy: &POLICY,
            capabilities,
            cancelled: None,
            isolation: Isolation::Shared,
            now,
            random: 0.5,
        };
        let next = step(&state, event, &context).expect("a provider's answer is never illegal");
        saved(&next.state);
        event = match next.action() {
            Action::Sleep(due) | Action::Park(due) => {
                now = now.max(due);
                Input::Resumed
            }
            Action::Request { execution, .. } => {
                let before = script.count();
                let answer =
                    RUNTIME.with(|runtime| runtime.block_on(providers.ask(job, execution)));
                let sent = script.count() - before;
                assert!(sent <= MOST_REQUESTS + 1, "{sent} requests to one question");
                assert!(
                    execution.request != RequestKind::Call || sent <= 2,
                    "a call is one request, and a token"
                );
                judge(&answer, &job.account);
                if script.count() > MOST_IN_A_LIFE {
                    return None;
                }
                answer
            }
            Action::PublishOutcome(outcome) => {
                let told = json!(cloud_event::CloudEvent::outcome("/fuzz", job, outcome));
                bounded(&told);
                Input::Published
            }
            Action::Acknowledge | Action::AnswerAgain(_) => match next.state {
                State::Done { outcome } => return Some(outcome),
                other => panic!("acknowledged as {other:?}"),
            },
        };
        state = next.state;
    }
    None
}

/// A state is saved as JSON, and read back.
fn saved(state: &State) {
    let text = json!(state).to_string();
    let read: State = serde_json::from_str(&text).expect("a state that was saved can be read");
    assert_eq!(read, *state);
}

/// What came of a question is of use, true to its bounds, and keeps secrets.
fn judge(event: &Input, account: &str) {
    match event {
        Input::Answered(answered) => {
            let kept = answered.provider_reply.reply.to_string().len();
            assert!(kept <= LONGEST_REPLY, "{kept} bytes of a reply are kept");
            let ids = &answered.provider_reply.request_ids;
            assert!(ids.iter().all(|id| id.chars().count() <= LONGEST_ID), "{ids:?}");
            if let Answer::Accepted(accepted) | Answer::Found(accepted) = &answered.answer {
                let names = |list: &str| accepted.handle[list].as_array().map_or(0, Vec::len) > 0;
                let one = ["task_id", "file_id"].iter().any(|id| accepted.handle[id].is_i64());
                // A publish is followed by what it publishes; its task's id may be lost.
                let publish = accepted.handle["adopted"] == true;
                let usable = names("order_ids") || names("packages") || one || publish;
                assert!(usable, "{accepted:?}");
            }
        }
        Input::Failed(failure) => {
            assert!(failure.code.chars().count() <= 100, "{}", failure.code);
            assert!(failure.message.chars().count() <= LONGEST_TEXT, "{}", failure.message);
            if let FailureClass::Retryable { retry_after: Some(wait) } = failure.meaning {
                assert!(wait <= Duration::from_secs(24 * 60 * 60), "a pause of {wait:?}");
            }
            let id = failure.request_id.as_deref().unwrap_or_default();
            assert!(id.chars().count() <= LONGEST_ID, "{id}");
            assert!(!tells(&failure.to_string(), account), "{failure}");
        }
        Input::Deferred(_) => {}
        Input::Resumed | Input::Published | Input::Poisoned | Input::Resolved(_) => {
            panic!("{event:?} is no answer")
        }
    }
}

/// No text that is told is longer than a person can read. The last reply has its own bound.
fn bounded(told: &Value) {
    match told {
        Value::Object(fields) => {
            for (name, value) in fields {
                assert!(name.chars().count() <= LONGEST_TEXT);
                if name == "reply" {
                    assert!(value.to_string().len() <= LONGEST_REPLY);
                } else {
                    bounded(value);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(bounded),
        Value::String(text) => {
            let length = text.chars().count();
            assert!(length <= LONGEST_TEXT, "{length} characters: {text}");
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A valid job; of a play there may be several kinds.
fn cast(play: Play, kind: usize) -> Job {
    let create = |plugin_type: &str, param: Value| json!({"Comment": "c", "PluginType": plugin_type, "PluginParam": param});
    let databases = json!([{"dbId": 17, "logic": false}]);
    match play {
        Play::Order => {
            let params = match kind {
                0 => create("DC_COMMON", json!({"execSQL": "s", "dbItemList": databases})),
                1 => create("DATA_EXPORT", json!({"exeSQL": "s", "dbId": 17, "logic": false})),
                2 => create("NDDL", json!({"title": "t", "dbId": 17, "logic": false})),
                3 => create("DC_CRON_CLEAR", json!({"dbItemList": databases})),
                _ => create("PERM_APPLY", json!({"anything": true})),
            };
            job("dms.CreateOrder", "ali", params)
        }
        Play::FreeLock => {
            let items = json!([{"DbId": 17, "Logic": false}]);
            let param = json!({"ExecSQL": "s", "SqlType": "TEXT", "DbItemList": items});
            let params = json!({"Comment": "c", "Param": param});
            job("dms.CreateFreeLockCorrectOrder", "ali", params)
        }
        Play::Publish => {
            let mut params = json!({"OrderId": 7, "DbId": 17, "Logic": false,
                "PublishStrategy": "IMMEDIATELY"});
            if kind == 1 {
                params["PublishStrategy"] = json!("REGULARLY");
                params["PlanTime"] = json!("2026-10-10 00:00:00");
            }
            job("dms.CreatePublishGroupTask", "ali", params)
        }
        Play::File => {
            let task_type = if kind == 1 { "DI_SOLUTION" } else { "DI_REALTIME" };
            let params = json!({"ProjectId": 1, "TaskType": task_type, "FileId": 5});
            job("dataworks.DeployDISyncTask", "ali", params)
        }
        Play::Packages | Play::Tokens => {
            let ids = if kind == 1 { json!(["7", "8"]) } else { json!(["7"]) };
            let account = if matches!(play, Play::Tokens) { "user" } else { "hw" };
            let startup_mode = i64::from(kind != 2);
            let params = json!({"package_ids": ids, "startup_mode": startup_mode});
            job("dataarts.DeployReleasePackages", account, params)
        }
    }
}
