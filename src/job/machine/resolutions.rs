//! Outcomes of `unknown` that a person resolves.

use super::super::advice::OutcomeError;
use super::super::state::{Outcome, OutcomeKind, State};
use super::{Context, IllegalInput, Input, Resolution, first_request, illegal};

impl Context<'_> {
    /// Continues an `unknown` job from where it was given up. A call that the provider is known to
    /// have accepted can't be absent.
    pub(super) fn on_resolved(
        &self,
        outcome: Outcome,
        resolution: Resolution,
    ) -> Result<State, IllegalInput> {
        let accepted = outcome.handle.is_some();
        let Some(mut execution) = outcome
            .execution
            .as_deref()
            .filter(|_| !(accepted && resolution == Resolution::Absent))
            .cloned()
        else {
            return Err(illegal(&State::Done { outcome }, &Input::Resolved(resolution)));
        };
        execution.resolutions = execution.resolutions.saturating_add(1);
        execution.provider_reply = outcome.provider_reply;
        match resolution {
            Resolution::Adopt(accepted) => Ok(self.accept(execution, accepted)),
            Resolution::Absent => {
                execution.clear_failures();
                execution.doubt = None;
                execution.absences = 0;
                // Meanwhile others may have changed what a probe compares with.
                execution.request = first_request(self.capabilities);
                Ok(self.wait_until(execution, self.now))
            }
            Resolution::Fail(note) => {
                let error = OutcomeError::resolved(&note);
                Ok(self.report(execution, OutcomeKind::Failed, Some(error)))
            }
        }
    }
}
