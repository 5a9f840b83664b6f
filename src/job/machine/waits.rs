//! Waiting, waking up, and being taken up again after a crash.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::super::Failure;
use super::super::state::{ExecutionState, RequestKind, State};
use super::Context;

impl Context<'_> {
    /// The wait may be over.
    pub(super) fn resume(&self, mut execution: ExecutionState, due: Timestamp) -> State {
        if self.job.deadline.is_some_and(|deadline| self.now >= deadline) {
            match execution.request {
                RequestKind::Baseline | RequestKind::Call if execution.doubt.is_some() => {
                    return self.give_up_in_doubt(execution);
                }
                RequestKind::Baseline | RequestKind::Call | RequestKind::Poll(_) => {
                    return self.expire(execution);
                }
                // The question what became of the call is still open, and bounded: settle it first.
                RequestKind::Probe => {}
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

    /// A worker stopped while a request may have been on its way.
    pub(super) fn recover(&self, mut execution: ExecutionState, since: Timestamp) -> State {
        match execution.request {
            RequestKind::Call => {
                let failure =
                    Failure::ambiguous("Interrupted", "a worker stopped before it had the answer");
                execution.last_failure = Some(failure.clone());
                self.lose(execution, since, &failure.to_string())
            }
            RequestKind::Baseline | RequestKind::Probe | RequestKind::Poll(_) => {
                State::Asking { execution, since: self.now }
            }
        }
    }

    /// A limit of ours came before the provider, or the provider is away: nothing counts, and
    /// neither does the wait count as patience.
    pub(super) fn put_off(&self, mut execution: ExecutionState, until: Timestamp) -> State {
        if execution.request == RequestKind::Call {
            execution.calls = execution.calls.saturating_sub(1);
        }
        let wait = until.duration_since(self.now).max(SignedDuration::ZERO);
        let later = |since: Timestamp| since.saturating_add(wait).unwrap_or(since);
        execution.failing_since = execution.failing_since.map(later);
        self.wait_until(execution, until)
    }

    /// Waits, but not beyond the deadline: it is reported when it passes, not some time later.
    /// A doubt is settled whatever the deadline.
    pub(super) fn wait_until(&self, execution: ExecutionState, due: Timestamp) -> State {
        let due = match self.job.deadline {
            Some(deadline) if execution.request != RequestKind::Probe => due.min(deadline),
            Some(_) | None => due,
        };
        State::Waiting { execution, due }
    }
}

/// `now + wait`, or the end of time.
pub(super) fn later(now: Timestamp, wait: Duration) -> Timestamp {
    SignedDuration::try_from(wait)
        .ok()
        .and_then(|wait| now.checked_add(wait).ok())
        .unwrap_or(Timestamp::MAX)
}
