//! What the machine's tests decide about, and short names for states and transitions.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::super::{Action, Capabilities, Context, Input, Isolation, Transition, step};
use crate::job::policy::{self, Policy};
use crate::job::state::Doubt;
use crate::job::{
    Accepted, Answer, Answered, ExecutionState, Job, Outcome, ProviderReply, RequestKind, State,
};

pub(super) const NOW: Timestamp = Timestamp::UNIX_EPOCH;

pub(super) const POLICY: Policy = Policy {
    retry: policy::Retry {
        initial: Duration::from_secs(1),
        multiplier: 2.0,
        jitter: 0.5,
        max_interval: Duration::from_secs(300),
        max_attempts: 3,
        max_elapsed: Duration::from_secs(3600),
    },
    probe: policy::Probe {
        settle: Duration::from_secs(30),
        interval: Duration::from_secs(15),
        tries: 2,
    },
    poll: policy::Poll {
        interval: Duration::from_secs(5),
        max_interval: Duration::from_secs(300),
        people_interval: Duration::from_secs(60),
    },
};

pub(super) fn job() -> Job {
    serde_json::from_value(json!({
        "id": "chg-1", "operation": "dms.CreateOrder", "kind": "create", "account": "a",
        "params": {}, "until": "finished", "trace": {}, "received_at": NOW,
    }))
    .unwrap()
}

pub(super) const PROBED: Capabilities =
    Capabilities { baseline: true, probe: true, may_repeat_lost_call: false };
pub(super) const UNPROBED: Capabilities =
    Capabilities { baseline: false, probe: false, may_repeat_lost_call: false };
pub(super) const REPEATABLE: Capabilities = Capabilities { may_repeat_lost_call: true, ..UNPROBED };

/// The context of most tests: everything can be probed, and nothing is cancelled.
pub(super) fn context(job: &Job) -> Context<'_> {
    Context {
        job,
        policy: &POLICY,
        capabilities: PROBED,
        cancelled: None,
        isolation: Isolation::Shared,
        now: NOW,
        random: 0.5,
    }
}

pub(super) fn after_seconds(seconds: i64) -> Timestamp {
    NOW + SignedDuration::from_secs(seconds)
}

pub(super) fn poll() -> RequestKind {
    RequestKind::Poll(json!(7))
}

pub(super) fn waiting(request: RequestKind) -> State {
    State::Waiting { execution: execution(request), due: NOW }
}

pub(super) fn asking(request: RequestKind) -> State {
    let mut execution = execution(request);
    execution.calls = 1;
    State::Asking { execution, since: after_seconds(-3) }
}

pub(super) fn execution(request: RequestKind) -> ExecutionState {
    let mut execution = ExecutionState::first(request);
    match execution.request {
        RequestKind::Baseline | RequestKind::Call => {}
        RequestKind::Probe => {
            execution.calls = 1;
            execution.doubt = Some(Doubt { called_at: after_seconds(-60), cause: "cut".into() });
        }
        RequestKind::Poll(_) => {
            execution.calls = 1;
            execution.handle = Some(json!(7));
        }
    }
    execution
}

pub(super) fn answered(answer: Answer) -> Input {
    Input::Answered(Answered { answer, provider_reply: ProviderReply::default() })
}

pub(super) fn accepted() -> Accepted {
    Accepted { handle: json!(7), result: json!({ "order_ids": [7] }) }
}

pub(super) fn run(state: &State, input: Input) -> State {
    run_with(state, input, &context(&job()))
}

pub(super) fn run_with(state: &State, input: Input, cx: &Context<'_>) -> State {
    step(state, input, cx).unwrap().state
}

/// A transition in short: its action, and the request or outcome that the action is about.
pub(super) fn summary(transition: &Transition) -> String {
    let request = || transition.state.execution().unwrap().request.as_str();
    let seconds = |due: Timestamp| due.duration_since(NOW).as_secs();
    match transition.action() {
        Action::Sleep(due) => format!("sleep {} {}", seconds(due), request()),
        Action::Park(due) => format!("park {} {}", seconds(due), request()),
        Action::Request { .. } => format!("send {}", request()),
        Action::PublishOutcome(outcome) => format!("!{}", outcome.kind.as_str()),
        Action::Acknowledge => "ack".to_owned(),
        Action::AnswerAgain(_) => "again".to_owned(),
    }
}

/// A state in short: its phase, and the request or outcome that it is about.
pub(super) fn describe(state: &State) -> String {
    match state {
        State::Waiting { execution, due } => {
            let seconds = due.duration_since(NOW).as_secs();
            format!("{} in {seconds}", execution.request.as_str())
        }
        State::Asking { execution, .. } => format!("asking {}", execution.request.as_str()),
        State::Reporting { outcome } => format!("reporting {}", outcome.kind.as_str()),
        State::Done { .. } => "done".to_owned(),
    }
}

pub(super) fn outcome_of(state: State) -> Outcome {
    match state {
        State::Reporting { outcome } => outcome,
        other => unreachable!("expected an outcome, found {}", describe(&other)),
    }
}
