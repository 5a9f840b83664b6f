//! The one place that decides what follows.
//!
//! [`step`] is a pure function from a state and an event to the next state. The state alone says
//! what to do next: [`State::Waiting`] waits, [`State::Asking`] asks, [`State::Reporting`]
//! publishes, [`State::Done`] acknowledges. So a crash needs no path of its own: whoever takes the
//! job up resumes it, and goes on with what the saved state says. A state may come from a message
//! that a stranger wrote, so its counts saturate, and its times end where time does.
//!
//! ```text
//!                  ┌──────── refused in passing, or still running ────────┐
//!                  ▼                                                      │
//! claimed ─► Waiting(turn) ──── due ────► Asking(turn) ──── answered ─────┤
//!                  ▲                        │    │                        │
//!                  └─ answer lost, or crash ┘    └─ finished, refused,    │
//!                     during a call: probe          or out of tries ─► Reporting ─ confirmed ─► Done
//! ```
//!
//! The only way back from `Done` is a person's, who settles an outcome of `unknown`.

use jiff::Timestamp;

use super::policy::Policy;
use super::{Accepted, Answered, Failure, Job, State};

mod answers;
mod endings;
mod failures;
mod resolutions;
mod waits;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod interventions;
#[cfg(test)]
mod paths;
#[cfg(test)]
mod schedules;
#[cfg(test)]
mod table;

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A worker has claimed the job, for the first time or after anything at all; or a wait ended.
    Resumed,
    /// The provider answered.
    Answered(Answered),
    /// The request failed.
    Failed(Failure),
    /// Nothing happened, and nothing is to happen before then: a limit of ours holds the request
    /// back, or the provider is away.
    Deferred(Timestamp),
    /// The broker confirmed the outcome.
    Published,
    /// Somebody wants it to end, for a reason, which may be empty.
    Cancelled(String),
    /// Workers die of it, and they ran nothing else.
    Poisoned,
    /// A person has settled what was reported as unknown.
    Resolved(Resolution),
}

/// What a person found out about a call that nobody could settle.
#[derive(Clone, Debug, PartialEq)]
pub enum Resolution {
    /// It took effect, and this is what it started.
    Adopt(Accepted),
    /// It had no effect: it is made again.
    Absent,
    /// The job is to end as failed, in these words.
    Fail(String),
}

/// What the machine may count on for this operation and account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// A baseline is read before the call.
    pub baseline: bool,
    /// A probe can find out whether a lost call took effect.
    pub probe: bool,
    /// The operator allows a lost call to be made again unprobed (a deliberate re-deploy).
    pub may_repeat_lost_call: bool,
}

/// All that a decision may depend on beside the state and the event.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The job.
    pub job: &'a Job,
    /// How patient we are.
    pub policy: &'a Policy,
    /// What can be asked.
    pub capabilities: Capabilities,
    /// The time.
    pub now: Timestamp,
    /// Chance, uniform in 0..1.
    pub random: f64,
}

/// An event that cannot happen in this state: a bug of ours, never of a provider.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("illegal event {event} in state {state}")]
pub struct IllegalInput {
    state: String,
    event: String,
}

/// What follows from an event. Every pair not listed is an [`IllegalInput`].
pub fn step(state: State, event: Input, cx: &Context<'_>) -> Result<State, IllegalInput> {
    match (state, event) {
        (State::Waiting { execution, due }, Input::Resumed) => Ok(cx.resume(execution, due)),
        (State::Waiting { execution, due }, Input::Cancelled(reason)) => {
            Ok(cx.cancel(execution, due, &reason))
        }
        (State::Waiting { execution, .. }, Input::Poisoned) => Ok(cx.is_poison(execution)),

        (State::Asking { execution, since }, Input::Resumed) => Ok(cx.recover(execution, since)),
        (State::Asking { execution, .. }, Input::Answered(answered)) => {
            cx.read(execution, answered)
        }
        (State::Asking { execution, since }, Input::Failed(failure)) => {
            Ok(cx.fail(execution, since, failure))
        }
        (State::Asking { execution, .. }, Input::Deferred(until)) => {
            Ok(cx.put_off(execution, until))
        }
        (State::Asking { execution, since }, Input::Poisoned) => {
            Ok(cx.condemn_asking(execution, since))
        }

        (State::Reporting { outcome }, Input::Resumed) => Ok(State::Reporting { outcome }),
        (State::Reporting { outcome }, Input::Published) => Ok(State::Done { outcome }),
        (State::Done { outcome }, Input::Resumed) => Ok(State::Done { outcome }),
        (State::Done { outcome }, Input::Resolved(resolution)) => cx.resolve(outcome, resolution),

        // Too late: the outcome stands.
        (
            state @ (State::Reporting { .. } | State::Done { .. }),
            Input::Cancelled(_) | Input::Poisoned,
        ) => Ok(state),

        (state, event) => Err(illegal(&state, &event)),
    }
}

fn illegal(state: &State, event: &Input) -> IllegalInput {
    let phase = match state {
        State::Waiting { execution, .. } => format!("Waiting({:?})", execution.request),
        State::Asking { execution, .. } => format!("Asking({:?})", execution.request),
        State::Reporting { .. } => "Reporting".to_owned(),
        State::Done { .. } => "Done".to_owned(),
    };
    IllegalInput { state: phase, event: format!("{event:?}") }
}
