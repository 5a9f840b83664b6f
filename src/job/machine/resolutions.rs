//! A person's word on what nobody could settle.

use super::super::report::{Outcome, Trouble, Verdict};
use super::super::state::{Ask, State};
use super::{Context, Event, IllegalEvent, Resolution, illegal};

impl Context<'_> {
    /// Takes an `unknown` job up again from where it was given up. What the provider is known to
    /// have accepted can't be absent.
    pub(super) fn resolve(
        &self,
        outcome: Outcome,
        resolution: Resolution,
    ) -> Result<State, IllegalEvent> {
        let Some(mut turn) = outcome.turn.as_deref().cloned() else {
            return Err(illegal(&State::Done { outcome }, &Event::Resolved(resolution)));
        };
        turn.resolutions += 1;
        turn.facts = outcome.facts.clone();
        match resolution {
            Resolution::Adopt(accepted) => Ok(self.accept(turn, accepted)),
            Resolution::Absent if turn.handle.is_some() => {
                Err(illegal(&State::Done { outcome }, &Event::Resolved(resolution)))
            }
            Resolution::Absent => {
                turn.clear_failures();
                turn.doubt = None;
                turn.absences = 0;
                // Others may have changed what a probe compares with, in all that time.
                turn.ask = if self.abilities.baseline { Ask::Baseline } else { Ask::Call };
                Ok(self.wait_until(turn, self.now))
            }
            Resolution::Fail(note) => {
                let trouble = Trouble::resolved(&note);
                Ok(self.report(turn, Verdict::Failed, Some(trouble)))
            }
        }
    }
}
