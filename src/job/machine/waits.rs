//! Waiting, the end of a wait, and a restart after a crash.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::super::Failure;
use super::super::state::{ExecutionState, RequestKind, State};
use super::Context;

impl Context<'_> {
    /// Sends the request if it is due. A cancel request or a passed deadline ends the job instead,
    /// but never while a probe is open: its attempts are bounded, and the call may have taken effect.
    pub(super) fn on_due(&self, mut execution: ExecutionState, due: Timestamp) -> State {
        if execution.request != RequestKind::Probe {
            if let Some(reason) = self.cancelled {
                return self.cancel(execution, reason);
            }
            if self.job.deadline.is_some_and(|deadline| self.now >= deadline) {
                return self.expire(execution);
            }
        }
        if self.now < due {
            return State::Waiting { execution, due };
        }
        if execution.request == RequestKind::Call {
            execution.calls = execution.calls.saturating_add(1);
            execution.times.started.get_or_insert(self.now);
        }
        State::Asking { execution, since: self.now }
    }

    /// A worker stopped while the request may have been in progress.
    pub(super) fn on_restart(&self, mut execution: ExecutionState, since: Timestamp) -> State {
        match execution.request {
            RequestKind::Call => {
                let failure =
                    Failure::ambiguous("Interrupted", "a worker stopped before it had the answer");
                let cause = failure.to_string();
                execution.last_failure = Some(failure);
                self.on_lost_call(execution, since, &cause)
            }
            RequestKind::Baseline | RequestKind::Probe | RequestKind::Poll(_) => {
                State::Asking { execution, since: self.now }
            }
        }
    }

    /// The request was not sent: it counts neither as a call nor as time of failing.
    pub(super) fn on_deferred(&self, mut execution: ExecutionState, until: Timestamp) -> State {
        if execution.request == RequestKind::Call {
            execution.calls = execution.calls.saturating_sub(1);
        }
        let wait = until.duration_since(self.now).max(SignedDuration::ZERO);
        execution.failing_since =
            execution.failing_since.map(|since| since.saturating_add(wait).unwrap_or(since));
        self.wait_until(execution, until)
    }

    /// Waits until `due` or the deadline, whichever is first. The deadline does not limit a probe.
    pub(super) fn wait_until(&self, execution: ExecutionState, due: Timestamp) -> State {
        let due = match self.job.deadline {
            Some(deadline) if execution.request != RequestKind::Probe => due.min(deadline),
            Some(_) | None => due,
        };
        State::Waiting { execution, due }
    }
}

/// `now + wait`, or the latest time that exists.
pub(super) fn later(now: Timestamp, wait: Duration) -> Timestamp {
    SignedDuration::try_from(wait)
        .ok()
        .and_then(|wait| now.checked_add(wait).ok())
        .unwrap_or(Timestamp::MAX)
}
