//! Runs a job to its end with the replies of an input. Everything is real except the network.

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

use super::fixtures::{RUNTIME, contains_secret, job, providers};
use super::replies::{ScriptedProvider, parts};

/// Limit of HTTP requests for one request kind, and for one job.
const MAX_REQUESTS: usize = 200;
const MAX_REQUESTS_OF_A_JOB: usize = 250;

/// Steps after which a job is abandoned.
const MAX_STEPS: usize = 40;

/// Longest text made from a reply, in characters, with the text that we add.
const MAX_TEXT: usize = 5_000;

/// Longest stored reply, in bytes.
const MAX_REPLY: usize = 64 << 10;

/// Longest request id, in characters.
const MAX_ID: usize = 128;

pub(super) const POLICY: Policy = Policy {
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

/// The operation and the account of a job.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scenario {
    Order,
    FreeLock,
    Publish,
    File,
    Packages,
    /// Packages, with an account that needs a token.
    Tokens,
}

/// Runs a job with the replies of an input. In the first part of the input, the first digit selects the
/// parameters of the job, and a `*` repeats the replies.
pub(crate) fn run_scenario(scenario: Scenario, bytes: &[u8]) {
    let parts = parts(bytes);
    let (head, replies) = parts.split_first().unwrap();
    let kind = head.iter().find(|byte| byte.is_ascii_digit()).map_or(0, |byte| byte - b'0');
    let provider = Arc::new(ScriptedProvider::new(replies, head.contains(&b'*')));
    let job = scenario_job(scenario, kind.into());
    let capabilities = providers(provider.clone()).capabilities(&job);
    let state = start(&job, capabilities);
    if let Some(outcome) = run_job(&job, state, &provider) {
        let done = outcome.kind == OutcomeKind::Succeeded;
        assert!(!done || outcome.handle.is_some(), "a job succeeded without a handle");
        let unusable = |error: &OutcomeError| error.code == "InvalidHandle";
        assert!(!outcome.error.as_ref().is_some_and(unusable), "the poll cannot use the handle");
    }
}

/// Runs a job from a state to its outcome. None if it is abandoned.
pub(super) fn run_job(
    job: &Job,
    mut state: State,
    provider: &Arc<ScriptedProvider>,
) -> Option<Outcome> {
    let providers = providers(provider.clone());
    let capabilities = providers.capabilities(job);
    let mut now = Timestamp::now();
    let mut event = Input::Resumed;
    for _ in 0..MAX_STEPS {
        let context = Context {
            job,
            policy: &POLICY,
            capabilities,
            cancelled: None,
            isolation: Isolation::Shared,
            now,
            random: 0.5,
        };
        let next = step(&state, event, &context).expect("the input of a provider is always legal");
        check_stored(&next.state);
        event = match next.action() {
            Action::Sleep(due) | Action::Park(due) => {
                now = now.max(due);
                Input::Resumed
            }
            Action::Request { execution, .. } => {
                let before = provider.count();
                let answer =
                    RUNTIME.with(|runtime| runtime.block_on(providers.ask(job, execution)));
                let sent = provider.count() - before;
                assert!(sent <= MAX_REQUESTS + 1, "{sent} HTTP requests for one request kind");
                assert!(
                    execution.request != RequestKind::Call || sent <= 2,
                    "a call is one HTTP request, and one for a token"
                );
                check_result(&answer, &job.account);
                if provider.count() > MAX_REQUESTS_OF_A_JOB {
                    return None;
                }
                answer
            }
            Action::PublishOutcome(outcome) => {
                let event = json!(cloud_event::CloudEvent::outcome("/fuzz", job, outcome));
                check_bounds(&event);
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

/// A state can be stored as JSON and read back.
fn check_stored(state: &State) {
    let text = json!(state).to_string();
    let read: State = serde_json::from_str(&text).expect("a stored state can be read");
    assert_eq!(read, *state);
}

/// A result is usable, within its limits, and without secrets.
fn check_result(event: &Input, account: &str) {
    match event {
        Input::Answered(answered) => {
            let kept = answered.provider_reply.reply.to_string().len();
            assert!(kept <= MAX_REPLY, "{kept} bytes of a reply are stored");
            let ids = &answered.provider_reply.request_ids;
            assert!(ids.iter().all(|id| id.chars().count() <= MAX_ID), "{ids:?}");
            if let Answer::Accepted(accepted) | Answer::Found(accepted) = &answered.answer {
                let names = |list: &str| accepted.handle[list].as_array().map_or(0, Vec::len) > 0;
                let one = ["task_id", "file_id"].iter().any(|id| accepted.handle[id].is_i64());
                // A publish is identified by its target, because its task id may be lost.
                let publish = accepted.handle["adopted"] == true;
                let usable = names("order_ids") || names("packages") || one || publish;
                assert!(usable, "{accepted:?}");
            }
        }
        Input::Failed(failure) => {
            assert!(failure.code.chars().count() <= 100, "{}", failure.code);
            assert!(failure.message.chars().count() <= MAX_TEXT, "{}", failure.message);
            if let FailureClass::Retryable { retry_after: Some(wait) } = failure.class {
                assert!(wait <= Duration::from_secs(24 * 60 * 60), "a pause of {wait:?}");
            }
            let id = failure.request_id.as_deref().unwrap_or_default();
            assert!(id.chars().count() <= MAX_ID, "{id}");
            assert!(!contains_secret(&failure.to_string(), account), "{failure}");
        }
        Input::Deferred(_) => {}
        Input::Resumed | Input::Published | Input::Poisoned | Input::Resolved(_) => {
            panic!("{event:?} is not a result of a request")
        }
    }
}

/// Texts in events are bounded. The provider's reply has its own limit.
fn check_bounds(event: &Value) {
    match event {
        Value::Object(fields) => {
            for (name, value) in fields {
                assert!(name.chars().count() <= MAX_TEXT);
                if name == "reply" {
                    assert!(value.to_string().len() <= MAX_REPLY);
                } else {
                    check_bounds(value);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(check_bounds),
        Value::String(text) => {
            let length = text.chars().count();
            assert!(length <= MAX_TEXT, "{length} characters: {text}");
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A valid job. `kind` selects between the parameters of a scenario.
fn scenario_job(scenario: Scenario, kind: usize) -> Job {
    let create = |plugin_type: &str, param: Value| json!({"Comment": "c", "PluginType": plugin_type, "PluginParam": param});
    let databases = json!([{"dbId": 17, "logic": false}]);
    match scenario {
        Scenario::Order => {
            let params = match kind {
                0 => create("DC_COMMON", json!({"execSQL": "s", "dbItemList": databases})),
                1 => create("DATA_EXPORT", json!({"exeSQL": "s", "dbId": 17, "logic": false})),
                2 => create("NDDL", json!({"title": "t", "dbId": 17, "logic": false})),
                3 => create("DC_CRON_CLEAR", json!({"dbItemList": databases})),
                _ => create("PERM_APPLY", json!({"anything": true})),
            };
            job("dms.CreateOrder", "ali", params)
        }
        Scenario::FreeLock => {
            let items = json!([{"DbId": 17, "Logic": false}]);
            let param = json!({"ExecSQL": "s", "SqlType": "TEXT", "DbItemList": items});
            let params = json!({"Comment": "c", "Param": param});
            job("dms.CreateFreeLockCorrectOrder", "ali", params)
        }
        Scenario::Publish => {
            let mut params = json!({"OrderId": 7, "DbId": 17, "Logic": false,
                "PublishStrategy": "IMMEDIATELY"});
            if kind == 1 {
                params["PublishStrategy"] = json!("REGULARLY");
                params["PlanTime"] = json!("2026-10-10 00:00:00");
            }
            job("dms.CreatePublishGroupTask", "ali", params)
        }
        Scenario::File => {
            let task_type = if kind == 1 { "DI_SOLUTION" } else { "DI_REALTIME" };
            let params = json!({"ProjectId": 1, "TaskType": task_type, "FileId": 5});
            job("dataworks.DeployDISyncTask", "ali", params)
        }
        Scenario::Packages | Scenario::Tokens => {
            let ids = if kind == 1 { json!(["7", "8"]) } else { json!(["7"]) };
            let account = if matches!(scenario, Scenario::Tokens) { "user" } else { "hw" };
            let startup_mode = i64::from(kind != 2);
            let params = json!({"package_ids": ids, "startup_mode": startup_mode});
            job("dataarts.DeployReleasePackages", account, params)
        }
    }
}
