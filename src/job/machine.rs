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
pub enum Event {
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
    Condemned,
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
pub struct Abilities {
    /// A baseline is read before the call.
    pub baseline: bool,
    /// A probe can find out whether a lost call took effect.
    pub probe: bool,
    /// The operator allows a lost call to be made again unprobed (a deliberate re-deploy).
    pub repeat_in_doubt: bool,
}

/// All that a decision may depend on beside the state and the event.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The job.
    pub job: &'a Job,
    /// How patient we are.
    pub policy: &'a Policy,
    /// What can be asked.
    pub abilities: Abilities,
    /// The time.
    pub now: Timestamp,
    /// Chance, uniform in 0..1.
    pub dice: f64,
}

/// An event that cannot happen in this state: a bug of ours, never of a provider.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("illegal event {event} in state {state}")]
pub struct IllegalEvent {
    state: String,
    event: String,
}

/// What follows from an event. Every pair not listed is an [`IllegalEvent`].
pub fn step(state: State, event: Event, cx: &Context<'_>) -> Result<State, IllegalEvent> {
    match (state, event) {
        (State::Waiting { turn, due }, Event::Resumed) => Ok(cx.resume(turn, due)),
        (State::Waiting { turn, due }, Event::Cancelled(reason)) => {
            Ok(cx.cancel(turn, due, &reason))
        }
        (State::Waiting { turn, .. }, Event::Condemned) => Ok(cx.condemn(turn)),

        (State::Asking { turn, since }, Event::Resumed) => Ok(cx.recover(turn, since)),
        (State::Asking { turn, .. }, Event::Answered(answered)) => cx.read(turn, answered),
        (State::Asking { turn, since }, Event::Failed(failure)) => {
            Ok(cx.fail(turn, since, failure))
        }
        (State::Asking { turn, .. }, Event::Deferred(until)) => Ok(cx.put_off(turn, until)),
        (State::Asking { turn, since }, Event::Condemned) => Ok(cx.condemn_asking(turn, since)),

        (State::Reporting { outcome }, Event::Resumed) => Ok(State::Reporting { outcome }),
        (State::Reporting { outcome }, Event::Published) => Ok(State::Done { outcome }),
        (State::Done { outcome }, Event::Resumed) => Ok(State::Done { outcome }),
        (State::Done { outcome }, Event::Resolved(resolution)) => cx.resolve(outcome, resolution),

        // Too late: the outcome stands.
        (
            state @ (State::Reporting { .. } | State::Done { .. }),
            Event::Cancelled(_) | Event::Condemned,
        ) => Ok(state),

        (state, event) => Err(illegal(&state, &event)),
    }
}

fn illegal(state: &State, event: &Event) -> IllegalEvent {
    let phase = match state {
        State::Waiting { turn, .. } => format!("Waiting({:?})", turn.ask),
        State::Asking { turn, .. } => format!("Asking({:?})", turn.ask),
        State::Reporting { .. } => "Reporting".to_owned(),
        State::Done { .. } => "Done".to_owned(),
    };
    IllegalEvent { state: phase, event: format!("{event:?}") }
}
