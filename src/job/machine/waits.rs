//! Waiting, waking up, and being taken up again after a crash.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::super::Failure;
use super::super::state::{Ask, State, Turn};
use super::Context;

impl Context<'_> {
    /// The wait may be over.
    pub(super) fn resume(&self, mut turn: Turn, due: Timestamp) -> State {
        if self.job.deadline.is_some_and(|deadline| self.now >= deadline) {
            match turn.ask {
                Ask::Baseline | Ask::Call if turn.doubt.is_some() => {
                    return self.give_up_in_doubt(turn);
                }
                Ask::Baseline | Ask::Call | Ask::Poll(_) => return self.expire(turn),
                // The question what became of the call is still open, and bounded: settle it first.
                Ask::Probe => {}
            }
        }
        if self.now < due {
            return State::Waiting { turn, due };
        }
        if turn.ask == Ask::Call {
            turn.calls = turn.calls.saturating_add(1);
            turn.times.started.get_or_insert(self.now);
        }
        State::Asking { turn, since: self.now }
    }

    /// A worker stopped while a request may have been on its way.
    pub(super) fn recover(&self, mut turn: Turn, since: Timestamp) -> State {
        match turn.ask {
            Ask::Call => {
                let failure =
                    Failure::ambiguous("Interrupted", "a worker stopped before it had the answer");
                turn.last_failure = Some(failure.clone());
                self.lose(turn, since, &failure.to_string())
            }
            Ask::Baseline | Ask::Probe | Ask::Poll(_) => State::Asking { turn, since: self.now },
        }
    }

    /// A limit of ours came before the provider, or the provider is away: nothing counts, and
    /// neither does the wait count as patience.
    pub(super) fn put_off(&self, mut turn: Turn, until: Timestamp) -> State {
        if turn.ask == Ask::Call {
            turn.calls = turn.calls.saturating_sub(1);
        }
        let wait = until.duration_since(self.now).max(SignedDuration::ZERO);
        let later = |since: Timestamp| since.saturating_add(wait).unwrap_or(since);
        turn.failing_since = turn.failing_since.map(later);
        self.wait_until(turn, until)
    }

    /// Waits, but not beyond the deadline: it is reported when it passes, not some time later.
    /// A doubt is settled whatever the deadline.
    pub(super) fn wait_until(&self, turn: Turn, due: Timestamp) -> State {
        let due = match self.job.deadline {
            Some(deadline) if turn.ask != Ask::Probe => due.min(deadline),
            Some(_) | None => due,
        };
        State::Waiting { turn, due }
    }
}

/// `now + wait`, or the end of time.
pub(super) fn later(now: Timestamp, wait: Duration) -> Timestamp {
    SignedDuration::try_from(wait)
        .ok()
        .and_then(|wait| now.checked_add(wait).ok())
        .unwrap_or(Timestamp::MAX)
}
