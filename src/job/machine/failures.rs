//! What follows from a failure.

use jiff::Timestamp;

use super::super::state::{Doubt, ExecutionState, ProviderReply, RequestKind, State};
use super::super::{Failure, FailureClass};
use super::Context;
use super::waits::later;

impl Context<'_> {
    /// A request failed.
    pub(super) fn fail(
        &self,
        mut execution: ExecutionState,
        since: Timestamp,
        failure: Failure,
    ) -> State {
        execution.provider_reply = ProviderReply {
            request_ids: failure.request_id.iter().cloned().collect(),
            ..ProviderReply::default()
        };
        match (&execution.request, failure.meaning) {
            (_, FailureClass::Permanent) => self.give_up(execution, failure),
            (RequestKind::Call, FailureClass::Ambiguous) => {
                let cause = failure.to_string();
                execution.last_failure = Some(failure);
                self.lose(execution, since, &cause)
            }
            (RequestKind::Call, FailureClass::Retryable { .. })
            | (
                RequestKind::Baseline | RequestKind::Probe | RequestKind::Poll(_),
                FailureClass::Retryable { .. } | FailureClass::Ambiguous,
            ) => self.try_again(execution, failure),
        }
    }

    /// A call's answer is lost: it may have taken effect.
    pub(super) fn lose(
        &self,
        mut execution: ExecutionState,
        called_at: Timestamp,
        cause: &str,
    ) -> State {
        execution.clear_failures();
        execution.absences = 0;
        // An older doubt widens the window a probe has to look through.
        execution.doubt.get_or_insert(Doubt { called_at, cause: cause.to_owned() });
        let settled = later(self.now, self.policy.probe.settle);
        if self.capabilities.probe {
            execution.request = RequestKind::Probe;
            State::Waiting { execution, due: settled }
        } else if self.capabilities.may_repeat_lost_call
            && execution.calls < self.policy.retry.max_attempts
        {
            self.wait_until(execution, settled)
        } else {
            self.give_up_in_doubt(execution)
        }
    }

    /// Not acted on, or a read: once more after a wait, or give up.
    pub(super) fn try_again(&self, mut execution: ExecutionState, failure: Failure) -> State {
        execution.failures = execution.failures.saturating_add(1);
        let since = *execution.failing_since.get_or_insert(self.now);
        let retry_after = match failure.meaning {
            FailureClass::Retryable { retry_after } => retry_after,
            FailureClass::Permanent | FailureClass::Ambiguous => None,
        };
        let out_of_calls = execution.request == RequestKind::Call
            && execution.calls >= self.policy.retry.max_attempts;
        let mut policy = self.policy.retry;
        if let RequestKind::Poll(_) = execution.request {
            // What was started goes on whether we look or not: only time ends the looking.
            policy.max_attempts = u32::MAX;
        }
        let wait = policy.delay(execution.failures, since, retry_after, self.now, self.random);
        match wait {
            Some(wait) if !out_of_calls => {
                execution.last_failure = Some(failure);
                self.wait_until(execution, later(self.now, wait))
            }
            Some(_) | None => self.give_up(execution, failure),
        }
    }
}

impl ExecutionState {
    pub(super) fn clear_failures(&mut self) {
        self.failures = 0;
        self.failing_since = None;
    }
}
