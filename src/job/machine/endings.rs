//! The ends a job can come to.

use super::super::report::{Outcome, Trouble, Verdict, advice};
use super::super::state::{Ask, State, Turn};
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
    pub(super) fn cancel(&self, turn: Turn) -> State {
        if turn.doubt.is_some() {
            return self.give_up_in_doubt(turn);
        }
        let trouble = Trouble::cancelled(turn.handle.is_some());
        self.report(turn, Verdict::Cancelled, Some(trouble))
    }

    pub(super) fn report(&self, turn: Turn, verdict: Verdict, error: Option<Trouble>) -> State {
        let mut times = turn.times;
        times.ended = Some(self.now);
        State::Reporting {
            outcome: Outcome {
                verdict,
                attempts: turn.calls,
                result: turn.result,
                handle: turn.handle,
                error,
                facts: turn.facts,
                times,
            },
        }
    }
}
