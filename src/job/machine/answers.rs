//! Answers of a provider.

use jiff::Timestamp;
use serde_json::Value;

use super::super::advice::OutcomeError;
use super::super::state::{
    Accepted, Answer, Answered, ExecutionState, OutcomeKind, RequestKind, Running, State,
};
use super::super::{Failure, Until};
use super::waits::later;
use super::{Context, IllegalInput, Input, illegal};

impl Context<'_> {
    pub(super) fn on_answer(
        &self,
        mut execution: ExecutionState,
        since: Timestamp,
        answered: Answered,
    ) -> Result<State, IllegalInput> {
        if !answered.answer.is_for(&execution.request) {
            return Err(illegal(&State::Asking { execution, since }, &Input::Answered(answered)));
        }
        execution.provider_reply = answered.provider_reply;
        Ok(match answered.answer {
            Answer::Baseline(baseline) => {
                execution.clear_failures();
                execution.baseline = Some(baseline);
                execution.request = RequestKind::Call;
                self.on_due(execution, self.now)
            }
            Answer::Accepted(accepted) | Answer::Found(accepted) => {
                self.accept(execution, accepted)
            }
            Answer::Absent => self.on_absent(execution),
            Answer::Undecided(why) => {
                self.try_again(execution, Failure::ambiguous("Undecided", why))
            }
            Answer::Running(running) => self.on_running(execution, running),
            Answer::Ended(ended) => {
                overlay(&mut execution.result, ended.result);
                match ended.failure {
                    None => self.report(execution, OutcomeKind::Succeeded, None),
                    Some((code, message)) => {
                        let error = OutcomeError::ticket(code, message);
                        self.report(execution, OutcomeKind::Failed, Some(error))
                    }
                }
            }
        })
    }

    /// Takes over the handle, and polls it unless acceptance is all that the job asks for.
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

    /// A probe saw no trace of the call. After enough of them the call counts as without effect.
    fn on_absent(&self, mut execution: ExecutionState) -> State {
        execution.clear_failures();
        execution.absences = execution.absences.saturating_add(1);
        if execution.absences < self.policy.probe.tries {
            return State::Waiting { execution, due: later(self.now, self.policy.probe.interval) };
        }
        execution.doubt = None;
        execution.absences = 0;
        execution.request = RequestKind::Call;
        if execution.calls >= self.policy.retry.max_attempts {
            let message =
                format!("{} calls stayed without an answer and without effect", execution.calls);
            let error = OutcomeError::failure(&Failure::retryable("NoAnswer", message));
            return self.report(execution, OutcomeKind::Failed, Some(error));
        }
        self.wait_until(execution, self.now)
    }

    fn on_running(&self, mut execution: ExecutionState, running: Running) -> State {
        execution.clear_failures();
        overlay(&mut execution.result, running.result);
        if execution.seen.as_ref() == Some(&running.seen) {
            execution.unchanged = execution.unchanged.saturating_add(1);
        } else {
            execution.changes = execution.changes.saturating_add(1);
            execution.unchanged = 0;
            execution.seen = Some(running.seen);
        }
        let (unchanged, for_person) = (execution.unchanged, running.waits_for_person);
        let wait = self.policy.poll.delay(unchanged, for_person, self.random);
        self.wait_until(execution, later(self.now, wait))
    }
}

impl Answer {
    /// Whether a request of this kind can have this answer.
    fn is_for(&self, request: &RequestKind) -> bool {
        match self {
            Answer::Baseline(_) => matches!(request, RequestKind::Baseline),
            Answer::Accepted(_) => matches!(request, RequestKind::Call),
            Answer::Found(_) | Answer::Absent | Answer::Undecided(_) => {
                matches!(request, RequestKind::Probe)
            }
            Answer::Running(_) | Answer::Ended(_) => matches!(request, RequestKind::Poll(_)),
        }
    }
}

/// Replaces the fields of `known` by those of `new`.
fn overlay(known: &mut Value, new: Value) {
    match (known, new) {
        (_, Value::Null) => {}
        (Value::Object(known), Value::Object(new)) => known.extend(new),
        (known, new) => *known = new,
    }
}
