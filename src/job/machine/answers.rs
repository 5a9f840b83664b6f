//! What follows from an answer.

use serde_json::Value;

use super::super::advice::{OutcomeError, OutcomeKind};
use super::super::state::{
    Accepted, Answer, Answered, ExecutionState, RequestKind, Running, State,
};
use super::super::{Failure, Until};
use super::waits::later;
use super::{Context, IllegalInput, Input, illegal};

impl Context<'_> {
    /// The provider answered.
    pub(super) fn read(
        &self,
        mut execution: ExecutionState,
        answered: Answered,
    ) -> Result<State, IllegalInput> {
        let request = execution.request.clone();
        let next = match (request, answered.answer) {
            (RequestKind::Baseline, Answer::Baseline(baseline)) => {
                execution.clear_failures();
                execution.baseline = Some(baseline);
                execution.request = RequestKind::Call;
                execution.provider_reply = answered.provider_reply;
                self.resume(execution, self.now)
            }
            (RequestKind::Call, Answer::Accepted(accepted))
            | (RequestKind::Probe, Answer::Found(accepted)) => {
                execution.provider_reply = answered.provider_reply;
                self.accept(execution, accepted)
            }
            (RequestKind::Probe, Answer::Absent) => {
                execution.clear_failures();
                execution.provider_reply = answered.provider_reply;
                self.miss(execution)
            }
            (RequestKind::Probe, Answer::Undecided(why)) => {
                let failure = Failure::ambiguous("Undecided", why);
                execution.provider_reply = answered.provider_reply;
                self.try_again(execution, failure)
            }
            (RequestKind::Poll(_), Answer::Running(running)) => {
                execution.provider_reply = answered.provider_reply;
                self.follow(execution, running)
            }
            (RequestKind::Poll(_), Answer::Ended(ended)) => {
                execution.provider_reply = answered.provider_reply;
                overlay(&mut execution.result, ended.result);
                match ended.failure {
                    None => self.report(execution, OutcomeKind::Succeeded, None),
                    Some((code, message)) => {
                        let trouble = OutcomeError::ticket(code, message);
                        self.report(execution, OutcomeKind::Failed, Some(trouble))
                    }
                }
            }
            (_, answer) => {
                let state = State::Asking { execution, since: self.now };
                let event =
                    Input::Answered(Answered { answer, provider_reply: answered.provider_reply });
                return Err(illegal(&state, &event));
            }
        };
        Ok(next)
    }

    /// The provider took the call, or a probe found that it had.
    pub(super) fn accept(&self, mut execution: ExecutionState, accepted: Accepted) -> State {
        execution.clear_failures();
        execution.doubt = None;
        execution.times.submitted = Some(self.now);
        execution.handle = Some(accepted.handle.clone());
        overlay(&mut execution.result, accepted.result);
        match self.job.until {
            Until::Accepted => self.report(execution, OutcomeKind::Succeeded, None),
            Until::Finished => {
                execution.request = RequestKind::Poll(accepted.handle);
                let wait = self.policy.poll.delay(0, false, self.random);
                self.wait_until(execution, later(self.now, wait))
            }
        }
    }

    /// A probe saw no trace of the call.
    pub(super) fn miss(&self, mut execution: ExecutionState) -> State {
        execution.absences = execution.absences.saturating_add(1);
        if execution.absences < self.policy.probe.tries {
            return State::Waiting { execution, due: later(self.now, self.policy.probe.interval) };
        }
        execution.doubt = None;
        execution.absences = 0;
        execution.request = RequestKind::Call;
        if execution.calls >= self.policy.retry.max_attempts {
            let failure = Failure::retryable(
                "NoAnswer",
                format!("{} calls stayed without an answer and without effect", execution.calls),
            );
            return self.report(
                execution,
                OutcomeKind::Failed,
                Some(OutcomeError::failure(&failure)),
            );
        }
        self.wait_until(execution, self.now)
    }

    /// A poll found it under way.
    pub(super) fn follow(&self, mut execution: ExecutionState, running: Running) -> State {
        execution.clear_failures();
        overlay(&mut execution.result, running.result);
        if execution.seen.as_ref() == Some(&running.seen) {
            execution.unchanged = execution.unchanged.saturating_add(1);
        } else {
            execution.changes = execution.changes.saturating_add(1);
            execution.unchanged = 0;
            execution.seen = Some(running.seen);
        }
        let wait =
            self.policy.poll.delay(execution.unchanged, running.waits_for_person, self.random);
        self.wait_until(execution, later(self.now, wait))
    }
}

/// Lays the fields of `new` over `known`.
fn overlay(known: &mut Value, new: Value) {
    match (known, new) {
        (_, Value::Null) => {}
        (Value::Object(known), Value::Object(new)) => known.extend(new),
        (known, new) => *known = new,
    }
}
