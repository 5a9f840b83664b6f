//! What follows from a failure.

use jiff::Timestamp;

use super::super::state::{Ask, Doubt, Facts, State, Turn};
use super::super::{Failure, Meaning, retry};
use super::Context;
use super::waits::later;

impl Context<'_> {
    /// A request failed.
    pub(super) fn fail(&self, mut turn: Turn, since: Timestamp, failure: Failure) -> State {
        turn.facts =
            Facts { request_ids: failure.request_id.iter().cloned().collect(), ..Facts::default() };
        match (&turn.ask, failure.meaning) {
            (_, Meaning::Permanent) => self.give_up(turn, failure),
            (Ask::Call, Meaning::Ambiguous) => {
                let cause = failure.to_string();
                turn.last_failure = Some(failure);
                self.lose(turn, since, &cause)
            }
            (Ask::Call, Meaning::Retryable { .. })
            | (
                Ask::Baseline | Ask::Probe | Ask::Poll(_),
                Meaning::Retryable { .. } | Meaning::Ambiguous,
            ) => self.try_again(turn, failure),
        }
    }

    /// A call's answer is lost: it may have taken effect.
    pub(super) fn lose(&self, mut turn: Turn, called_at: Timestamp, cause: &str) -> State {
        turn.clear_failures();
        turn.absences = 0;
        // An older doubt widens the window a probe has to look through.
        turn.doubt.get_or_insert(Doubt { called_at, cause: cause.to_owned() });
        let settled = later(self.now, self.policy.probe.settle);
        if self.abilities.probe {
            turn.ask = Ask::Probe;
            State::Waiting { turn, due: settled }
        } else if self.abilities.repeat_in_doubt && turn.calls < self.policy.retry.max_attempts {
            self.wait_until(turn, settled)
        } else {
            self.give_up_in_doubt(turn)
        }
    }

    /// Not acted on, or a read: once more after a wait, or give up.
    pub(super) fn try_again(&self, mut turn: Turn, failure: Failure) -> State {
        turn.failures = turn.failures.saturating_add(1);
        let since = *turn.failing_since.get_or_insert(self.now);
        let retry_after = match failure.meaning {
            Meaning::Retryable { retry_after } => retry_after,
            Meaning::Permanent | Meaning::Ambiguous => None,
        };
        let out_of_calls = turn.ask == Ask::Call && turn.calls >= self.policy.retry.max_attempts;
        let mut policy = self.policy.retry;
        if let Ask::Poll(_) = turn.ask {
            // What was started goes on whether we look or not: only time ends the looking.
            policy.max_attempts = u32::MAX;
        }
        let wait = retry::wait(&policy, turn.failures, since, retry_after, self.now, self.dice);
        match wait {
            Some(wait) if !out_of_calls => {
                turn.last_failure = Some(failure);
                self.wait_until(turn, later(self.now, wait))
            }
            Some(_) | None => self.give_up(turn, failure),
        }
    }
}

impl Turn {
    pub(super) fn clear_failures(&mut self) {
        self.failures = 0;
        self.failing_since = None;
    }
}
