//! The state machine of a job: the one place that decides what happens next.
//!
//! [`step`] is a pure function of a state, an input and a [`Context`]. It returns a
//! [`Transition`]: the next state, to be saved first, and the [`Action`] to perform then. A crash
//! therefore needs no code path of its own. The next worker resumes the saved state.
//!
//! ```text
//!                     ┌───── refused for now, or still running ─────┐
//!                     ▼                                             │
//! claimed ─► Waiting(request) ── due ──► Asking(request) ─ answer ──┤
//!                     ▲                     │         │             │
//!                     └─ answer lost, or ───┘         └─ finished,  │
//!                        crash in a call:                refused, or no attempts left
//!                        probe                           ─► Reporting ─ confirmed ─► Done
//! ```
//!
//! Only a person leads a job out of `Done`, by resolving an outcome of `unknown`.
//!
//! A state may come from a message that anyone wrote, so counts saturate, and times stay in range.

use jiff::{SignedDuration, Timestamp};

use super::history::HistoryEntry;
use super::milestone::Milestone;
use super::policy::Policy;
use super::state::{Accepted, Answered, ExecutionState, Outcome, RequestKind, State};
use super::{Failure, Job};

mod answers;
mod endings;
mod failures;
mod resolutions;
mod waits;

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;

/// Shortest wait for which a job is parked and its claim released.
pub const MIN_PARK: SignedDuration = SignedDuration::from_secs(1);

/// What happened to a job.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A worker claimed the job, or a wait ended.
    Resumed,
    /// The provider answered.
    Answered(Answered),
    /// The request failed.
    Failed(Failure),
    /// The request was not sent, and must not be sent before this time: a rate limit of ours is
    /// used up, or the provider is unavailable.
    Deferred(Timestamp),
    /// The broker confirmed the outcome.
    Published,
    /// Workers crashed while they ran only this job.
    Poisoned,
    /// A person resolved an outcome of `unknown`.
    Resolved(Resolution),
}

/// What a person found out about a call that no probe could settle.
#[derive(Clone, Debug, PartialEq)]
pub enum Resolution {
    /// The call took effect and started this.
    Adopt(Accepted),
    /// The call had no effect. It is made again.
    Absent,
    /// The job ends as failed, with this message.
    Fail(String),
}

/// What an operation can do with an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// A baseline is read before the call.
    pub baseline: bool,
    /// A probe can find out whether a lost call took effect.
    pub probe: bool,
    /// The operator allows a lost call to be repeated without a probe (a deliberate re-deploy).
    pub may_repeat_lost_call: bool,
}

/// Whether other jobs run in the same process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// Other jobs may run at the same time.
    Shared,
    /// No other job runs. A crash of the process can only be this job's fault.
    Exclusive,
}

/// Everything that a decision depends on besides the state and the input.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The job.
    pub job: &'a Job,
    /// Retry, probe and poll settings of the operation.
    pub policy: &'a Policy,
    /// What the operation can do.
    pub capabilities: Capabilities,
    /// Reason of a cancel request, which may be empty; none without a cancel request.
    pub cancelled: Option<&'a str>,
    /// Whether other jobs run in the same process.
    pub isolation: Isolation,
    /// Current time.
    pub now: Timestamp,
    /// A random number, uniform in 0..1.
    pub random: f64,
}

/// What to do once a state is saved.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Action<'a> {
    /// Wait in place until then, and resume.
    Sleep(Timestamp),
    /// Send a wake-up for then, and leave the job.
    Park(Timestamp),
    /// Send the request of this state, which was decided at `since`.
    Request {
        /// Holds the request.
        execution: &'a ExecutionState,
        /// When the state was decided.
        since: Timestamp,
    },
    /// Publish the outcome.
    PublishOutcome(&'a Outcome),
    /// Acknowledge the message: the job is done.
    Acknowledge,
    /// The job was done before this message arrived. Publish the outcome again if the producer asks
    /// for it.
    AnswerAgain(&'a Outcome),
}

/// A decision: the state to save, and what follows from it.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    /// The next state. It is saved before the action is performed.
    pub state: State,
    /// Whether the state differs from the one before. An unchanged state is not saved: a save
    /// counts as progress and resets the count of crashes.
    pub changed: bool,
    /// Milestone to publish.
    pub milestone: Option<Milestone>,
    /// Entry to add to the job's history.
    pub history: Option<HistoryEntry>,
    /// Time of the decision.
    pub at: Timestamp,
    /// End of a wait that is too short to release the claim.
    sleep_until: Option<Timestamp>,
    /// Whether the outcome was published before.
    was_done: bool,
}

impl Transition {
    /// What to do once the state is saved.
    pub fn action(&self) -> Action<'_> {
        match &self.state {
            State::Waiting { due, .. } => {
                self.sleep_until.map_or(Action::Park(*due), Action::Sleep)
            }
            State::Asking { execution, since } => Action::Request { execution, since: *since },
            State::Reporting { outcome } => Action::PublishOutcome(outcome),
            State::Done { outcome } if self.was_done => Action::AnswerAgain(outcome),
            State::Done { .. } => Action::Acknowledge,
        }
    }
}

/// An input that cannot happen in a state: a bug of ours, never of a provider.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("illegal input {input} in state {state}")]
pub struct IllegalInput {
    state: String,
    input: String,
}

/// The first state of a job.
pub fn start(job: &Job, capabilities: Capabilities) -> State {
    State::Waiting {
        execution: ExecutionState::first(first_request(capabilities)),
        due: job.not_before.unwrap_or(job.received_at),
    }
}

fn first_request(capabilities: Capabilities) -> RequestKind {
    if capabilities.baseline { RequestKind::Baseline } else { RequestKind::Call }
}

/// What follows from an input. Every pair that [`Context::next`] does not list is an
/// [`IllegalInput`].
pub fn step(before: &State, input: Input, cx: &Context<'_>) -> Result<Transition, IllegalInput> {
    let state = cx.next(before.clone(), input)?;
    let milestone = Milestone::between(before, &state);
    Ok(Transition {
        changed: state != *before,
        milestone,
        history: HistoryEntry::between(before, &state, milestone, cx.now),
        at: cx.now,
        sleep_until: cx.sleep_until(&state),
        was_done: matches!(before, State::Done { .. }),
        state,
    })
}

impl Context<'_> {
    fn next(&self, state: State, input: Input) -> Result<State, IllegalInput> {
        match (state, input) {
            (State::Waiting { execution, due }, Input::Resumed) => Ok(self.on_due(execution, due)),
            (State::Waiting { execution, .. }, Input::Poisoned) => Ok(self.on_poisoned(execution)),

            (State::Asking { execution, since }, Input::Resumed) => {
                Ok(self.on_restart(execution, since))
            }
            (State::Asking { execution, since }, Input::Answered(answered)) => {
                self.on_answer(execution, since, answered)
            }
            (State::Asking { execution, since }, Input::Failed(failure)) => {
                Ok(self.on_failure(execution, since, failure))
            }
            (State::Asking { execution, .. }, Input::Deferred(until)) => {
                Ok(self.on_deferred(execution, until))
            }
            (State::Asking { execution, since }, Input::Poisoned) => {
                Ok(self.on_poisoned_request(execution, since))
            }

            (State::Reporting { outcome }, Input::Published) => Ok(State::Done { outcome }),
            (State::Done { outcome }, Input::Resolved(resolution)) => {
                self.on_resolved(outcome, resolution)
            }

            // The outcome is decided and does not change.
            (
                state @ (State::Reporting { .. } | State::Done { .. }),
                Input::Resumed | Input::Poisoned,
            ) => Ok(state),

            (state, input) => Err(illegal(&state, &input)),
        }
    }

    /// Until when a waiting job keeps its claim; none if it is parked. In an exclusive run other
    /// jobs wait for this one to leave.
    fn sleep_until(&self, state: &State) -> Option<Timestamp> {
        match state {
            State::Waiting { .. } if self.cancelled.is_some() && state.is_cancellable() => {
                Some(self.now)
            }
            State::Waiting { due, .. } => {
                let is_short = due.duration_since(self.now) < MIN_PARK;
                (is_short && self.isolation == Isolation::Shared).then_some(*due)
            }
            State::Asking { .. } | State::Reporting { .. } | State::Done { .. } => None,
        }
    }
}

fn illegal(state: &State, input: &Input) -> IllegalInput {
    let phase = match state {
        State::Waiting { execution, .. } => format!("Waiting({:?})", execution.request),
        State::Asking { execution, .. } => format!("Asking({:?})", execution.request),
        State::Reporting { .. } => "Reporting".to_owned(),
        State::Done { .. } => "Done".to_owned(),
    };
    IllegalInput { state: phase, input: format!("{input:?}") }
}
