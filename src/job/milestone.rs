//! The steps along the way that are worth an event.

use schemars::JsonSchema;
use serde::Serialize;

use super::state::{Ask, State, Turn};

/// Something worth telling along the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Milestone {
    /// The first call is about to be sent.
    Started,
    /// A call was refused in passing and will be made again.
    Retrying,
    /// The provider accepted; there is a handle.
    Submitted,
    /// A poll saw a change.
    Progress,
    /// An answer was lost; it is being looked up.
    Doubtful,
}

impl Milestone {
    /// Every one of them, in the order of a job's life.
    pub const ALL: [Milestone; 5] = [
        Milestone::Started,
        Milestone::Retrying,
        Milestone::Submitted,
        Milestone::Progress,
        Milestone::Doubtful,
    ];

    /// What the way from one saved state to the next is worth telling of, if anything.
    pub fn between(before: &State, after: &State) -> Option<Self> {
        match (before, after) {
            (
                State::Waiting { turn: then, .. } | State::Asking { turn: then, .. },
                State::Asking { turn, .. },
            ) => {
                let first = then.times.started.is_none() && turn.times.started.is_some();
                first.then_some(Milestone::Started)
            }
            (State::Asking { turn: then, .. }, State::Waiting { turn, .. }) => {
                match (&then.ask, &turn.ask) {
                    _ if then.doubt.is_none() && turn.doubt.is_some() => Some(Milestone::Doubtful),
                    (Ask::Call | Ask::Probe, Ask::Poll(_)) => Some(Milestone::Submitted),
                    (Ask::Poll(_), Ask::Poll(_)) => {
                        (turn.changes > then.changes).then_some(Milestone::Progress)
                    }
                    (Ask::Call | Ask::Probe, Ask::Call) => {
                        (turn.calls == then.calls).then_some(Milestone::Retrying)
                    }
                    (Ask::Baseline | Ask::Call | Ask::Probe | Ask::Poll(_), _) => None,
                }
            }
            (
                State::Waiting { .. }
                | State::Asking { .. }
                | State::Reporting { .. }
                | State::Done { .. },
                _,
            ) => None,
        }
    }

    /// The word for it in routing keys and event types.
    pub fn as_str(self) -> &'static str {
        match self {
            Milestone::Started => "started",
            Milestone::Retrying => "retrying",
            Milestone::Submitted => "submitted",
            Milestone::Progress => "progress",
            Milestone::Doubtful => "doubtful",
        }
    }

    /// Distinguishes it from others of its kind in the same job.
    pub(super) fn number(self, turn: &Turn) -> Option<u32> {
        match self {
            Milestone::Started | Milestone::Submitted => None,
            Milestone::Retrying | Milestone::Doubtful => Some(turn.calls),
            Milestone::Progress => Some(turn.changes),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::Value;

    use super::*;
    use crate::job::state::{Doubt, Facts, Times};
    use crate::job::{Outcome, Verdict};

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn turn(ask: Ask, calls: u32, changes: u32, doubtful: bool) -> Turn {
        let doubt = doubtful.then(|| Doubt { called_at: NOW, cause: "lost".into() });
        let times = Times { started: (calls > 0).then_some(NOW), ..Times::default() };
        Turn { calls, changes, doubt, times, ..Turn::first(ask) }
    }

    /// Every turn that differs in what milestones are told by.
    fn turns() -> Vec<Turn> {
        let mut turns = Vec::new();
        for ask in [Ask::Baseline, Ask::Call, Ask::Probe, Ask::Poll(Value::Null)] {
            for (calls, changes) in [(0, 0), (1, 0), (1, 1), (2, 0)] {
                for doubtful in [false, true] {
                    turns.push(turn(ask.clone(), calls, changes, doubtful));
                }
            }
        }
        turns
    }

    fn outcome() -> Outcome {
        Outcome {
            verdict: Verdict::Succeeded,
            attempts: 1,
            result: Value::Null,
            handle: None,
            error: None,
            facts: Facts::default(),
            times: Times::default(),
            resolutions: 0,
            turn: None,
        }
    }

    fn waiting(turn: Turn) -> State {
        State::Waiting { turn, due: NOW }
    }

    fn asking(turn: Turn) -> State {
        State::Asking { turn, since: NOW }
    }

    fn every_state() -> Vec<State> {
        let mut states: Vec<State> = turns().into_iter().map(waiting).collect();
        states.extend(turns().into_iter().map(asking));
        states.push(State::Reporting { outcome: outcome() });
        states.push(State::Done { outcome: outcome() });
        states
    }

    /// The same as [`Milestone::between`], told by what it is about rather than by phases.
    fn expected(before: &State, after: &State) -> Option<Milestone> {
        let (then, was_asking) = match before {
            State::Waiting { turn, .. } => (turn, false),
            State::Asking { turn, .. } => (turn, true),
            State::Reporting { .. } | State::Done { .. } => return None,
        };
        let (now, is_asking) = match after {
            State::Waiting { turn, .. } => (turn, false),
            State::Asking { turn, .. } => (turn, true),
            State::Reporting { .. } | State::Done { .. } => return None,
        };
        let called = matches!(then.ask, Ask::Call | Ask::Probe);
        if is_asking {
            // Put off by a limit of ours, a first call begins twice and is told of once.
            let begins = then.times.started.is_none() && now.times.started.is_some();
            return begins.then_some(Milestone::Started);
        }
        if !was_asking {
            return None;
        }
        if now.doubt.is_some() && then.doubt.is_none() {
            Some(Milestone::Doubtful)
        } else if called && matches!(now.ask, Ask::Poll(_)) {
            Some(Milestone::Submitted)
        } else if called && now.ask == Ask::Call && now.calls == then.calls {
            Some(Milestone::Retrying)
        } else if matches!((&then.ask, &now.ask), (Ask::Poll(_), Ask::Poll(_)))
            && now.changes > then.changes
        {
            Some(Milestone::Progress)
        } else {
            None
        }
    }

    #[test]
    fn every_pair_of_states_is_worth_telling_or_not() {
        for before in every_state() {
            for after in every_state() {
                assert_eq!(
                    Milestone::between(&before, &after),
                    expected(&before, &after),
                    "{before:?} -> {after:?}"
                );
            }
        }
    }

    #[test]
    fn the_steps_of_a_job_are_told_in_their_words() {
        let poll = || Ask::Poll(Value::Null);
        let call = |calls| turn(Ask::Call, calls, 0, false);
        let told = [
            (waiting(call(0)), asking(call(1)), Some("started")),
            (asking(turn(Ask::Baseline, 0, 0, false)), asking(call(1)), Some("started")),
            (asking(call(1)), waiting(call(1)), Some("retrying")),
            (waiting(call(1)), asking(call(2)), None),
            // Put off by a limit of ours: nothing was sent.
            (asking(call(2)), waiting(call(1)), None),
            (asking(call(2)), waiting(turn(Ask::Probe, 2, 0, true)), Some("doubtful")),
            (waiting(turn(Ask::Probe, 2, 0, true)), asking(turn(Ask::Probe, 2, 0, true)), None),
            (asking(turn(Ask::Probe, 2, 0, true)), waiting(turn(Ask::Probe, 2, 0, true)), None),
            // Every probe saw nothing: the call is made again.
            (asking(turn(Ask::Probe, 2, 0, true)), waiting(call(2)), Some("retrying")),
            (
                asking(turn(Ask::Probe, 2, 0, true)),
                waiting(turn(poll(), 2, 0, false)),
                Some("submitted"),
            ),
            (asking(call(2)), waiting(turn(poll(), 2, 0, false)), Some("submitted")),
            (
                asking(turn(poll(), 2, 0, false)),
                waiting(turn(poll(), 2, 1, false)),
                Some("progress"),
            ),
            (asking(turn(poll(), 2, 1, false)), waiting(turn(poll(), 2, 1, false)), None),
            (asking(turn(poll(), 2, 1, false)), State::Reporting { outcome: outcome() }, None),
            (State::Reporting { outcome: outcome() }, State::Done { outcome: outcome() }, None),
        ];
        for (before, after, expected) in told {
            let milestone = Milestone::between(&before, &after).map(Milestone::as_str);
            assert_eq!(milestone, expected, "{before:?} -> {after:?}");
        }
    }

    #[test]
    fn a_milestone_is_written_as_it_is_routed() {
        for milestone in Milestone::ALL {
            assert_eq!(serde_json::json!(milestone), milestone.as_str());
        }
    }
}
