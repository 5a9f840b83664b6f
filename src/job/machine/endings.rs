//! The ways a job can end.

use jiff::Timestamp;

use super::super::advice::{self, OutcomeError};
use super::super::state::{
    Doubt, ExecutionState, Outcome, OutcomeKind, ProviderReply, RequestKind, State,
};
use super::super::{Failure, FailureClass};
use super::Context;

impl Context<'_> {
    /// The request was refused, or has no attempts left. The outcome depends on what may exist at
    /// the provider.
    pub(super) fn give_up(&self, execution: ExecutionState, failure: Failure) -> State {
        let error = OutcomeError::failure(&failure);
        match execution.request {
            RequestKind::Call | RequestKind::Baseline if execution.doubt.is_none() => {
                self.report(execution, OutcomeKind::Failed, Some(error))
            }
            RequestKind::Call | RequestKind::Baseline | RequestKind::Probe => {
                self.give_up_in_doubt(execution, &format!("; it can't be looked up: {failure}"))
            }
            RequestKind::Poll(_) => {
                let error = OutcomeError { advice: advice::UNSEEN_END.to_owned(), ..error };
                self.report(execution, OutcomeKind::Unknown, Some(error))
            }
        }
    }

    /// A call may have taken effect, and no further request is made to find out.
    pub(super) fn give_up_in_doubt(&self, execution: ExecutionState, why: &str) -> State {
        let cause = execution.doubt.as_ref().map_or("", |doubt| &doubt.cause);
        let error = OutcomeError {
            code: "AnswerLost".to_owned(),
            message: format!("a call may have taken effect: {cause}{why}"),
            class: FailureClass::Ambiguous.as_str().to_owned(),
            advice: advice::LOST_CALL.to_owned(),
        };
        self.report(execution, OutcomeKind::Unknown, Some(error))
    }

    /// The deadline has passed.
    pub(super) fn expire(&self, execution: ExecutionState) -> State {
        if execution.doubt.is_some() {
            return self.give_up_in_doubt(execution, "");
        }
        let error = OutcomeError::deadline(execution.handle.is_some());
        self.report(execution, OutcomeKind::Expired, Some(error))
    }

    /// A cancel request ends the job between two requests.
    pub(super) fn cancel(&self, execution: ExecutionState, reason: &str) -> State {
        if execution.doubt.is_some() {
            return self.give_up_in_doubt(execution, "");
        }
        let error = OutcomeError::cancelled(execution.handle.is_some(), reason);
        self.report(execution, OutcomeKind::Cancelled, Some(error))
    }

    /// Workers crash because of this job, and a request may have been sent.
    pub(super) fn on_poisoned_request(
        &self,
        mut execution: ExecutionState,
        since: Timestamp,
    ) -> State {
        if execution.request == RequestKind::Call {
            let cause = "a worker died before it had the answer".to_owned();
            execution.doubt.get_or_insert(Doubt { called_at: since, cause });
        }
        self.on_poisoned(execution)
    }

    /// Workers crash because of this job. The outcome depends on what may exist at the provider.
    pub(super) fn on_poisoned(&self, execution: ExecutionState) -> State {
        let (kind, advice) = match (&execution.doubt, &execution.handle) {
            (Some(_), _) => (OutcomeKind::Unknown, advice::LOST_CALL),
            (None, Some(_)) => (OutcomeKind::Unknown, advice::UNSEEN_END),
            (None, None) => (OutcomeKind::Failed, advice::POISON),
        };
        let doubt = execution.doubt.as_ref().map(|doubt| doubt.cause.as_str());
        let error = OutcomeError::poison(doubt, advice);
        self.report(execution, kind, Some(error))
    }

    pub(super) fn report(
        &self,
        execution: ExecutionState,
        kind: OutcomeKind,
        error: Option<OutcomeError>,
    ) -> State {
        let mut times = execution.times;
        times.ended = Some(self.now);
        // A person may resolve the job, and it continues from here.
        let kept = (kind == OutcomeKind::Unknown).then(|| {
            let provider_reply = ProviderReply::default();
            Box::new(ExecutionState { provider_reply, ..execution.clone() })
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
