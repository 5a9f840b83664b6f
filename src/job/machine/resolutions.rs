//! A person's word on what nobody could settle.

use super::super::advice::{Outcome, OutcomeError, OutcomeKind};
use super::super::state::{RequestKind, State};
use super::{Context, IllegalInput, Input, Resolution, illegal};

impl Context<'_> {
    /// Takes an `unknown` job up again from where it was given up. What the provider is known to
    /// have accepted can't be absent.
    pub(super) fn resolve(
        &self,
        outcome: Outcome,
        resolution: Resolution,
    ) -> Result<State, IllegalInput> {
        let Some(mut execution) = outcome.execution.as_deref().cloned() else {
            return Err(illegal(&State::Done { outcome }, &Input::Resolved(resolution)));
        };
        execution.resolutions += 1;
        execution.provider_reply = outcome.provider_reply.clone();
        match resolution {
            Resolution::Adopt(accepted) => Ok(self.accept(execution, accepted)),
            Resolution::Absent if execution.handle.is_some() => {
                Err(illegal(&State::Done { outcome }, &Input::Resolved(resolution)))
            }
            Resolution::Absent => {
                execution.clear_failures();
                execution.doubt = None;
                execution.absences = 0;
                // Others may have changed what a probe compares with, in all that time.
                execution.request = if self.capabilities.baseline {
                    RequestKind::Baseline
                } else {
                    RequestKind::Call
                };
                Ok(self.wait_until(execution, self.now))
            }
            Resolution::Fail(note) => {
                let trouble = OutcomeError::resolved(&note);
                Ok(self.report(execution, OutcomeKind::Failed, Some(trouble)))
            }
        }
    }
}
