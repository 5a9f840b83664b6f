//! Failed requests.

use jiff::Timestamp;

use super::super::state::{Doubt, ExecutionState, ProviderReply, RequestKind, State};
use super::super::{Failure, FailureClass};
use super::Context;
use super::waits::later;

impl Context<'_> {
    pub(super) fn on_failure(
        &self,
        mut execution: ExecutionState,
        since: Timestamp,
        failure: Failure,
    ) -> State {
        execution.provider_reply = ProviderReply {
            request_ids: failure.request_id.iter().cloned().collect(),
            ..ProviderReply::default()
        };
        match (&execution.request, failure.class) {
            (_, FailureClass::Permanent) => self.give_up(execution, failure),
            (RequestKind::Call, FailureClass::Ambiguous) => {
                let cause = failure.to_string();
                execution.last_failure = Some(failure);
                self.on_lost_call(execution, since, &cause)
            }
            (RequestKind::Call, FailureClass::Retryable { .. })
            | (
                RequestKind::Baseline | RequestKind::Probe | RequestKind::Poll(_),
                FailureClass::Retryable { .. } | FailureClass::Ambiguous,
            ) => self.try_again(execution, failure),
        }
    }

    /// The answer of a call is lost: the call may have taken effect.
    pub(super) fn on_lost_call(
        &self,
        mut execution: ExecutionState,
        called_at: Timestamp,
        cause: &str,
    ) -> State {
        execution.clear_failures();
        execution.absences = 0;
        // An earlier doubt stays: a probe has to look back to the first lost call.
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
            self.give_up_in_doubt(execution, "")
        }
    }

    /// Repeats a request that had no effect, after a pause, or gives up.
    pub(super) fn try_again(&self, mut execution: ExecutionState, failure: Failure) -> State {
        execution.failures = execution.failures.saturating_add(1);
        let since = *execution.failing_since.get_or_insert(self.now);
        let retry_after = match failure.class {
            FailureClass::Retryable { retry_after } => retry_after,
            FailureClass::Permanent | FailureClass::Ambiguous => None,
        };
        let out_of_calls = execution.request == RequestKind::Call
            && execution.calls >= self.policy.retry.max_attempts;
        let mut retry = self.policy.retry;
        if let RequestKind::Poll(_) = execution.request {
            // The provider keeps working however often a poll fails. Only time ends polling.
            retry.max_attempts = u32::MAX;
        }
        match retry.delay(execution.failures, since, retry_after, self.now, self.random) {
            Some(pause) if !out_of_calls => {
                execution.last_failure = Some(failure);
                self.wait_until(execution, later(self.now, pause))
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
