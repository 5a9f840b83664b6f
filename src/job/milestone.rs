//! The steps along the way that are worth an event.

use schemars::JsonSchema;
use serde::Serialize;

use super::state::{ExecutionState, RequestKind, State};

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
                State::Waiting { execution: then, .. } | State::Asking { execution: then, .. },
                State::Asking { execution, .. },
            ) => {
                let first = then.times.started.is_none() && execution.times.started.is_some();
                first.then_some(Milestone::Started)
            }
            (State::Asking { execution: then, .. }, State::Waiting { execution, .. }) => {
                match (&then.request, &execution.request) {
                    _ if then.doubt.is_none() && execution.doubt.is_some() => {
                        Some(Milestone::Doubtful)
                    }
                    (RequestKind::Call | RequestKind::Probe, RequestKind::Poll(_)) => {
                        Some(Milestone::Submitted)
                    }
                    (RequestKind::Poll(_), RequestKind::Poll(_)) => {
                        (execution.changes > then.changes).then_some(Milestone::Progress)
                    }
                    (RequestKind::Call | RequestKind::Probe, RequestKind::Call) => {
                        (execution.calls == then.calls).then_some(Milestone::Retrying)
                    }
                    (
                        RequestKind::Baseline
                        | RequestKind::Call
                        | RequestKind::Probe
                        | RequestKind::Poll(_),
                        _,
                    ) => None,
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
    pub(super) fn number(self, execution: &ExecutionState) -> Option<u32> {
        match self {
            Milestone::Started | Milestone::Submitted => None,
            Milestone::Retrying | Milestone::Doubtful => Some(execution.calls),
            Milestone::Progress => Some(execution.changes),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::Value;

    use super::*;
    use crate::job::state::{Doubt, ProviderReply, Timestamps};
    use crate::job::{Outcome, OutcomeKind};

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn execution(request: RequestKind, calls: u32, changes: u32, doubtful: bool) -> ExecutionState {
        let doubt = doubtful.then(|| Doubt { called_at: NOW, cause: "lost".into() });
        let times = Timestamps { started: (calls > 0).then_some(NOW), ..Timestamps::default() };
        ExecutionState { calls, changes, doubt, times, ..ExecutionState::first(request) }
    }

    /// Every turn that differs in what milestones are told by.
    fn turns() -> Vec<ExecutionState> {
        let mut turns = Vec::new();
        for request in [
            RequestKind::Baseline,
            RequestKind::Call,
            RequestKind::Probe,
            RequestKind::Poll(Value::Null),
        ] {
            for (calls, changes) in [(0, 0), (1, 0), (1, 1), (2, 0)] {
                for doubtful in [false, true] {
                    turns.push(execution(request.clone(), calls, changes, doubtful));
                }
            }
        }
        turns
    }

    fn outcome() -> Outcome {
        Outcome {
            kind: OutcomeKind::Succeeded,
            attempts: 1,
            result: Value::Null,
            handle: None,
            error: None,
            provider_reply: ProviderReply::default(),
            times: Timestamps::default(),
            resolutions: 0,
            execution: None,
        }
    }

    fn waiting(execution: ExecutionState) -> State {
        State::Waiting { execution, due: NOW }
    }

    fn asking(execution: ExecutionState) -> State {
        State::Asking { execution, since: NOW }
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
            State::Waiting { execution, .. } => (execution, false),
            State::Asking { execution, .. } => (execution, true),
            State::Reporting { .. } | State::Done { .. } => return None,
        };
        let (now, is_asking) = match after {
            State::Waiting { execution, .. } => (execution, false),
            State::Asking { execution, .. } => (execution, true),
            State::Reporting { .. } | State::Done { .. } => return None,
        };
        let called = matches!(then.request, RequestKind::Call | RequestKind::Probe);
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
        } else if called && matches!(now.request, RequestKind::Poll(_)) {
            Some(Milestone::Submitted)
        } else if called && now.request == RequestKind::Call && now.calls == then.calls {
            Some(Milestone::Retrying)
        } else if matches!(
            (&then.request, &now.request),
            (RequestKind::Poll(_), RequestKind::Poll(_))
        ) && now.changes > then.changes
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
        let poll = || RequestKind::Poll(Value::Null);
        let call = |calls| execution(RequestKind::Call, calls, 0, false);
        let told = [
            (waiting(call(0)), asking(call(1)), Some("started")),
            (
                asking(execution(RequestKind::Baseline, 0, 0, false)),
                asking(call(1)),
                Some("started"),
            ),
            (asking(call(1)), waiting(call(1)), Some("retrying")),
            (waiting(call(1)), asking(call(2)), None),
            // Put off by a limit of ours: nothing was sent.
            (asking(call(2)), waiting(call(1)), None),
            (asking(call(2)), waiting(execution(RequestKind::Probe, 2, 0, true)), Some("doubtful")),
            (
                waiting(execution(RequestKind::Probe, 2, 0, true)),
                asking(execution(RequestKind::Probe, 2, 0, true)),
                None,
            ),
            (
                asking(execution(RequestKind::Probe, 2, 0, true)),
                waiting(execution(RequestKind::Probe, 2, 0, true)),
                None,
            ),
            // Every probe saw nothing: the call is made again.
            (asking(execution(RequestKind::Probe, 2, 0, true)), waiting(call(2)), Some("retrying")),
            (
                asking(execution(RequestKind::Probe, 2, 0, true)),
                waiting(execution(poll(), 2, 0, false)),
                Some("submitted"),
            ),
            (asking(call(2)), waiting(execution(poll(), 2, 0, false)), Some("submitted")),
            (
                asking(execution(poll(), 2, 0, false)),
                waiting(execution(poll(), 2, 1, false)),
                Some("progress"),
            ),
            (asking(execution(poll(), 2, 1, false)), waiting(execution(poll(), 2, 1, false)), None),
            (asking(execution(poll(), 2, 1, false)), State::Reporting { outcome: outcome() }, None),
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
