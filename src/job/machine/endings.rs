//! The ends a job can come to.

use jiff::Timestamp;

use super::super::advice::{Outcome, OutcomeError, OutcomeKind, advice};
use super::super::state::{Doubt, ExecutionState, ProviderReply, RequestKind, State};
use super::super::{Failure, FailureClass};
use super::Context;

impl Context<'_> {
    /// Refused for good, or out of tries. What that says depends on what may exist.
    pub(super) fn give_up(&self, execution: ExecutionState, failure: Failure) -> State {
        let trouble = OutcomeError::failure(&failure);
        match execution.request {
            RequestKind::Call | RequestKind::Baseline if execution.doubt.is_none() => {
                self.report(execution, OutcomeKind::Failed, Some(trouble))
            }
            RequestKind::Call | RequestKind::Baseline | RequestKind::Probe => {
                let why = format!("; it can't be looked up: {failure}");
                self.end_in_doubt(execution, &why)
            }
            RequestKind::Poll(_) => {
                let trouble = OutcomeError { advice: advice::UNSEEN_END.to_owned(), ..trouble };
                self.report(execution, OutcomeKind::Unknown, Some(trouble))
            }
        }
    }

    /// Something may exist at the provider, and nothing more will be asked.
    pub(super) fn give_up_in_doubt(&self, execution: ExecutionState) -> State {
        self.end_in_doubt(execution, "")
    }

    fn end_in_doubt(&self, execution: ExecutionState, why: &str) -> State {
        let cause = execution.doubt.as_ref().map_or("", |doubt| &doubt.cause);
        let trouble = OutcomeError {
            code: "AnswerLost".to_owned(),
            message: format!("a call may have taken effect: {cause}{why}"),
            class: FailureClass::Ambiguous.as_str().to_owned(),
            advice: advice::LOST_CALL.to_owned(),
        };
        self.report(execution, OutcomeKind::Unknown, Some(trouble))
    }

    /// The deadline passed, with nothing in doubt.
    pub(super) fn expire(&self, execution: ExecutionState) -> State {
        let trouble = OutcomeError::deadline(execution.handle.is_some());
        self.report(execution, OutcomeKind::Expired, Some(trouble))
    }

    /// Somebody wants it to end, and nothing is being asked.
    pub(super) fn cancel(&self, execution: ExecutionState, due: Timestamp, reason: &str) -> State {
        match execution.request {
            // Whether there is anything to end is still open, and bounded: settle it first.
            RequestKind::Probe => self.resume(execution, due),
            RequestKind::Baseline | RequestKind::Call if execution.doubt.is_some() => {
                self.give_up_in_doubt(execution)
            }
            RequestKind::Baseline | RequestKind::Call | RequestKind::Poll(_) => {
                let trouble = OutcomeError::cancelled(execution.handle.is_some(), reason);
                self.report(execution, OutcomeKind::Cancelled, Some(trouble))
            }
        }
    }

    /// Workers die of it while a request may be on its way.
    pub(super) fn condemn_asking(&self, mut execution: ExecutionState, since: Timestamp) -> State {
        if execution.request == RequestKind::Call {
            let cause = "a worker died before it had the answer".to_owned();
            execution.doubt.get_or_insert(Doubt { called_at: since, cause });
        }
        self.is_poison(execution)
    }

    /// Workers die of it. What that says depends on what may exist.
    pub(super) fn is_poison(&self, execution: ExecutionState) -> State {
        let (kind, advice) = match (&execution.doubt, &execution.handle) {
            (Some(_), _) => (OutcomeKind::Unknown, advice::LOST_CALL),
            (None, Some(_)) => (OutcomeKind::Unknown, advice::UNSEEN_END),
            (None, None) => (OutcomeKind::Failed, advice::POISON),
        };
        let trouble = OutcomeError::poison(
            execution.doubt.as_ref().map(|doubt| doubt.cause.as_str()),
            advice,
        );
        self.report(execution, kind, Some(trouble))
    }

    pub(super) fn report(
        &self,
        execution: ExecutionState,
        kind: OutcomeKind,
        error: Option<OutcomeError>,
    ) -> State {
        let mut times = execution.times;
        times.ended = Some(self.now);
        // A person may settle it, and what they say goes on from here.
        let kept = (kind == OutcomeKind::Unknown).then(|| {
            Box::new(ExecutionState {
                provider_reply: ProviderReply::default(),
                ..execution.clone()
            })
        });
        State::Reporting {
            outcome: Outcome {
                kind,
                attempts: execution.calls,
                result: execution.result,
                handle: execution.handle,
                error,
                provider_reply: execution.provider_reply,
                times,
                resolutions: execution.resolutions,
                execution: kept,
            },
        }
    }
}
