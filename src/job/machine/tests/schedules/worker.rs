//! The workers of random lives. They perform the machine's actions and crash between any two steps.

use std::time::Duration;

use rand::Rng;

use super::super::super::{Action, Capabilities, Context, Input, Isolation, MIN_PARK, step};
use super::provider::FakeProvider;
use super::{MAX_STEPS, Sabotage};
use crate::job::policy::Policy;
use crate::job::{Failure, Job, Outcome, OutcomeKind, State};

/// What the published event of an outcome shows.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PublishedOutcome {
    pub(super) resolutions: u32,
    pub(super) kind: OutcomeKind,
    pub(super) class: String,
    pub(super) has_handle: bool,
}

impl From<&Outcome> for PublishedOutcome {
    fn from(outcome: &Outcome) -> Self {
        Self {
            resolutions: outcome.resolutions,
            kind: outcome.kind,
            class: outcome.error.as_ref().map(|error| error.class.clone()).unwrap_or_default(),
            has_handle: outcome.handle.is_some(),
        }
    }
}

/// All workers that ever run one job. They share only what is saved and published.
pub(super) struct SimulatedWorker<'a> {
    pub(super) job: &'a Job,
    pub(super) policy: &'a Policy,
    pub(super) capabilities: Capabilities,
    pub(super) saved: State,
    pub(super) cancelled: bool,
    pub(super) published: Vec<PublishedOutcome>,
    pub(super) steps: u32,
    pub(super) sabotage: Sabotage,
    /// A claim was kept during a long wait, or in an exclusive run during any wait.
    pub(super) slept_long: bool,
    /// A message was acknowledged before the outcome was published.
    pub(super) acknowledged_early: bool,
}

impl SimulatedWorker<'_> {
    /// Runs the job from its saved state until it is done (`true`), it is parked, or the worker
    /// crashes.
    pub(super) fn run(&mut self, provider: &mut FakeProvider) -> bool {
        let is_poison = provider.chance(0.01);
        let isolation = match is_poison || provider.chance(0.05) {
            true => Isolation::Exclusive,
            false => Isolation::Shared,
        };
        let mut input = if is_poison { Input::Poisoned } else { Input::Resumed };
        loop {
            self.steps += 1;
            let context = Context {
                job: self.job,
                policy: self.policy,
                capabilities: self.capabilities,
                cancelled: self.cancelled.then_some(""),
                isolation,
                now: provider.now,
                random: provider.random.random_range(0.0..1.0),
            };
            let Ok(next) = step(&self.saved, input, &context) else {
                return true; // the life is broken: it has no outcome
            };
            let mut early = None;
            if self.sabotage == Sabotage::ActBeforeSave
                && let Action::Request { execution, .. } = next.action()
            {
                early = Some(provider.answer(&execution.request));
            }
            if provider.chance(0.05) || self.steps > MAX_STEPS {
                return false; // crashed before the save
            }
            self.saved = next.state.clone();
            if provider.chance(0.05) {
                // Crashed after the save. A stalled worker may still send the request.
                if let Action::Request { execution, .. } = next.action()
                    && provider.chance(0.3)
                {
                    let crashed_at = provider.now;
                    provider.answer(&execution.request);
                    provider.now = crashed_at;
                }
                return false;
            }
            input = match next.action() {
                Action::Sleep(due) => {
                    let wait = due.duration_since(provider.now);
                    self.slept_long |=
                        wait >= MIN_PARK || (isolation == Isolation::Exclusive && !self.cancelled);
                    provider.now = provider.now.max(due);
                    Input::Resumed
                }
                Action::Park(due) => {
                    self.cancelled |= provider.chance(0.05);
                    // A wake-up may be early, for instance if it was sent twice.
                    if provider.chance(0.7) {
                        provider.now = provider.now.max(due);
                    }
                    provider.pass_time(Duration::from_secs(2));
                    return false;
                }
                Action::Request { execution, .. } => {
                    early.take().unwrap_or_else(|| provider.answer(&execution.request))
                }
                Action::PublishOutcome(outcome) => {
                    self.published.push(outcome.into());
                    Input::Published
                }
                Action::Acknowledge | Action::AnswerAgain(_) => {
                    let State::Done { outcome } = &next.state else { unreachable!() };
                    self.acknowledged_early |= self.published.last() != Some(&outcome.into());
                    match provider.resolution(outcome) {
                        Some(resolution) => Input::Resolved(resolution),
                        None => return true,
                    }
                }
            };
            if provider.chance(0.05) {
                return false; // crashed after the action: its result is lost
            }
            if self.sabotage == Sabotage::NoDoubt
                && let Input::Failed(failure) = input
            {
                input = Input::Failed(Failure::retryable(failure.code, failure.message));
            }
        }
    }
}
