//! The ends a job can come to.

use jiff::Timestamp;

use super::super::report::{Outcome, Trouble, Verdict, advice};
use super::super::state::{Ask, Doubt, Facts, State, Turn};
use super::super::{Failure, Meaning};
use super::Context;

impl Context<'_> {
    /// Refused for good, or out of tries. What that says depends on what may exist.
    pub(super) fn give_up(&self, turn: Turn, failure: Failure) -> State {
        let trouble = Trouble::failure(&failure);
        match turn.ask {
            Ask::Call | Ask::Baseline if turn.doubt.is_none() => {
                self.report(turn, Verdict::Failed, Some(trouble))
            }
            Ask::Call | Ask::Baseline | Ask::Probe => {
                let why = format!("; it can't be looked up: {failure}");
                self.end_in_doubt(turn, &why)
            }
            Ask::Poll(_) => {
                let trouble = Trouble { advice: advice::UNSEEN_END.to_owned(), ..trouble };
                self.report(turn, Verdict::Unknown, Some(trouble))
            }
        }
    }

    /// Something may exist at the provider, and nothing more will be asked.
    pub(super) fn give_up_in_doubt(&self, turn: Turn) -> State {
        self.end_in_doubt(turn, "")
    }

    fn end_in_doubt(&self, turn: Turn, why: &str) -> State {
        let cause = turn.doubt.as_ref().map_or("", |doubt| &doubt.cause);
        let trouble = Trouble {
            code: "AnswerLost".to_owned(),
            message: format!("a call may have taken effect: {cause}{why}"),
            class: Meaning::Ambiguous.as_str().to_owned(),
            advice: advice::LOST_CALL.to_owned(),
        };
        self.report(turn, Verdict::Unknown, Some(trouble))
    }

    /// The deadline passed, with nothing in doubt.
    pub(super) fn expire(&self, turn: Turn) -> State {
        let trouble = Trouble::deadline(turn.handle.is_some());
        self.report(turn, Verdict::Expired, Some(trouble))
    }

    /// Somebody wants it to end, and nothing is being asked.
    pub(super) fn cancel(&self, turn: Turn, due: Timestamp, reason: &str) -> State {
        match turn.ask {
            // Whether there is anything to end is still open, and bounded: settle it first.
            Ask::Probe => self.resume(turn, due),
            Ask::Baseline | Ask::Call if turn.doubt.is_some() => self.give_up_in_doubt(turn),
            Ask::Baseline | Ask::Call | Ask::Poll(_) => {
                let trouble = Trouble::cancelled(turn.handle.is_some(), reason);
                self.report(turn, Verdict::Cancelled, Some(trouble))
            }
        }
    }

    /// Workers die of it while a request may be on its way.
    pub(super) fn condemn_asking(&self, mut turn: Turn, since: Timestamp) -> State {
        if turn.ask == Ask::Call {
            let cause = "a worker died before it had the answer".to_owned();
            turn.doubt.get_or_insert(Doubt { called_at: since, cause });
        }
        self.condemn(turn)
    }

    /// Workers die of it. What that says depends on what may exist.
    pub(super) fn condemn(&self, turn: Turn) -> State {
        let (verdict, advice) = match (&turn.doubt, &turn.handle) {
            (Some(_), _) => (Verdict::Unknown, advice::LOST_CALL),
            (None, Some(_)) => (Verdict::Unknown, advice::UNSEEN_END),
            (None, None) => (Verdict::Failed, advice::POISON),
        };
        let trouble =
            Trouble::poison(turn.doubt.as_ref().map(|doubt| doubt.cause.as_str()), advice);
        self.report(turn, verdict, Some(trouble))
    }

    pub(super) fn report(&self, turn: Turn, verdict: Verdict, error: Option<Trouble>) -> State {
        let mut times = turn.times;
        times.ended = Some(self.now);
        // A person may settle it, and what they say goes on from here.
        let kept = (verdict == Verdict::Unknown)
            .then(|| Box::new(Turn { facts: Facts::default(), ..turn.clone() }));
        State::Reporting {
            outcome: Outcome {
                verdict,
                attempts: turn.calls,
                result: turn.result,
                handle: turn.handle,
                error,
                facts: turn.facts,
                times,
                resolutions: turn.resolutions,
                turn: kept,
            },
        }
    }
}
