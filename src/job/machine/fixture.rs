//! What the machine's tests decide about, and the words they say it in.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::super::policy::{self, Policy};
use super::super::state::Doubt;
use super::super::{Accepted, Answer, Answered, Ask, Facts, Job, Outcome, State, Turn};
use super::{Abilities, Context, Event, step};

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

pub(super) const PROBED: Abilities =
    Abilities { baseline: true, probe: true, repeat_in_doubt: false };
pub(super) const UNPROBED: Abilities =
    Abilities { baseline: false, probe: false, repeat_in_doubt: false };
pub(super) const REPEATED: Abilities = Abilities { repeat_in_doubt: true, ..UNPROBED };

pub(super) fn waiting(ask: Ask) -> State {
    State::Waiting { turn: turn(ask), due: NOW }
}

pub(super) fn asking(ask: Ask) -> State {
    let mut turn = turn(ask);
    turn.calls = 1;
    State::Asking { turn, since: NOW - SignedDuration::from_secs(3) }
}

pub(super) fn turn(ask: Ask) -> Turn {
    let mut turn = Turn::first(ask);
    match turn.ask {
        Ask::Baseline | Ask::Call => {}
        Ask::Probe => {
            turn.calls = 1;
            let called_at = NOW - SignedDuration::from_secs(60);
            turn.doubt = Some(Doubt { called_at, cause: "cut".into() });
        }
        Ask::Poll(_) => {
            turn.calls = 1;
            turn.handle = Some(json!(7));
        }
    }
    turn
}

pub(super) fn answered(answer: Answer) -> Event {
    Event::Answered(Answered { answer, facts: Facts::default() })
}

pub(super) fn accepted() -> Accepted {
    Accepted { handle: json!(7), result: json!({ "order_ids": [7] }) }
}

pub(super) fn run(state: State, event: Event) -> State {
    run_with(state, event, &job(), PROBED, NOW)
}

pub(super) fn run_with(
    state: State,
    event: Event,
    job: &Job,
    abilities: Abilities,
    now: Timestamp,
) -> State {
    let policy = policy();
    step(state, event, &Context { job, policy: &policy, abilities, now, dice: 0.5 }).unwrap()
}

/// A state in a word: what it does next, and about what.
pub(super) fn word(state: &State) -> String {
    let of = |ask: &Ask| match ask {
        Ask::Baseline => "baseline",
        Ask::Call => "call",
        Ask::Probe => "probe",
        Ask::Poll(_) => "poll",
    };
    match state {
        State::Waiting { turn, due } => {
            let seconds = due.duration_since(NOW).as_secs();
            format!("{} in {seconds}", of(&turn.ask))
        }
        State::Asking { turn, .. } => format!("ask {}", of(&turn.ask)),
        State::Reporting { outcome } => format!("!{}", outcome.verdict.as_str()),
        State::Done { .. } => "done".to_owned(),
    }
}

pub(super) fn outcome_of(state: State) -> Outcome {
    match state {
        State::Reporting { outcome } => outcome,
        other => unreachable!("expected an outcome, found {}", word(&other)),
    }
}
