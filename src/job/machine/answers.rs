//! What follows from an answer.

use serde_json::Value;

use super::super::report::{Trouble, Verdict};
use super::super::state::{Accepted, Answer, Answered, Ask, Running, State, Turn};
use super::super::{Failure, Until, retry};
use super::waits::later;
use super::{Context, Event, IllegalEvent, illegal};

impl Context<'_> {
    /// The provider answered.
    pub(super) fn read(&self, mut turn: Turn, answered: Answered) -> Result<State, IllegalEvent> {
        let ask = turn.ask.clone();
        let next = match (ask, answered.answer) {
            (Ask::Baseline, Answer::Baseline(baseline)) => {
                turn.clear_failures();
                turn.baseline = Some(baseline);
                turn.ask = Ask::Call;
                turn.facts = answered.facts;
                self.resume(turn, self.now)
            }
            (Ask::Call, Answer::Accepted(accepted)) | (Ask::Probe, Answer::Found(accepted)) => {
                turn.facts = answered.facts;
                self.accept(turn, accepted)
            }
            (Ask::Probe, Answer::Absent) => {
                turn.clear_failures();
                turn.facts = answered.facts;
                self.miss(turn)
            }
            (Ask::Probe, Answer::Undecided(why)) => {
                let failure = Failure::ambiguous("Undecided", why);
                turn.facts = answered.facts;
                self.try_again(turn, failure)
            }
            (Ask::Poll(_), Answer::Running(running)) => {
                turn.facts = answered.facts;
                self.follow(turn, running)
            }
            (Ask::Poll(_), Answer::Ended(ended)) => {
                turn.facts = answered.facts;
                overlay(&mut turn.result, ended.result);
                match ended.failure {
                    None => self.report(turn, Verdict::Succeeded, None),
                    Some((code, message)) => {
                        let trouble = Trouble::ticket(code, message);
                        self.report(turn, Verdict::Failed, Some(trouble))
                    }
                }
            }
            (_, answer) => {
                let state = State::Asking { turn, since: self.now };
                let event = Event::Answered(Answered { answer, facts: answered.facts });
                return Err(illegal(&state, &event));
            }
        };
        Ok(next)
    }

    /// The provider took the call, or a probe found that it had.
    pub(super) fn accept(&self, mut turn: Turn, accepted: Accepted) -> State {
        turn.clear_failures();
        turn.doubt = None;
        turn.times.submitted = Some(self.now);
        turn.handle = Some(accepted.handle.clone());
        overlay(&mut turn.result, accepted.result);
        match self.job.until {
            Until::Accepted => self.report(turn, Verdict::Succeeded, None),
            Until::Finished => {
                turn.ask = Ask::Poll(accepted.handle);
                let wait = retry::poll_wait(&self.policy.poll, 0, false, self.dice);
                self.wait_until(turn, later(self.now, wait))
            }
        }
    }

    /// A probe saw no trace of the call.
    pub(super) fn miss(&self, mut turn: Turn) -> State {
        turn.absences = turn.absences.saturating_add(1);
        if turn.absences < self.policy.probe.tries {
            return State::Waiting { turn, due: later(self.now, self.policy.probe.interval) };
        }
        turn.doubt = None;
        turn.absences = 0;
        turn.ask = Ask::Call;
        if turn.calls >= self.policy.retry.max_attempts {
            let failure = Failure::retryable(
                "NoAnswer",
                format!("{} calls stayed without an answer and without effect", turn.calls),
            );
            return self.report(turn, Verdict::Failed, Some(Trouble::failure(&failure)));
        }
        self.wait_until(turn, self.now)
    }

    /// A poll found it under way.
    pub(super) fn follow(&self, mut turn: Turn, running: Running) -> State {
        turn.clear_failures();
        overlay(&mut turn.result, running.result);
        if turn.seen.as_ref() == Some(&running.seen) {
            turn.unchanged = turn.unchanged.saturating_add(1);
        } else {
            turn.changes = turn.changes.saturating_add(1);
            turn.unchanged = 0;
            turn.seen = Some(running.seen);
        }
        let wait = retry::poll_wait(
            &self.policy.poll,
            turn.unchanged,
            running.waits_for_person,
            self.dice,
        );
        self.wait_until(turn, later(self.now, wait))
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
