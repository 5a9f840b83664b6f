//! What the machine's tests decide about, and the words they say it in.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::super::policy::{self, Policy};
use super::super::state::Doubt;
use super::super::{
    Accepted, Answer, Answered, ExecutionState, Job, Outcome, ProviderReply, RequestKind, State,
};
use super::{Capabilities, Context, Input, step};

pub(super) const NOW: Timestamp = Timestamp::UNIX_EPOCH;

pub(super) fn policy() -> Policy {
    Policy {
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
    }
}

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
pub(super) const REPEATED: Capabilities = Capabilities { may_repeat_lost_call: true, ..UNPROBED };

pub(super) fn waiting(request: RequestKind) -> State {
    State::Waiting { execution: execution(request), due: NOW }
}

pub(super) fn asking(request: RequestKind) -> State {
    let mut execution = execution(request);
    execution.calls = 1;
    State::Asking { execution, since: NOW - SignedDuration::from_secs(3) }
}

pub(super) fn execution(request: RequestKind) -> ExecutionState {
    let mut execution = ExecutionState::first(request);
    match execution.request {
        RequestKind::Baseline | RequestKind::Call => {}
        RequestKind::Probe => {
            execution.calls = 1;
            let called_at = NOW - SignedDuration::from_secs(60);
            execution.doubt = Some(Doubt { called_at, cause: "cut".into() });
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

pub(super) fn run(state: State, event: Input) -> State {
    run_with(state, event, &job(), PROBED, NOW)
}

pub(super) fn run_with(
    state: State,
    event: Input,
    job: &Job,
    capabilities: Capabilities,
    now: Timestamp,
) -> State {
    let policy = policy();
    step(state, event, &Context { job, policy: &policy, capabilities, now, random: 0.5 }).unwrap()
}

/// A state in a word: what it does next, and about what.
pub(super) fn word(state: &State) -> String {
    let of = |request: &RequestKind| match request {
        RequestKind::Baseline => "baseline",
        RequestKind::Call => "call",
        RequestKind::Probe => "probe",
        RequestKind::Poll(_) => "poll",
    };
    match state {
        State::Waiting { execution, due } => {
            let seconds = due.duration_since(NOW).as_secs();
            format!("{} in {seconds}", of(&execution.request))
        }
        State::Asking { execution, .. } => format!("ask {}", of(&execution.request)),
        State::Reporting { outcome } => format!("!{}", outcome.kind.as_str()),
        State::Done { .. } => "done".to_owned(),
    }
}

pub(super) fn outcome_of(state: State) -> Outcome {
    match state {
        State::Reporting { outcome } => outcome,
        other => unreachable!("expected an outcome, found {}", word(&other)),
    }
}
