//! The steps of a job that are published before it ends.

use schemars::JsonSchema;
use serde::Serialize;

use super::state::{ExecutionState, RequestKind, State};

/// A step of a job that is published before it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Milestone {
    /// The first call is about to be sent.
    Started,
    /// A call was refused for now, or had no effect, and will be made again.
    Retrying,
    /// The provider accepted the call; a handle exists.
    Submitted,
    /// A poll saw another status.
    Progress,
    /// The answer of a call was lost; probes find out whether it took effect.
    Doubtful,
}

impl Milestone {
    /// All milestones, in the order of a job's life.
    pub const ALL: [Milestone; 5] = [
        Milestone::Started,
        Milestone::Retrying,
        Milestone::Submitted,
        Milestone::Progress,
        Milestone::Doubtful,
    ];

    /// The milestone that a job reaches between two saved states, if any.
    pub(super) fn between(before: &State, after: &State) -> Option<Self> {
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

    /// Name in routing keys and event types.
    pub fn as_str(self) -> &'static str {
        match self {
            Milestone::Started => "started",
            Milestone::Retrying => "retrying",
            Milestone::Submitted => "submitted",
            Milestone::Progress => "progress",
            Milestone::Doubtful => "doubtful",
        }
    }

    /// Distinguishes repeated milestones of a job in the ids of their events.
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

    /// One of each that a milestone can depend on.
    fn executions() -> Vec<ExecutionState> {
        let mut executions = Vec::new();
        for request in [
            RequestKind::Baseline,
            RequestKind::Call,
            RequestKind::Probe,
            RequestKind::Poll(Value::Null),
        ] {
            for (calls, changes) in [(0, 0), (1, 0), (1, 1), (2, 0)] {
                for doubtful in [false, true] {
                    executions.push(execution(request.clone(), calls, changes, doubtful));
                }
            }
        }
        executions
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
        let mut states: Vec<State> = executions().into_iter().map(waiting).collect();
        states.extend(executions().into_iter().map(asking));
        states.push(State::Reporting { outcome: outcome() });
        states.push(State::Done { outcome: outcome() });
        states
    }

    /// A second definition of [`Milestone::between`], by meaning instead of by phase.
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
            // A deferred first call begins twice and is published once.
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
    fn every_pair_of_states_has_the_expected_milestone() {
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
    fn each_step_of_a_job_has_its_milestone() {
        let poll = || RequestKind::Poll(Value::Null);
        let call = |calls| execution(RequestKind::Call, calls, 0, false);
        let steps = [
            (waiting(call(0)), asking(call(1)), Some("started")),
            (
                asking(execution(RequestKind::Baseline, 0, 0, false)),
                asking(call(1)),
                Some("started"),
            ),
            (asking(call(1)), waiting(call(1)), Some("retrying")),
            (waiting(call(1)), asking(call(2)), None),
            // Deferred: the call was not sent.
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
            // No probe saw a trace: the call is made again.
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
        for (before, after, expected) in steps {
            let milestone = Milestone::between(&before, &after).map(Milestone::as_str);
            assert_eq!(milestone, expected, "{before:?} -> {after:?}");
        }
    }

    #[test]
    fn a_milestone_is_serialized_by_its_name() {
        for milestone in Milestone::ALL {
            assert_eq!(serde_json::json!(milestone), milestone.as_str());
        }
    }
}
